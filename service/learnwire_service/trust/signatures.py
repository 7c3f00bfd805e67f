"""Signed versions: whether a key that is trusted signed all files of one, and no other is there."""

import hashlib
from pathlib import Path

from ..common.errors import UntrustedModel
from ..common.extras import needed_by
from ..store.manifest import MANIFEST_FILE, SIGNATURE_FILE, File
from ..store.store import Version
from .bundle import read_bundle
from .statement import signed_files

_LARGEST = 16 * 2**20


def check_signed(version: Version, keys: Path) -> None:
    """Check that one of the keys signed a version: each of its files, and no other is there.

    Args:
        version: the version; its name and number are those of its place in the store.
        keys: a file, or a folder of files, of public keys and certificates, PEM.

    Raises:
        UntrustedModel: it is not so; the message names the file, or says what else is wrong.
        UnloadableModel: the extra for it is not installed.
    """
    with needed_by("--trusted-keys"):
        from .signers import Signers
    try:
        signers = Signers.read(keys)
        path = version.directory / SIGNATURE_FILE
        bundle = read_bundle(_read(path))
        signers.check(bundle)
        files = signed_files(bundle.payload)
        _check_files(version.directory, files)
        if files.get(MANIFEST_FILE) != hashlib.sha256(version.written).hexdigest():
            raise UntrustedModel(f"the file {MANIFEST_FILE} is not signed as it was read")
    except UntrustedModel as error:
        raise UntrustedModel(f"{version.manifest.tag} is not served: {error}") from error


def _read(path: Path) -> bytes:
    if path.is_symlink():
        raise UntrustedModel(f"the file {path.name} is a symlink")
    if path.exists() and not path.is_file():
        raise UntrustedModel(f"{path.name} is no file")
    try:
        if path.stat().st_size > _LARGEST:
            raise UntrustedModel(f"the file {path.name} has more than {_LARGEST} bytes")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise UntrustedModel(
            f"it is not signed, and only signed versions are served: {path.name} is missing; "
            "learnwire models sign"
        ) from error


def _check_files(directory: Path, files: dict[str, str]) -> None:
    for path in sorted(directory.iterdir()):
        if path.is_symlink():
            raise UntrustedModel(f"the file {path.name} is a symlink")
        if path.name not in files and path.name != SIGNATURE_FILE:
            raise UntrustedModel(f"the file {path.name} is not signed")
    for name, digest in files.items():
        path = directory / name
        if not path.is_file():
            raise UntrustedModel(f"the file {name} is signed, and missing")
        if File.of(path).sha256 != digest:
            raise UntrustedModel(f"the file {name} was altered after it was signed")
