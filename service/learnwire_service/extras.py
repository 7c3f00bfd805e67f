"""The extras of the installation: which one has what is missing."""

from importlib.util import find_spec

_SERVE = {
    *("filelock", "grpc_health", "grpc_reflection", "onnxruntime", "PIL"),
    *("prometheus_client", "pydantic", "pydantic_settings", "sentencepiece", "structlog"),
}
_SERVICE = {
    *("cloudpickle", "fastai", "fastcore", "fasttransform", "onnx", "onnxscript", "pandas"),
    *("pyarrow", "safetensors", "spacy", "torch", "torchvision", "watchfiles"),
}


def can_serve() -> bool:
    """Tell whether what a server of sealed models needs is installed."""
    return all(find_spec(name) is not None for name in _SERVE)


def needed_for(error: ModuleNotFoundError) -> str:
    """Say how to install what was not found; "" where no extra has it.

    Usage: `needed_for(error)` says "No module named 'torch'; pip install 'learnwire[service]'"
    """
    name = (error.name or "").partition(".")[0]
    extra = "serve" if name in _SERVE else "service" if name in _SERVICE else ""
    return f"No module named '{name}'; pip install 'learnwire[{extra}]'" if extra else ""
