"""The settings file, read again while a server serves by what it said at the start."""

from collections.abc import Iterator
from pathlib import Path

from ..common.errors import BadFile
from ..common.logs import get_logger
from ..common.settings_file import SettingsFile

_log = get_logger()


class Rereading:
    """Tells what a settings file says now that it did not say at the start.

    Args:
        config: the file; None: learnwire.yaml of the working directory, if it is there. Who takes
            the place of another may find it wrong, or gone.
    """

    def __init__(self, config: Path | None) -> None:
        self._config = config
        self._first = self._found()

    def look(self) -> None:
        """Tell in the log what is kept until a restart, or what is wrong."""
        if (found := self._found()) is None:
            return
        first = self._first = self._first or found
        if kept := sorted(_changed(first, found)):
            _log.warning("settings are kept until a restart", file=found.name, changed=kept)

    def _found(self) -> SettingsFile | None:
        try:
            return SettingsFile.find(self._config)
        except BadFile as error:
            _log.error("the file is not taken over, what it said before holds", problem=str(error))
            return None


def _changed(one: SettingsFile, other: SettingsFile) -> Iterator[str]:
    for section, before, after in (
        ("serve", one.serve, other.serve),
        ("models", one.models, other.models),
    ):
        for name in {*before, *after}:
            if name not in before or name not in after or before[name] != after[name]:
                yield f"{section}.{name}"
