"""A model of a BentoML store: read as data, its pickle left to who saves it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from ..common.errors import BadFile, InvalidTag, NotServable, plain
from ..common.logs import get_logger
from ..store.manifest import Notes
from ..store.tag import new_tag

_YAML, _PICKLE, _CUSTOM_OBJECTS = "model.yaml", "saved_model.pkl", "custom_objects.pkl"
_LATEST = "latest"
_MODULE = "bentoml.fastai"
_MOST_BYTES, _MOST_VALUES, _MOST_LEVELS = 2**20, 10_000, 20

_log = get_logger()


@dataclass(frozen=True)
class BentoModel:
    """A model that `bentoml.fastai.save_model` saved.

    Attributes:
        tag: its name and version.
        export: the exported Learner, a pickle.
        labels: its labels.
        metadata: its metadata; dates in it are texts.
    """

    tag: str
    export: Path
    labels: dict[str, str]
    metadata: dict[str, Any]

    @classmethod
    def read(cls, folder: Path) -> "BentoModel":
        """Read the folder of a version in a BentoML store.

        Raises:
            BadFile: it is none; the message says why.
            NotServable: it is of another library than fastai.
            TypeError: its labels are no strings, or its metadata no JSON.
        """
        told = _told(folder)
        module = told.get("module")
        if module != _MODULE:
            raise NotServable(
                f"{folder} was saved by {_cut(module)}, and only what {_MODULE} saved is a "
                "Learner; a Runner serves what is of other libraries, see docs/runners.md"
            )
        try:
            tag = new_tag(f"{told.get('name')}:{told.get('version')}")
        except InvalidTag as error:
            raise BadFile(f"{folder / _YAML}: {plain(str(error))}; --name gives another") from error
        export = folder / _PICKLE
        if not export.is_file():
            raise BadFile(f"{folder} has no {_PICKLE}, so there is no Learner")
        if (folder / _CUSTOM_OBJECTS).exists():
            _log.warning(
                f"{tag}: {_CUSTOM_OBJECTS} is left out, since it is a pickle and no part of the "
                "Learner; save_model(..., custom_objects=) keeps such"
            )
        notes = Notes.of(_mapping(folder, told, "labels"), _mapping(folder, told, "metadata"))
        return cls(str(tag), export, notes.labels, notes.metadata)


def _told(folder: Path) -> dict[str, Any]:
    path = folder / _YAML
    if not path.is_file():
        raise BadFile(f"{folder} is no model of a BentoML store: {_lacking(folder)}")
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise BadFile(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > _MOST_BYTES:
        raise BadFile(f"{path} has more than {_MOST_BYTES} bytes")
    try:
        told = yaml.safe_load(data)
    except yaml.YAMLError as error:
        raise BadFile(f"{path} is no YAML: {plain(' '.join(str(error).split()))}") from error
    except (ValueError, RecursionError) as error:
        raise BadFile(f"{path} cannot be read: {plain(str(error))}") from error
    if not isinstance(told, dict):
        raise BadFile(f"{path}: expected keys and values, got {_cut(told)}")
    return told


def _lacking(folder: Path) -> str:
    if not folder.is_dir():
        return "there is no such folder"
    if (folder / _LATEST).is_file():
        versions = sorted(path.parent.name for path in folder.glob(f"*/{_YAML}"))
        return f"it has the versions {', '.join(map(ascii, versions))} of one; name a version's"
    return f"it has no {_YAML}"


def _mapping(folder: Path, told: dict[str, Any], key: str) -> dict[str, Any]:
    values = told.get(key) or {}
    if not isinstance(values, dict):
        raise BadFile(f"{folder / _YAML}: {key}: expected keys and values, got {_cut(values)}")
    room = iter(range(_MOST_VALUES))
    try:
        return {_key(name): _json(value, room, _MOST_LEVELS) for name, value in values.items()}
    except OverflowError as error:
        raise BadFile(f"{folder / _YAML}: {key}: {error}") from None


def _json(value: Any, room: Iterator[int], levels: int) -> Any:
    """Give a value as JSON data; what YAML's aliases repeat counts each time.

    Raises:
        OverflowError: there is too much of it.
    """
    if not levels or next(room, None) is None:
        raise OverflowError(f"expected {_MOST_VALUES} values at most, {_MOST_LEVELS} levels deep")
    match value:
        case dict():
            return {_key(name): _json(one, room, levels - 1) for name, one in value.items()}
        case list():
            return [_json(one, room, levels - 1) for one in value]
        case date():
            return value.isoformat()
        case _:
            return value


def _key(name: object) -> str:
    return name if isinstance(name, str) else str(name)


def _cut(value: object) -> str:
    return plain(repr(value))[:80]
