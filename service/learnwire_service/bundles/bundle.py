"""A bundle: a folder that says of itself what it is, and is served as it stands."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from ..common.build_settings import DockerSettings
from ..common.defaults import PORT
from ..common.errors import BuildFailed
from ..common.settings_file import FILE
from ..store.store import HOME_VARIABLE

# What says of a folder that it is a bundle, so that none travels inside of another one.
BUNDLE_FILE = "bundle.json"
CODE, STORE = "code", "store"

_PY = ".py"


class About(BaseModel):
    """What a bundle says of itself.

    Attributes:
        name: of it and its image.
        description: a line for people.
        labels: to find it by.
        learnwire: the release that made it.
        python: the Python that its packages are for, as 3.11.
        models: the tags of all that are in it.
        serve: the settings of its server, as they are typed.
        environment: the variables that its code is served with.
        command: what its image runs in place of `learnwire serve`.
        docker: what its image stands on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    name: str
    description: str
    labels: Mapping[str, str]
    learnwire: str
    python: str
    models: tuple[str, ...]
    serve: Mapping[str, Any]
    environment: Mapping[str, str]
    command: tuple[str, ...]
    docker: DockerSettings

    @property
    def ports(self) -> tuple[int, ...]:
        """The ports that it listens on, that of gRPC first."""
        more = (self.serve.get(name) for name in ("http_port", "ops_port"))
        return (int(self.serve.get("port", PORT)), *(int(one) for one in more if one))


def bundled(served: Sequence[str]) -> Path | None:
    """Give the folder of the bundle that is to be served: a path with a slash, and no Python file.

    Raises:
        BuildFailed: it is not alone.
    """
    named = [one for one in served if "/" in one and not _is_file(one)]
    if named and len(served) > 1:
        raise BuildFailed(f"{named[0]} is a bundle, which is served alone")
    return Path(named[0]) if named else None


def _is_file(served: str) -> bool:
    place, _, name = served.rpartition(":")
    return served.removesuffix(":").endswith(_PY) or (place.endswith(_PY) and name.isidentifier())


def enter(folder: Path) -> Path:
    """Make a bundle what this process serves: its store, its variables, its folder of code.

    Returns: its settings file.

    Raises:
        BuildFailed: there is no bundle, or a part of it is missing.
    """
    folder = folder.resolve()
    about = read(folder)
    if absent := [one for one in (FILE, STORE, CODE) if not (folder / one).exists()]:
        raise BuildFailed(
            f"{folder} is only a part of a bundle, without {' and '.join(absent)}: copy it anew, "
            "empty folders too, or build it anew"
        )
    os.environ[HOME_VARIABLE] = str(folder / STORE)
    for name, value in about.environment.items():
        os.environ.setdefault(name, value)
    os.chdir(folder / CODE)
    return folder / FILE


def read(folder: Path) -> About:
    """Read what a bundle says of itself.

    Raises:
        BuildFailed: there is none, or another release made it.
    """
    path = folder / BUNDLE_FILE
    if not folder.exists():
        raise BuildFailed(f"there is no folder {folder}; learnwire build makes a bundle")
    if not path.is_file():
        raise BuildFailed(
            f"{folder} is no bundle, there is no {BUNDLE_FILE}; learnwire build makes one"
        )
    try:
        return About.model_validate_json(path.read_bytes())
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"])) or "no JSON"
        raise BuildFailed(
            f"{path} does not read ({where}): another release of Learnwire made it, or it was "
            "changed; build it anew"
        ) from None
