"""The extras of the installation: which one has what is missing."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from .errors import LearnwireError, UnloadableModel

_HELD = {
    "serve": {
        *("filelock", "grpc_reflection", "onnxruntime", "PIL"),
        *("pydantic", "pydantic_settings", "sentencepiece", "structlog", "watchfiles", "yaml"),
    },
    "http": {"httptools", "prometheus_client", "starlette", "uvicorn"},
    "otel": {"opentelemetry", "opentelemetry.sdk"},
    "secure": {"cryptography", "jwt"},
    "pandas": {"pandas"},
    "bulk": {"pyarrow"},
    "service": {
        *("cloudpickle", "fastai", "fastcore", "fasttransform", "onnx", "onnxscript"),
        *("safetensors", "spacy", "torch", "torchvision"),
    },
    "sign": {"model_signing", "OpenSSL"},
    "remote": {"fsspec", "s3fs"},
    "build": {"cyclonedx_py", "packaging", "pathspec", "wheel"},
}


def can_serve() -> bool:
    """Tell whether what a server of sealed models needs is installed."""
    return not missing_of("serve")


def missing_of(extra: str) -> str:
    """Name a library of an extra that is not installed; "" where all are."""
    return next((name for name in sorted(_HELD[extra]) if not _is_there(name)), "")


def _is_there(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # what it is a part of
        return False


def needed_for(error: ModuleNotFoundError) -> str:
    """Say how to install what was not found; "" where no extra has it.

    Usage: `needed_for(error)` says "No module named 'torch'; pip install 'learnwire[service]'"
    """
    name = (error.name or "").partition(".")[0]
    extra = next((extra for extra, held in _HELD.items() if name in held), "")
    return f"No module named '{name}'; pip install 'learnwire[{extra}]'" if extra else ""


@contextmanager
def needed_by(what: str, error_type: type[LearnwireError] = UnloadableModel) -> Iterator[None]:
    """Have something that is missing inside told with what needs it.

    Args:
        what: a model, or a flag.
        error_type: tells it; ToolMissing where a flag needs it.

    Raises:
        LearnwireError: of that type: it is missing, and an extra has it.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if not (cure := needed_for(error)):
            raise
        raise error_type(f"{what}: {cure}") from error
