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


def library_versions() -> dict[str, str]:
    """Tell the versions of Python and of what a Learner is made with, as installed here."""
    versions = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def version_differences(saved: dict[str, str]) -> list[str]:
    """Say for each library how its version here differs from the one at save."""
    here = library_versions()
    return [
        f"{name} {here.get(name, 'is missing')} here, {then} at save"
        for name, then in saved.items()
        if here.get(name) != then
    ]
