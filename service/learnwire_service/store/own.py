"""Whose versions are: those that this user saved into this store bear a mark of his secret.

A mark is an HMAC of the manifest's bytes, which hold the digests of all other files. Secret and
marks stand beside the models, so no version brings its own.
"""

import hashlib
import hmac
import os
import secrets
import stat
from pathlib import Path

from filelock import FileLock

from ..common.errors import StoreFailed
from ..common.logs import get_logger
from .private import PRIVATE_FILE, PRIVATE_FOLDER

_SECRET = "secret"  # noqa: S105 - the name of its file
_MARKS = "own"
_BYTES = 32

_log = get_logger()


def mark(home: Path, manifest: bytes) -> None:
    """Mark a version as this user's own; where the secret is no secret, tell so in the log.

    Args:
        home: of the store.
        manifest: the bytes of the version's manifest.

    Raises:
        OSError: the store cannot be written to.
    """
    try:
        secret = _made(home)
    except StoreFailed as error:
        _log.warning(f"what is saved is not marked as your own: {error}")
        return
    path = _mark_of(home, manifest)
    path.parent.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
    _put(path, _digest(secret, manifest))


def is_own(home: Path, manifest: bytes) -> bool:
    """Tell whether a version bears the mark of this user, over just these bytes."""
    path = _mark_of(home, manifest)
    try:
        secret = _read(home / _SECRET)
        found = path.read_bytes() if path.is_file() else b""
    except FileNotFoundError:
        return False
    except (OSError, StoreFailed) as error:
        _log.warning(f"no version counts as your own: {error}")
        return False
    return hmac.compare_digest(found, _digest(secret, manifest))


def unmark(home: Path, manifest: bytes) -> None:
    """Take the mark of a version away, if it has one."""
    _mark_of(home, manifest).unlink(missing_ok=True)


def _mark_of(home: Path, manifest: bytes) -> Path:
    return home / _MARKS / hashlib.sha256(manifest).hexdigest()


def _digest(secret: bytes, manifest: bytes) -> bytes:
    return hmac.digest(secret, manifest, "sha256").hex().encode()


def _made(home: Path) -> bytes:
    """Give the secret; who comes first makes it."""
    path = home / _SECRET
    with FileLock(home / f"{_SECRET}.lock", mode=PRIVATE_FILE):
        if not os.path.lexists(path):
            _put(path, secrets.token_bytes(_BYTES))
    return _read(path)


def _read(path: Path) -> bytes:
    """Read the secret, where it is one.

    Raises:
        StoreFailed: others may read it, or it is another's.
        OSError: it is not there, or is a symlink.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(descriptor, "rb") as stream:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise StoreFailed(f"the secret {path} is not this user's alone: remove it")
        secret = stream.read(_BYTES + 1)
    if len(secret) != _BYTES:
        raise StoreFailed(f"the secret {path} is none of {_BYTES} bytes: remove it")
    return secret


def _put(path: Path, data: bytes) -> None:
    """Write a private file, all at once."""
    part = path.with_name(f"{path.name}.{secrets.token_hex(8)}.part")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
        with open(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(descriptor)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
