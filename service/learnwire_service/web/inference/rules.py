"""The protocol's paths, and which method of the gRPC service answers each of them."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from google.protobuf.message import Message

from ...rpc.inference.messages import pb
from .requests import Asked, infer_request, repository_request
from .responses import Answer, as_answer, inferred, plain

_MODEL = ("/v2/models/{name}", "/v2/models/{name}/versions/{version}")
# What Triton answers for what is not ready.
_NOT_READY = 400
ANY = "*"


def _plain(request: Message, response: Message) -> Answer:
    return as_answer(plain(response))


def _ready(request: Any, response: Any) -> Answer:
    name = {"name": request.name} if "name" in request.DESCRIPTOR.fields_by_name else {}
    told = as_answer({**name, "ready": response.ready})
    return told if response.ready else told._replace(status=_NOT_READY)


class Rule(NamedTuple):
    """How a path is answered.

    Attributes:
        method: that of the gRPC service which answers.
        read: makes its request.
        verb: the path's; `ANY` is each.
        tell: makes what goes back of request and response.
        packs: whether that may be compressed. Triton's asyncio client asks for gzip everywhere, and
            reads it in answers to infer alone.
    """

    method: str
    read: Callable[[Asked], Message]
    verb: str = "GET"
    tell: Callable[[Any, Any], Answer] = _plain
    packs: bool = False


def _empty(kind: type[Message]) -> Callable[[Asked], Message]:
    return lambda asked: kind()


def _named(kind: Callable[..., Message]) -> Callable[[Asked], Message]:
    return lambda asked: kind(name=asked.name, version=asked.version)


def _of_models() -> Mapping[str, Rule]:
    config = Rule(
        "ModelConfig",
        _named(pb.ModelConfigRequest),
        tell=lambda _, response: as_answer(plain(response.config)),
    )
    rules = {
        "": Rule("ModelMetadata", _named(pb.ModelMetadataRequest)),
        "/ready": Rule("ModelReady", _named(pb.ModelReadyRequest), tell=_ready),
        "/config": config,
        "/stats": Rule("ModelStatistics", _named(pb.ModelStatisticsRequest)),
        "/infer": Rule("ModelInfer", infer_request, "POST", inferred, packs=True),
    }
    return {f"{model}{path}": rule for model in _MODEL for path, rule in rules.items()}


def _changes() -> Mapping[str, Rule]:
    kinds = {"load": pb.RepositoryModelLoadRequest, "unload": pb.RepositoryModelUnloadRequest}
    return {
        f"/v2/repository/models/{{name}}/{verb}": Rule(
            f"RepositoryModel{verb.title()}", partial(repository_request, kind), "POST"
        )
        for verb, kind in kinds.items()
    }


def _unserved() -> Mapping[str, Rule]:
    """Give the paths of what Triton adds, whose methods refuse before they read a request."""
    methods = {
        "systemsharedmemory/{rest:path}": "SystemSharedMemoryStatus",
        "cudasharedmemory/{rest:path}": "CudaSharedMemoryStatus",
        "trace/setting": "TraceSetting",
        "models/{name}/trace/setting": "TraceSetting",
        "logging": "LogSettings",
    }
    nothing = _empty(pb.ServerLiveRequest)
    return {f"/v2/{path}": Rule(method, nothing, ANY) for path, method in methods.items()}


# By their paths, the first that fits.
RULES: Mapping[str, Rule] = {
    "/v2": Rule("ServerMetadata", _empty(pb.ServerMetadataRequest)),
    "/v2/": Rule("ServerMetadata", _empty(pb.ServerMetadataRequest)),
    "/v2/health/live": Rule("ServerLive", _empty(pb.ServerLiveRequest)),
    "/v2/health/ready": Rule("ServerReady", _empty(pb.ServerReadyRequest), tell=_ready),
    "/v2/models/stats": Rule("ModelStatistics", _empty(pb.ModelStatisticsRequest)),
    **_of_models(),
    "/v2/repository/index": Rule(
        "RepositoryIndex",
        partial(repository_request, pb.RepositoryIndexRequest),
        "POST",
        lambda _, response: as_answer(plain(response)["models"]),
    ),
    **_changes(),
    **_unserved(),
}
