"""Serve trained fastai Learners over typed gRPC.

Usage:
    import learnwire_service as lw

    lw.save_model("penguins", learner)
    with lw.serving("penguins") as target:
        ...
"""

from importlib.metadata import version

try:
    from .errors import (
        CannotListen,
        CorruptModel,
        GoldenMismatch,
        InvalidInput,
        InvalidTag,
        LearnwireError,
        ModelFailed,
        ModelNotFound,
        NotServable,
        UnloadableModel,
        VersionExists,
    )
    from .learners.torchvision_operators import import_torchvision
    from .models import Model, delete_model, get, list_models, load_model
    from .runner import Runner
    from .saving import save_model
    from .serving import serving
except ModuleNotFoundError as missing:
    hint = "serving needs: pip install 'learnwire[service]'"
    raise ModuleNotFoundError(f"{missing}; {hint}", name=missing.name) from missing

__version__ = version("learnwire")

__all__ = [
    "CannotListen",
    "CorruptModel",
    "GoldenMismatch",
    "InvalidInput",
    "InvalidTag",
    "LearnwireError",
    "Model",
    "ModelFailed",
    "ModelNotFound",
    "NotServable",
    "Runner",
    "UnloadableModel",
    "VersionExists",
    "__version__",
    "delete_model",
    "get",
    "import_torchvision",
    "list_models",
    "load_model",
    "save_model",
    "serving",
]
