"""Serve trained fastai Learners over typed gRPC.

Usage:
    import learnwire_service as lw

    lw.save_model("penguins", learner)
    with lw.serving("penguins") as target:
        ...
"""

from importlib.metadata import version

try:
    from .compiling import compile_model
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
    from .learners.adapter import Adapter
    from .learners.torchvision_operators import import_torchvision
    from .models import Model, delete_model, get, list_models, load_model
    from .runner import Runner
    from .saving import save_model
    from .serving import serving
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
except ModuleNotFoundError as missing:
    hint = "serving needs: pip install 'learnwire[service]'"
    raise ModuleNotFoundError(f"{missing}; {hint}", name=missing.name) from missing

__version__ = version("learnwire")

__all__ = [
    "Adapter",
    "ArrayInput",
    "ArraysInput",
    "CannotListen",
    "CellType",
    "Column",
    "CorruptModel",
    "GoldenMismatch",
    "InvalidInput",
    "InvalidTag",
    "LearnwireError",
    "MaskOutput",
    "Model",
    "ModelFailed",
    "ModelNotFound",
    "MultiLabelOutput",
    "NotServable",
    "PointsOutput",
    "RegressionOutput",
    "Runner",
    "SeveralOutput",
    "Signature",
    "SingleLabelOutput",
    "TabularInput",
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
