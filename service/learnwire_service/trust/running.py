"""Whose code may run: that of this user's own versions, of signed ones, and where it is allowed."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from ..common.errors import UntrustedModel, in_a_line
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

    @contextmanager
    def checked(self, version: Version) -> Iterator[Version]:
        """Check that a version may be served at all, and give it to be loaded inside.

        Where others may write, what is given is a copy, which is gone afterwards: else they could
        change a file after its signature was checked.

        Raises:
            UntrustedModel: only signed ones may, and it is not.
        """
        problem = writable_by_others(version.home, version.directory)
        if problem:
            _tell(problem)
        with ExitStack() as stack:
            if problem and self.keys is not None:
                version = stack.enter_context(_copied(version))
            if self.keys is not None:
                check_signed(version, self.keys)
            yield version

    def check_code(self, version: Version, runs: Sequence[str], named: Sequence[str]) -> None:
        """Check that a version's own code may run, before any of it does; `checked` is around it.

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


@contextmanager
def _copied(version: Version) -> Iterator[Version]:
    """Give a copy of a version that is this user's alone."""
    with TemporaryDirectory(prefix="learnwire-") as folder:
        try:
            shutil.copytree(version.directory, folder, symlinks=True, dirs_exist_ok=True)
        except OSError as error:
            raise UntrustedModel(
                f"{version.manifest.tag} is not served: others may write to it, and it cannot be "
                f"copied to where only this user does: {in_a_line(error)}"
            ) from error
        yield replace(version, directory=Path(folder))


@cache
def _tell(problem: str) -> None:
    _log.warning(problem)
