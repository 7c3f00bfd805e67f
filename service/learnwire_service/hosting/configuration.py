"""What a server is to serve, and how: flags over environment over file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..common.errors import ServiceClash
from ..common.model_settings import OwnSettings
from ..common.settings import ServerSettings
from ..common.settings_file import SettingsFile
from ..store.reference import Reference, find
from ..store.store import ModelStore


@dataclass(frozen=True)
class Configuration:
    """What a server is to serve, and how.

    Attributes:
        file: the settings file that was read; "" where there is none.
        served: models as `get` takes them, and where services are.
        settings: of the server, and of its models.
    """

    file: str
    served: tuple[str, ...]
    settings: ServerSettings

    @classmethod
    def read(
        cls,
        config: Path | None,
        named: Sequence[str],
        said: Mapping[str, Any],
        *,
        everything: bool = False,
    ) -> "Configuration":
        """Read the settings file, and have what flags and the environment say win.

        Args:
            config: the file; None: learnwire.yaml of the working directory, if it is there.
            named: what is to be served; where it is empty, what the file lists.
            said: the settings that flags and the environment say.
            everything: whether all models of the store are to be served besides.

        Raises:
            BadFile: the file does not read, or is wrong; with the lines.
            RemoteFailed: what is to be served cannot be fetched.
            ValidationError: the settings do not go together; pydantic's.
        """
        file = SettingsFile.find(config)
        settings = ServerSettings(**{**file.serve, **said})
        served = tuple(named or file.models)
        if settings.remote:
            from .fetching import fetch

            fetch(settings, {*served, *file.models}, everything=everything)
        settings = settings.model_copy(update={"models": _placed(file)})
        if everything:
            there = {one.partition(":")[0] for one in served}
            served += tuple(name for name in ModelStore().names() if name not in there)
        return cls(file.name, served, settings)


def _placed(file: SettingsFile) -> dict[str, OwnSettings]:
    """Give what the file says of models, by their names or whole versions."""
    placed: dict[str, OwnSettings] = {}
    for name, own in file.models.items():
        with file.blamed_for("models", name):
            found = find(name)
            if not isinstance(found, Reference):
                placed[name if ":" not in name else str(found.manifest.tag)] = own
            elif own.model_fields_set:
                raise ServiceClash(f"{name} is a service, whose runners have settings of their own")
    return placed
