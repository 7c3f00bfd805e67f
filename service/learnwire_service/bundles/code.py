"""The project's files: which of them travel, and why others do not."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec

from ..common.errors import BuildFailed
from .bundle import BUNDLE_FILE

# Made by tools, of no use elsewhere, and often large.
_TOOLS = {"__pycache__", "node_modules", "site-packages"}
_KEYS = (
    *("*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx", "*.token", "*.gpg"),
    *("*.ppk", "*.p8", "id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "*.env"),
    *("secrets", "secrets.*", "credentials", "credentials.*"),
)
_SECRETS = GitIgnoreSpec.from_lines(_KEYS)
_PRIVATE_KEY = b"PRIVATE KEY-----"
_MOST_SEARCHED = 2**20


@dataclass(frozen=True)
class Code:
    """The files that travel, and those that do not.

    Attributes:
        files: their paths below the project's folder, in order.
        left_out: what stays, and why; a sentence each.
    """

    files: tuple[str, ...]
    left_out: tuple[str, ...]


def pick(
    root: Path, include: Sequence[str], exclude: Sequence[str], never: Sequence[Path] = ()
) -> Code:
    """Pick the files that travel.

    Hidden files, links out of the folder and what may be a secret travel only where `include`
    names them exactly.

    Args:
        root: the project's folder.
        include: patterns as in .gitignore.
        exclude: patterns of what does not travel all the same.
        never: folders that are none of the project's, such as the store.

    Raises:
        BuildFailed: a pattern is none, or a file cannot be read.
    """
    wanted, unwanted = _spec("include", include), _spec("exclude", exclude)
    named = {one.removeprefix("./").removeprefix("/") for one in include}
    kept: list[str] = []
    left: list[str] = []
    for file in sorted(_walk(root, {one.resolve() for one in never})):
        if not wanted.match_file(file):
            continue
        if unwanted.match_file(file):
            left.append(f"{file}: exclude names it")
        elif file not in named and (reason := _risk(root, file)):
            left.append(f"{file}: {reason}")
        elif problem := _problem(root / file):
            left.append(f"{file}: {problem}")
        else:
            kept.append(file)
    return Code(tuple(kept), tuple(left))


def matches(code: Code, pattern: str) -> bool:
    """Tell whether a pattern of `include` has any file, be it one that is left out."""
    spec = _spec("include", [pattern])
    left = (one.partition(": ")[0] for one in code.left_out)
    return any(map(spec.match_file, (*code.files, *left)))


def _spec(key: str, patterns: Sequence[str]) -> GitIgnoreSpec:
    try:
        return GitIgnoreSpec.from_lines(patterns)
    except ValueError as error:
        raise BuildFailed(f"build.{key}: {error}") from None


def _walk(root: Path, never: set[Path]) -> Iterator[str]:
    def fail(error: OSError) -> None:
        raise BuildFailed(f"{error.filename} cannot be read: {error.strerror}") from None

    for place, folders, files in os.walk(root, onerror=fail):
        here = Path(place)
        links = [one for one in folders if (here / one).is_symlink()]
        folders[:] = [one for one in folders if _is_project(here / one, never)]
        yield from ((here / file).relative_to(root).as_posix() for file in (*files, *links))


def _is_project(folder: Path, never: set[Path]) -> bool:
    """Tell whether a folder may hold files of the project: no environment, no bundle, no store."""
    if folder.name in _TOOLS or folder.name == ".git" or folder.resolve() in never:
        return False
    return not any((folder / sign).exists() for sign in ("pyvenv.cfg", BUNDLE_FILE))


def _risk(root: Path, file: str) -> str:
    """Say why a file is not taken unless it is named; "" where it is."""
    if any(part.startswith(".") for part in Path(file).parts):
        return "it is hidden"
    if (root / file).is_symlink():
        return "it is a link"
    return secrecy(root, file)


def secrecy(root: Path, file: str) -> str:
    """Say why a file may be a secret; "" where nothing says so.

    Raises:
        BuildFailed: it cannot be read.
    """
    if _SECRETS.match_file(file.lower()):
        return "by its name it may be a secret"
    if _has_key(root / file):
        return "a private key is in it"
    return ""


def _has_key(path: Path) -> bool:
    if not path.is_file():
        return False
    try:
        with path.open("rb") as stream:
            return _PRIVATE_KEY in stream.read(_MOST_SEARCHED)
    except OSError as error:
        raise BuildFailed(f"{path} cannot be read: {error.strerror}") from None


def _problem(path: Path) -> str:
    if not path.is_file():
        return "it is no file"
    if not str(path).isprintable():
        return "its name has characters that do not print"
    return ""
