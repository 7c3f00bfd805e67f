"""Certificates that tests show: made by authorities of their own, and kept in files."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from learnwire_client import ChannelOptions

HERE = ("localhost", "127.0.0.1")


class Files:
    """A certificate's chain, its key, and an authority's root, in a folder.

    They are written one after the other, as by tools that know nothing of each other.
    """

    def __init__(self, folder: Path) -> None:
        self.cert, self.key, self.ca = (folder / f"{one}.pem" for one in ("cert", "key", "ca"))

    def keep(self, certificate: trustme.LeafCert) -> int:
        """Write a certificate and its key, and give its number."""
        self.keep_certificate(certificate)
        certificate.private_key_pem.write_to_path(self.key)
        return number_of(certificate)

    def keep_certificate(self, certificate: trustme.LeafCert) -> None:
        self.cert.write_bytes(chain(certificate))

    def trust(self, *authorities: trustme.CA) -> None:
        self.ca.write_bytes(b"".join(one.cert_pem.bytes() for one in authorities))

    def server(self, *, mutual: bool = False) -> dict[str, Any]:
        """Give the settings of a server that shows the certificate."""
        settings = {"tls_cert": self.cert, "tls_key": self.key}
        return {**settings, "tls_client_ca": self.ca} if mutual else settings

    def flags(self, *, mutual: bool = False) -> list[str]:
        """Give the same as flags of `learnwire serve`."""
        settings = self.server(mutual=mutual).items()
        return [part for name, path in settings for part in (_flag(name), str(path))]


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def chain(certificate: trustme.LeafCert) -> bytes:
    return b"".join(pem.bytes() for pem in certificate.cert_chain_pems)


def issued(authority: trustme.CA, common_name: str, *uris: str) -> trustme.LeafCert:
    """Give a certificate for URIs, such as SPIFFE's, or without alternative names at all."""
    key, now = generate_private_key(SECP256R1()), datetime.now(UTC)
    root = x509.load_pem_x509_certificate(authority.cert_pem.bytes())
    signer: Any = load_pem_private_key(authority.private_key_pem.bytes(), None)
    names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri) for uri in uris])
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)]))
        .issuer_name(root.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )
    if uris:
        builder = builder.add_extension(names, critical=False)
    made = builder.sign(signer, SHA256()).public_bytes(Encoding.PEM)
    return trustme.LeafCert(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), made, []
    )


def number_of(certificate: trustme.LeafCert) -> int:
    return x509.load_pem_x509_certificate(chain(certificate)).serial_number


def trusting(
    *authorities: trustme.CA, shown: trustme.LeafCert | None = None, retries: int = 0
) -> ChannelOptions:
    """Give the options of a client that trusts these, and shows a certificate."""
    return ChannelOptions(
        tls=b"".join(one.cert_pem.bytes() for one in authorities),
        certificate=chain(shown) if shown else None,
        private_key=shown.private_key_pem.bytes() if shown else None,
        retries=retries,
    )
