"""Whose code may run: that of this user's own versions, of signed ones, and where it is allowed."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self

from ..common.errors import UntrustedModel
from ..common.logs import get_logger
from ..common.settings import ServerSettings
from ..store.private import writable_by_others
from ..store.store import Version
from .installed import is_installed
from .signatures import check_signed

_log = get_logger()


@dataclass(frozen=True)
class Trust:
    """What whoever loads versions trusts, beside his own.

    Attributes:
        allow_unpickling: whether the code of any version may run.
        keys: those whose signatures count, PEM in a file or a folder; None: no signature counts.
            Where there are such, nothing else is served.
    """

    allow_unpickling: bool = False
    keys: Path | None = None

    @classmethod
    def of(cls, settings: ServerSettings, allow_unpickling: bool | None = None) -> Self:
        """Give what a server trusts, or what a runner of it was told instead."""
        allowed = settings.allow_unpickling if allow_unpickling is None else allow_unpickling
        return cls(allowed, settings.trusted_keys)

    def check(self, version: Version) -> None:
        """Check that a version may be served at all.

        Raises:
            UntrustedModel: only signed ones may, and it is not.
        """
        if problem := writable_by_others(version.home, version.directory):
            _tell(problem)
        if self.keys is not None:
            check_signed(version, self.keys)

    def check_code(self, version: Version, runs: Sequence[str], named: Sequence[str]) -> None:
        """Check that a version's own code may run, before any of it does; `check` comes first.

        Args:
            version: the version.
            runs: what would run, in words.
            named: the modules that its manifest names.

        Raises:
            UntrustedModel: it may not; the message says what would run, and the ways out.
        """
        if self.allow_unpickling or version.is_own:
            return
        tag = version.manifest.tag
        if self.keys is None:
            raise UntrustedModel(
                f"{tag} would run code that came with it ({', '.join(runs)}), and it is not known "
                "as your own: it came from elsewhere, was changed, or was saved by an older "
                "release. Save it again here, sign it and trust the key (learnwire models sign, "
                "--trusted-keys), or allow it: --allow-unpickling, allow_unpickling=True"
            )
        for module in named:
            if not is_installed(module):
                raise UntrustedModel(
                    f"{tag} names the module {module}, which is in no installed package, so its "
                    "signature does not cover it: install it, or allow it: --allow-unpickling, "
                    "allow_unpickling=True"
                )


@cache
def _tell(problem: str) -> None:
    _log.warning(problem)
