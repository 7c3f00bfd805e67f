"""BentoML's build file: what of it means something here, and why the rest does not."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..common.document import Document, Steps
from ..common.errors import BadFile

_SAME = (
    *("name", "description", "labels", "include", "exclude"),
    *("python.packages", "conda.channels", "conda.dependencies", "docker.system_packages"),
)
_MOVED = {
    "python.requirements_txt": "python.requirements",
    "python.extra_index_url": "python.index_urls",
    "docker.base_image": "docker.base",
    "docker.env": "environment",
    "envs": "environment",
}
_PIP = "pip's own configuration says it, pip.conf or PIP_..."
_WITHOUT = {
    "models": "the models of the services' runners travel by themselves; build.models names more",
    "python.lock_packages": "packages are always locked",
    "python.pack_git_packages": "a package of a repository has no digest: name a release",
    "python.wheels": "name the wheel among python.packages: name @ file:///...",
    "python.index_url": _PIP,
    "python.no_index": _PIP,
    "python.trusted_host": _PIP,
    "python.find_links": _PIP,
    "python.pip_args": _PIP,
    "conda.environment_yml": "write its channels and dependencies here",
    "conda.pip": "write them as python.packages",
    "docker.distro": "the image stands on Debian; docker.base names another one",
    "docker.python_version": "it is the Python that builds the bundle",
    "docker.cuda_version": "Learners run on the CPU; docker.base names an image with CUDA",
    "docker.setup_script": "the bundle's Dockerfile may be edited",
    "docker.dockerfile_template": "the bundle's Dockerfile may be edited",
}
_GROUPS = ("python", "conda", "docker")
_BENTOML = "bentoml"


def translated(path: Path) -> tuple[Document, tuple[str, ...]]:
    """Read a build file of BentoML as if it were a settings file.

    Returns: that, with the lines of the old one, and what has no meaning here, a sentence each.

    Raises:
        BadFile: it does not read, or names no service.
    """
    old = Document.read(path)
    if not isinstance(old.values, dict) or not isinstance(old.values.get("service"), str):
        raise BadFile(f"{path}: expected a build file of BentoML, with service: service.py:svc")
    service = old.values["service"]
    values: dict[str, Any] = {"models": {service: None}, "build": {}}
    lines: dict[Steps, int] = {("models", service): old.line(("service",))}
    told: list[str] = []
    for steps, value in _entries(old.values):
        key = ".".join(steps)
        if new := key if key in _SAME else _MOVED.get(key):
            _put(values["build"], new.split("."), _CHANGES.get(key, _as_it_is)(value))
            lines |= _lines(old, steps, ("build", *new.split(".")))
        elif key != "service":
            reason = _WITHOUT.get(key, "it is no key of a bentofile that is known here")
            told.append(f"{path}:{old.line(steps)}: {key} has no meaning here: {reason}")
    if _without_bentoml(values["build"]):
        told.append(f"{path}: python.packages: bentoml is not needed, Learnwire takes its place")
    return Document(str(path), values, lines), tuple(told)


def _entries(values: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in values.items():
        if key in _GROUPS and isinstance(value, dict):
            yield from (((key, below), one) for below, one in value.items())
        elif value is not None:
            yield (key,), value


def _put(into: dict[str, Any], steps: list[str], value: Any) -> None:
    for step in steps[:-1]:
        into = into.setdefault(step, {})
    if isinstance(value, dict) and isinstance(into.get(steps[-1]), dict):
        value = into[steps[-1]] | value
    into[steps[-1]] = value


def _lines(old: Document, steps: Steps, new: Steps) -> dict[Steps, int]:
    """Give the lines of a value and of all below it, by where it goes."""
    size = len(steps)
    return {(*new, *at[size:]): line for at, line in old.lines.items() if at[:size] == steps}


def _as_it_is(value: Any) -> Any:
    return value


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _by_name(value: Any) -> Any:
    """Give variables by their names, where they are a list: of name and value, or of NAME=VALUE."""
    if not isinstance(value, list):
        return value
    pairs = [
        (_text_of(one.get("name")), one.get("value"))
        if isinstance(one, dict)
        else (str(one).partition("=")[0], str(one).partition("=")[2])
        for one in value
    ]
    return dict(pairs)


def _text_of(name: Any) -> str | None:
    # Lists and dicts are no keys; as a text they are told.
    return None if name is None else str(name)


_CHANGES: dict[str, Callable[[Any], Any]] = {
    "python.extra_index_url": _listed,
    "envs": _by_name,
    "docker.env": _by_name,
}


def _without_bentoml(build: dict[str, Any]) -> bool:
    """Take BentoML itself out of the packages; tell whether it was there."""
    packages = build.get("python", {}).get("packages")
    if not isinstance(packages, list):
        return False
    kept = [one for one in packages if not str(one).lower().startswith(_BENTOML)]
    build["python"]["packages"] = kept
    return len(kept) < len(packages)
