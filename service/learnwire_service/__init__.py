"""Serve trained fastai Learners over typed gRPC.

Usage:
    import learnwire_service as lw

    lw.save_model("penguins", learner)
    with lw.serving("penguins") as target:
        ...
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .common.grpc_experiments import bound_pending_calls

# Whatever else of this package is imported, grpc comes after it.
bound_pending_calls()

if TYPE_CHECKING:
    from learnwire_client.prediction import MultiLabel, Regression, SingleLabel

    from .common.errors import (
        CannotListen,
        ContractClash,
        CorruptModel,
        DeadlineExceeded,
        EndpointError,
        GoldenMismatch,
        InvalidInput,
        InvalidTag,
        LearnwireError,
        ModelFailed,
        ModelNotFound,
        NoSuchDevice,
        NotServable,
        QueueFull,
        RemoteFailed,
        ServiceClash,
        ServiceFailed,
        ServiceNotFound,
        UnloadableModel,
        UntrustedModel,
        UnverifiedModel,
        VersionExists,
    )
    from .common.limits import Limits
    from .hosting.serving import serving
    from .learners.adapter import Adapter
    from .learners.torchvision_operators import import_torchvision
    from .models.model import Model, delete_model, get, list_models, load_model
    from .models.saving import save_model
    from .models.sealing import seal_model
    from .models.sharing import pull_model, push_model
    from .models.travel import export_model, import_model
    from .runners.custom import Runner
    from .runners.learner import LearnerRunner
    from .runners.runnable import Runnable
    from .services.descriptors.arrays import NdArray
    from .services.descriptors.base import Prediction, Text
    from .services.descriptors.images import Image
    from .services.descriptors.scalars import Flag, Number
    from .services.descriptors.tabular import Table, TabularRow
    from .services.endpoints.service import Service
    from .signature.specs import (
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
    from .torch_models.model import TorchModel
    from .torch_models.runner import TorchRunner
    from .torch_models.saving import save_torch_model

    __version__: str

__all__ = [
    "Adapter",
    "ArrayInput",
    "ArraysInput",
    "CannotListen",
    "CellType",
    "Column",
    "ContractClash",
    "CorruptModel",
    "DeadlineExceeded",
    "EndpointError",
    "Flag",
    "GoldenMismatch",
    "Image",
    "InvalidInput",
    "InvalidTag",
    "LearnerRunner",
    "LearnwireError",
    "Limits",
    "MaskOutput",
    "Model",
    "ModelFailed",
    "ModelNotFound",
    "MultiLabel",
    "MultiLabelOutput",
    "NdArray",
    "NoSuchDevice",
    "NotServable",
    "Number",
    "PointsOutput",
    "Prediction",
    "QueueFull",
    "Regression",
    "RegressionOutput",
    "RemoteFailed",
    "Runnable",
    "Runner",
    "Service",
    "ServiceClash",
    "ServiceFailed",
    "ServiceNotFound",
    "SeveralOutput",
    "Signature",
    "SingleLabel",
    "SingleLabelOutput",
    "Table",
    "TabularInput",
    "TabularRow",
    "Text",
    "TextInput",
    "TorchModel",
    "TorchRunner",
    "UnloadableModel",
    "UntrustedModel",
    "UnverifiedModel",
    "VersionExists",
    "__version__",
    "delete_model",
    "export_model",
    "get",
    "import_model",
    "import_torchvision",
    "list_models",
    "load_model",
    "pull_model",
    "push_model",
    "save_model",
    "save_torch_model",
    "seal_model",
    "serving",
]

# Those that need the libraries of training come last.
_MODULES = (
    "common.errors",
    "common.limits",
    "signature.specs",
    "services.descriptors.base",
    "services.descriptors.arrays",
    "services.descriptors.images",
    "services.descriptors.scalars",
    "services.descriptors.tabular",
    "services.endpoints.service",
    "runners.runnable",
    "runners.custom",
    "runners.learner",
    "models.model",
    "models.travel",
    "models.sharing",
    "hosting.serving",
    "learners.adapter",
    "torch_models.model",
    "torch_models.runner",
    "torch_models.saving",
    "learners.torchvision_operators",
    "models.saving",
    "models.sealing",
)

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Import a name when it is first used: the command line does without most of them."""
        if name == "__version__":
            from importlib.metadata import version

            return version("learnwire")
        if name in __all__:
            return globals().setdefault(name, _found(name))
        from .common.habits import NAMES, told

        problem = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(told(f"{problem}: {NAMES[name]}") if name in NAMES else problem)

    def _found(name: str) -> Any:
        from .common.extras import needed_for

        try:
            modules = (vars(import_module(f".{module}", __name__)) for module in _MODULES)
            return next(names[name] for names in modules if name in names)
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(needed_for(error) or str(error), name=error.name) from error

    def __dir__() -> list[str]:
        return __all__
