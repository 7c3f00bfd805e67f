"""What is mutated: each method of a server, by its reflection, and messages that it takes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import grpc
import pandas as pd
from google.protobuf import message_factory
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from learnwire.v1 import endpoint_service_pb2 as calls
from learnwire.v1 import prediction_service_pb2 as pb
from learnwire_client.inputs import predict_request
from learnwire_client.payloads import filled
from learnwire_client.tables import encode_table

from tests.end_to_end.inference import request, tensors
from tests.end_to_end.typed import Stub, contract_of

from .endpoints import ALONE, NAMED

_PREDICTION = "/learnwire.v1.PredictionService"
_ENDPOINT = "/learnwire.v1.EndpointService"
_INFERENCE = "/inference.GRPCInferenceService"
# It ends the server, whatever it is sent.
_ENDS = "/learnwire.v1.AdminService/Drain"
_CHANGES = ("/learnwire.v1.AdminService/", f"{_INFERENCE}/RepositoryModel")


@dataclass(frozen=True)
class Method:
    """An RPC.

    Attributes:
        path: as HTTP/2 has it.
        request: the class of its requests.
        response: the class of its answers.
        streams: whether it takes several requests.
        seeds: messages that it takes.
    """

    path: str
    request: type[Message]
    response: type[Message]
    streams: bool
    seeds: Sequence[Message]

    @property
    def changes(self) -> bool:
        """Whether it changes what is served, so that it must not understand what it is sent."""
        return self.path.startswith(_CHANGES)


@dataclass(frozen=True)
class Corpus:
    """All that is mutated.

    Attributes:
        methods: every RPC of the server.
        words: the strings of all seeds, such as names of models and columns.
    """

    methods: Sequence[Method]
    words: Sequence[str]

    def only(self, part: str) -> "Corpus":
        """Give the methods whose paths have that in them."""
        return replace(self, methods=[one for one in self.methods if part in one.path])


def corpus(target: str, items: Mapping[str, Sequence[Any]]) -> Corpus:
    """Ask a server what it has; `items` are those of its models."""
    with grpc.insecure_channel(target) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        pool = DescriptorPool(database)
        names = sorted(database.get_services())
        services = [pool.FindServiceByName(name) for name in names]
        found = [one for service in services for one in service.methods]
        known = {**_predictions(items), **_inferences(items), **_calls()}
        for name in items:
            known |= _typed(Stub(channel, contract_of(name)), items[name])
        found = [one for one in found if _path(one) != _ENDS]
        methods = [_method(one, known.get(_path(one), []), [*items, *names]) for one in found]
    seeds = [seed for method in methods for seed in method.seeds]
    return Corpus(methods, sorted({word for seed in seeds for word in _words(seed)}))


def _path(method: MethodDescriptor) -> str:
    return f"/{method.containing_service.full_name}/{method.name}"


def _method(method: MethodDescriptor, known: Sequence[Message], names: Sequence[str]) -> Method:
    request = message_factory.GetMessageClass(method.input_type)
    seeds = [request.FromString(one.SerializeToString()) for one in known]
    for field in method.input_type.fields:
        # Of what nothing is known, some names may be understood.
        if not known and field.type == FieldDescriptor.TYPE_STRING and not field.is_repeated:
            seeds += [request(**{field.name: name}) for name in names]
    response = message_factory.GetMessageClass(method.output_type)
    found = Method(_path(method), request, response, method.client_streaming, seeds or [request()])
    return replace(found, seeds=[request()]) if found.changes else found


def _predictions(items: Mapping[str, Sequence[Any]]) -> dict[str, list[Message]]:
    ones = [predict_request(name, item) for name, some in items.items() for item in some]
    many = [pb.PredictManyRequest(model=name) for name in items]
    for one in many:
        _fill(one, [predict_request("", item) for item in items[one.model]])
    rows = [name for name, some in items.items() if isinstance(some[0], dict | pd.Series)]
    many += [
        pb.PredictManyRequest(model=name, table=encode_table(pd.DataFrame(items[name])))
        for name in rows
    ]
    streamed = [pb.PredictStreamRequest(id=str(i), request=one) for i, one in enumerate(ones)]
    return {
        f"{_PREDICTION}/Predict": [*ones],
        f"{_PREDICTION}/PredictMany": [*many],
        f"{_PREDICTION}/PredictStream": [*streamed],
    }


def _inferences(items: Mapping[str, Sequence[Any]]) -> dict[str, list[Message]]:
    """Give batches of tensors, raw and typed; those that go together in one."""
    batches = [
        (name, tensors([dict(item) if isinstance(item, pd.Series) else item]))
        for name, some in items.items()
        for item in some
    ]
    batches += [(name, tensors(some)) for name, some in items.items() if isinstance(some[0], str)]
    asked: list[Message] = [
        request(name, arrays, typed=typed, id=str(i))
        for i, (name, arrays) in enumerate(batches)
        for typed in (False, True)
    ]
    return {f"{_INFERENCE}/ModelInfer": asked, f"{_INFERENCE}/ModelStreamInfer": asked}


def _fill(many: pb.PredictManyRequest, ones: Sequence[pb.PredictRequest]) -> None:
    match ones[0].WhichOneof("input"):
        case "text":
            many.texts.contents.extend(one.text.content for one in ones)
        case "row":
            many.rows.rows.extend(one.row for one in ones)
        case "array":
            many.arrays.arrays.extend(one.array for one in ones)
        case _:
            many.arrays_list.items.extend(one.arrays for one in ones)


def _typed(stub: Stub, items: Sequence[Any]) -> dict[str, list[Message]]:
    ones = [stub.request(item) for item in items]
    path = f"/{stub.contract.service}"
    service = stub.pool.FindServiceByName(stub.contract.service)
    many, numbered = (
        cast(Any, message_factory.GetMessageClass(service.methods_by_name[name].input_type))
        for name in ("PredictMany", "PredictStream")
    )
    return {
        f"{path}/Predict": ones,
        f"{path}/PredictMany": [many(requests=ones)],
        f"{path}/PredictStream": [numbered(id=str(i), request=r) for i, r in enumerate(ones)],
    }


def _calls() -> dict[str, list[Message]]:
    def requests(kind: Any) -> list[Message]:
        alone = [filled(kind(endpoint=name), one, None) for name, one in ALONE.items()]
        return [*alone, *(filled(kind(endpoint=name), ..., some) for name, some in NAMED.items())]

    return {
        f"{_ENDPOINT}/Call": requests(calls.CallRequest),
        f"{_ENDPOINT}/CallStream": requests(calls.CallStreamRequest),
    }


def _words(message: Message) -> Iterator[str]:
    """Give the strings in a message, at any depth."""
    for field, value in message.ListFields():
        of_map = field.message_type is not None and field.message_type.GetOptions().map_entry
        values = [*value, *value.values()] if of_map else value if field.is_repeated else [value]
        for one in values:
            if isinstance(one, Message):
                yield from _words(one)
            elif isinstance(one, str):
                yield one
