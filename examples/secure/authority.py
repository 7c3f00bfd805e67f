"""What an organisation has: an authority that issues certificates, and a key that signs models."""

from dataclasses import dataclass
from pathlib import Path

import trustme
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)


@dataclass(frozen=True)
class Certificate:
    """A certificate's chain and its key, as PEM files."""

    chain: Path
    key: Path


class Authority:
    """Issues certificates into a folder.

    Attributes:
        root: its own certificate, a PEM file.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._ca = folder, trustme.CA()
        self.root = folder / "ca.pem"
        self._ca.cert_pem.write_to_path(self.root)

    def issue(self, role: str, name: str) -> Certificate:
        """Issue a certificate for a DNS name."""
        issued = self._ca.issue_cert(name)
        made = Certificate(self._folder / f"{role}.pem", self._folder / f"{role}-key.pem")
        made.chain.write_bytes(b"".join(one.bytes() for one in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(made.key)
        return made


def signing_key(folder: Path) -> tuple[Path, Path]:
    """Make a key for models; give the files of its private and its public half."""
    private, public = folder / "models-key.pem", folder / "models-public.pem"
    key = generate_private_key(SECP256R1())
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    return private, public
