"""Serve trained fastai Learners over typed gRPC.

Usage:
    import learnwire_service as lw

    lw.save_model("penguins", learner)
    with lw.serving("penguins") as target:
        ...
"""

from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .compiling import compile_model
    from .descriptors.arrays import NdArray
    from .descriptors.base import Prediction, Text
    from .descriptors.tabular import Table, TabularRow
    from .endpoints.service import Service
    from .errors import (
        CannotListen,
        CorruptModel,
        DeadlineExceeded,
        EndpointError,
        GoldenMismatch,
        InvalidInput,
        InvalidTag,
        LearnwireError,
        ModelFailed,
        ModelNotFound,
        NotServable,
        QueueFull,
        ServiceClash,
        ServiceFailed,
        ServiceNotFound,
        UnloadableModel,
        VersionExists,
    )
    from .hosting import serving
    from .learners.adapter import Adapter
    from .learners.torchvision_operators import import_torchvision
    from .models import Model, delete_model, get, list_models, load_model
    from .runners.learner import LearnerRunner
    from .saving import save_model
    from .signature import (
        ArrayInput,
        ArraysInput,
        CellType,
        Column,
        MaskOutput,
        MultiLabelOutput,
        PointsOutput,
        RegressionOutput,
        SeveralOutput,
        Signature,
        SingleLabelOutput,
        TabularInput,
        TextInput,
    )

if find_spec("fastai") is None:
    raise ModuleNotFoundError(
        "No module named 'fastai'; serving needs: pip install 'learnwire[service]'", name="fastai"
    )

__version__ = version("learnwire")

__all__ = [
    "Adapter",
    "ArrayInput",
    "ArraysInput",
    "CannotListen",
    "CellType",
    "Column",
    "CorruptModel",
    "DeadlineExceeded",
    "EndpointError",
    "GoldenMismatch",
    "InvalidInput",
    "InvalidTag",
    "LearnerRunner",
    "LearnwireError",
    "MaskOutput",
    "Model",
    "ModelFailed",
    "ModelNotFound",
    "MultiLabelOutput",
    "NdArray",
    "NotServable",
    "PointsOutput",
    "Prediction",
    "QueueFull",
    "RegressionOutput",
    "Service",
    "ServiceClash",
    "ServiceFailed",
    "ServiceNotFound",
    "SeveralOutput",
    "Signature",
    "SingleLabelOutput",
    "Table",
    "TabularInput",
    "TabularRow",
    "Text",
    "TextInput",
    "UnloadableModel",
    "VersionExists",
    "__version__",
    "compile_model",
    "delete_model",
    "get",
    "import_torchvision",
    "list_models",
    "load_model",
    "save_model",
    "serving",
]

_MODULES = (
    "errors",
    "signature",
    "descriptors.base",
    "descriptors.arrays",
    "descriptors.tabular",
    "endpoints.service",
    "learners.adapter",
    "learners.torchvision_operators",
    "models",
    "compiling",
    "runners.learner",
    "saving",
    "hosting",
)

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Import a name when it is first used: the command line does without most of them."""
        if name in __all__:
            for module in _MODULES:
                found = vars(import_module(f".{module}", __name__)).get(name)
                if found is not None:
                    return globals().setdefault(name, found)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return __all__
