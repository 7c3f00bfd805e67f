"""The environment: which libraries, at which version, stand behind a model."""

import platform
from importlib.metadata import PackageNotFoundError, version

_LIBRARIES = (
    "learnwire",
    "fastai",
    "fastcore",
    "fasttransform",
    "torch",
    "torchvision",
    "safetensors",
    "onnxruntime",
    "numpy",
    "pandas",
    "pillow",
    "spacy",
)
# What a sealed model stands on.
OF_SEALED = ("python", "onnxruntime", "numpy", "pillow")


def library_versions() -> dict[str, str]:
    """Tell the versions of Python and of what a Learner is made with, as installed here."""
    versions = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def version_differences(saved: dict[str, str], *, sealed: bool = False) -> list[str]:
    """Say for each library how its version here differs from the one at save.

    Args:
        saved: the versions at save, by name.
        sealed: whether only those matter that a sealed model stands on.
    """
    here = library_versions()
    return [
        f"{name} {here.get(name, 'is missing')} here, {then} at save"
        for name, then in saved.items()
        if here.get(name) != then and not (sealed and name not in OF_SEALED)
    ]
