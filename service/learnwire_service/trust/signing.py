"""Signs a version, with the tool of the OpenSSF Model Signing format."""

from collections.abc import Sequence
from pathlib import Path

from ..common.errors import NotServable, in_a_line
from ..common.extras import needed_by
from ..store.manifest import SIGNATURE_FILE
from ..store.store import ModelStore, Version


def sign(
    version: Version, key: Path, certificate: Path | None = None, chain: Sequence[Path] = ()
) -> None:
    """Sign all files of a version; a signature that it has is replaced.

    Args:
        version: the version.
        key: the signer's private key, PEM, not encrypted.
        certificate: the signer's, where a certificate is to tell who signed.
        chain: the certificates between that one and a root.

    Raises:
        CorruptModel: a file is not the one that was saved.
        NotServable: the key does not sign; the message says why.
        UnloadableModel: the tool is not installed.
    """
    version.manifest.check_files(version.directory)
    with needed_by("models sign"):
        from model_signing import hashing, signing
    config = signing.Config()
    hashed = hashing.Config().set_ignored_paths(
        paths=[version.directory / SIGNATURE_FILE], ignore_git_paths=False
    )
    config.set_hashing_config(hashed)
    try:
        if certificate is None:
            config.use_elliptic_key_signer(private_key=key)
        else:
            # The tool takes no empty chain.
            config.use_certificate_signer(
                private_key=key,
                signing_certificate=certificate,
                certificate_chain=chain or [certificate],
            )
        with ModelStore(version.home).adding(version) as directory:
            config.sign(version.directory, directory / SIGNATURE_FILE)
    except (OSError, TypeError, ValueError) as error:
        raise NotServable(f"{version.manifest.tag} is not signed: {in_a_line(error)}") from error
