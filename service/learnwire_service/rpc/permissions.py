"""Which roles each RPC needs: any one of them does."""

from collections.abc import Mapping

from ..trust.identity import Role

Roles = frozenset[Role]

# Whoever holds any role; and nobody has to be known.
ANY_ROLE: Roles = frozenset(Role)
OPEN: Roles = frozenset()

_SHARED_MEMORY = ("Status", "Register", "Unregister")

_ADMINISTER: Roles = frozenset({Role.ADMINISTER})
_PREDICT: Roles = frozenset({Role.PREDICT})
_READ: Roles = frozenset({Role.READ})
# Who asks a model needs to know what it takes, and what its classes are called.
_DESCRIBE: Roles = _PREDICT | _READ

# What Triton adds to the Open Inference Protocol, and is refused here with a sentence of its own.
UNSERVED = (
    *(f"{kind}SharedMemory{name}" for kind in ("System", "Cuda") for name in _SHARED_MEMORY),
    "TraceSetting",
    "LogSettings",
)

_FIXED: Mapping[str, Mapping[str, Roles]] = {
    "learnwire.v1.PredictionService": {
        "Predict": _PREDICT,
        "PredictMany": _PREDICT,
        "PredictStream": _PREDICT,
    },
    "learnwire.v1.ModelService": {
        "ListModels": _READ,
        "GetModel": _DESCRIBE,
        "GetModelStatistics": _READ,
        "GetServerStatistics": _READ,
        "GetModelDrift": _READ,
    },
    "learnwire.v1.EndpointService": {
        "ListEndpoints": _READ,
        "Call": _PREDICT,
        "CallStream": _PREDICT,
        "GetEndpointStatistics": _READ,
    },
    "learnwire.v1.AdminService": {
        "ListLoaded": _ADMINISTER,
        "LoadModel": _ADMINISTER,
        "UnloadModel": _ADMINISTER,
        "SetDefaultVersion": _ADMINISTER,
        "UpdateModel": _ADMINISTER,
        "Drain": _ADMINISTER,
    },
    "inference.GRPCInferenceService": {
        "ServerLive": OPEN,
        "ServerReady": OPEN,
        "ModelReady": ANY_ROLE,
        "ServerMetadata": ANY_ROLE,
        "ModelMetadata": _DESCRIBE,
        "ModelInfer": _PREDICT,
        "ModelStreamInfer": _PREDICT,
        "ModelConfig": _DESCRIBE,
        "ModelStatistics": _READ,
        "RepositoryIndex": _READ,
        "RepositoryModelLoad": _ADMINISTER,
        "RepositoryModelUnload": _ADMINISTER,
        **dict.fromkeys(UNSERVED, ANY_ROLE),
    },
    # Of the server and the process; the servicer asks for more where a name is asked for.
    "grpc.health.v1.Health": {"Check": OPEN, "List": OPEN, "Watch": OPEN},
    "grpc.reflection.v1alpha.ServerReflection": {"ServerReflectionInfo": _READ},
    "grpc.reflection.v1.ServerReflection": {"ServerReflectionInfo": _READ},
}
_MODELS_OWN = "learnwire.models."
_STREAMS = ("/PredictMany", "/PredictStream", "/CallStream", "/ModelStreamInfer")


def roles_for(method: str) -> Roles:
    """Give the roles that a method needs, by its path `/package.Service/Method`.

    Raises:
        KeyError: none were ever decided on.
    """
    service, _, name = method[1:].rpartition("/")
    return _PREDICT if service.startswith(_MODELS_OWN) else _FIXED[service][name]


def asks_a_model(method: str) -> bool:
    """Tell whether a method asks a model or an endpoint, rather than something about them."""
    service, _, name = method[1:].rpartition("/")
    return service.startswith(_MODELS_OWN) or _FIXED.get(service, {}).get(name) is _PREDICT


def is_stream(method: str) -> bool:
    """Tell whether a method that asks a model or an endpoint streams."""
    return method.endswith(_STREAMS)
