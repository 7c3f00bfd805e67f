"""Callers of the models' own services: they know the contract, and nothing of the model."""

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import google.rpc
import grpc
import learnwire_service as lw
import numpy as np
import pandas as pd
from google.protobuf import message_factory
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from grpc_tools import protoc
from learnwire_client.prediction import (
    Mask,
    MultiLabel,
    Points,
    Prediction,
    Regression,
    Several,
    SingleLabel,
)
from learnwire_service.contracts.contract import Contract, Head
from learnwire_service.contracts.render import render
from learnwire_service.models.contracts import contracts_of
from learnwire_service.rpc.pools import pool_of
from learnwire_service.signature.specs import (
    MultiLabelOutput,
    PointsOutput,
    RegressionOutput,
    SingleLabelOutput,
)

ROOT = Path(__file__).parents[2]
# Where googleapis-common-protos has put its protos.
PACKAGES = Path(google.rpc.__path__[0]).parents[1]
VERSION = "learnwire-version"


def contract_of(tag: str) -> Contract:
    """Give the contract of a saved version as it is now, compiled from its text by protoc."""
    [contract] = contracts_of(lw.get(tag).tag)
    return replace(contract, file=_compiled(contract))


def _compiled(contract: Contract) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / contract.file.name
        path.parent.mkdir(parents=True)
        path.write_text(render(contract.file))
        out = path.with_suffix(".binpb")
        roots = [folder, ROOT / "protos", files("grpc_tools") / "_proto", PACKAGES]
        includes = [f"-I{root}" for root in roots]
        arguments = ["protoc", *includes, f"--descriptor_set_out={out}", contract.file.name]
        assert protoc.main(arguments) == 0
        [file] = FileDescriptorSet.FromString(out.read_bytes()).file
    return file


class Stub:
    """What a contract's generated stub does, on a descriptor pool of its own.

    Usage: `Stub(channel, contract).predict(island="Torgersen")`
    """

    def __init__(self, channel: grpc.Channel, contract: Contract) -> None:
        self.contract = contract
        self.pool: DescriptorPool = pool_of(contract.file)
        self._channel = channel
        service = self.pool.FindServiceByName(contract.service)
        self._methods = service.methods_by_name
        self.request_class: Any = self._class("Predict", "input_type")

    def predict(self, request: Any, version: str = "", **settings: Any) -> Any:
        """Call Predict; `version` is what the metadata ask for."""
        return self._call("Predict")(request, metadata=_metadata(version), **settings)

    def predict_many(self, requests: Iterable[Any], version: str = "") -> Iterator[Any]:
        """Call PredictMany, and give the results in order."""
        many = self._class("PredictMany", "input_type")(requests=requests)
        count = 0
        for chunk in self._call("PredictMany")(many, metadata=_metadata(version)):
            assert chunk.first_index == count
            count += len(chunk.results)
            yield from chunk.results

    def predict_stream(self, requests: Iterable[Any], version: str = "") -> dict[str, Any]:
        """Call PredictStream with the requests numbered, and give the answers by number."""
        one = self._class("PredictStream", "input_type")
        numbered = (one(id=str(i), request=request) for i, request in enumerate(requests))
        answers = self._call("PredictStream")(numbered, metadata=_metadata(version))
        return {answer.id: answer for answer in answers}

    def _call(self, name: str) -> Any:
        method = self._methods[name]
        kind = {
            (False, False): "unary_unary",
            (False, True): "unary_stream",
            (True, True): "stream_stream",
        }[method.client_streaming, method.server_streaming]
        return getattr(self._channel, kind)(
            f"/{self.contract.service}/{name}",
            self._class(name, "input_type").SerializeToString,
            self._class(name, "output_type").FromString,
        )

    def _class(self, method: str, side: str) -> Any:
        return message_factory.GetMessageClass(getattr(self._methods[method], side))

    def request(self, item: Any) -> Any:
        """Make the PredictRequest of an item as the generic client takes it."""
        request, fields = self.request_class(), self.contract.inputs
        if isinstance(item, str):
            request.text = item
        elif isinstance(item, dict | pd.Series):
            for field in fields:
                _set(request, field.name, item.get(field.original))
        else:
            arrays = item if isinstance(item, tuple) else (item,)
            for field, array in zip(fields, arrays, strict=True):
                _fill(getattr(request, field.name), array)
        return request

    def answer(self, response: Any) -> Any:
        """Bring a response to the prediction that the generic client gives."""
        parts = [
            _prediction(head, getattr(response, head.output) if head.output else response)
            for head in self.contract.heads
        ]
        return Several.of(parts) if self.contract.heads[0].output else parts[0]


def _metadata(version: str) -> tuple[tuple[str, str], ...]:
    return ((VERSION, version),) if version else ()


def _set(request: Any, name: str, cell: Any) -> None:
    cell = cell.item() if isinstance(cell, np.generic) else cell
    if cell is None or cell != cell:  # NaN
        return
    if isinstance(getattr(request, name), Message):
        getattr(request, name).FromDatetime(datetime.fromisoformat(cell))
    else:
        setattr(request, name, cell)


def _fill(message: Any, array: Any) -> None:
    # An encoded image is bytes without a shape.
    message.shape.extend(array.shape if array.dtype != np.uint8 or array.ndim > 1 else ())
    if array.dtype == np.uint8:
        message.values = array.tobytes()
    else:
        message.values.extend(array.ravel().tolist())


def _array(message: Any) -> Any:
    return np.array(message.values).reshape(tuple(message.shape))


def _prediction(head: Head, message: Any) -> Prediction[Any, Any]:
    match head.spec:
        case SingleLabelOutput():
            assert message.category == head.categories[message.label]
            assert message.label == head.spec.classes[message.index]
            return SingleLabel(message.label, message.index, np.array(message.probabilities))
        case MultiLabelOutput():
            labels = tuple(message.labels)
            assert list(message.categories) == [head.categories[label] for label in labels]
            return MultiLabel(labels, np.array(message.mask), np.array(message.probabilities))
        case RegressionOutput():
            values = [getattr(message.values, target.name) for target in head.targets]
            return Regression.of(np.array(values, np.float32))
        case PointsOutput():
            return Points(_array(message.points), _array(message.decoded), _array(message.raw))
        case _:
            mask = _array(message.mask)
            return Mask(mask, mask, _array(message.probabilities))
