"""Who may sign models: public keys, and certificates that stand for a signer or for a root."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from ..common.errors import UntrustedModel, in_a_line
from .bundle import Bundle

# A key of a curve signs over the hash that is as strong.
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "secp256r1": hashes.SHA256(),
    "secp384r1": hashes.SHA384(),
    "secp521r1": hashes.SHA512(),
}
_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)
_MOST_BETWEEN = 5


class Signers(NamedTuple):
    """Those whose signatures count.

    Attributes:
        keys: public keys, on the curves P-256, P-384 or P-521.
        certificates: those of signers, or of roots whose certificates sign.
    """

    keys: tuple[ec.EllipticCurvePublicKey, ...]
    certificates: tuple[x509.Certificate, ...]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file of PEM, or all files of a folder.

        Raises:
            UntrustedModel: there is none, or it holds anything but public keys and certificates.
        """
        try:
            files = sorted(path.iterdir()) if path.is_dir() else [path]
            blocks = [
                (file, *block)
                for file in files
                if not file.is_dir()
                for block in _blocks(file.read_bytes())
            ]
        except OSError as error:
            raise UntrustedModel(f"trusted keys: {error}") from error
        keys, certificates = [], []
        for file, kind, pem in blocks:
            match kind:
                case b"PUBLIC KEY":
                    keys.append(_read_key(file, pem))
                case b"CERTIFICATE":
                    certificates.append(_read_certificate(file, pem))
                case _:
                    raise UntrustedModel(
                        f"trusted keys: {file} holds {kind.decode().lower() or 'no PEM'}; expected "
                        "public keys and certificates"
                    )
        if not blocks:
            raise UntrustedModel(f"trusted keys: there are none in {path}")
        return cls(tuple(keys), tuple(certificates))

    def check(self, bundle: Bundle) -> None:
        """Check that one of them signed.

        Raises:
            UntrustedModel: none did; the message says why.
        """
        if bundle.certificates:
            key = self._signer(bundle.certificates)
            if not _has_signed(key, bundle):
                raise UntrustedModel("the signature is not that of its certificate")
        elif not any(_has_signed(key, bundle) for key in self.keys):
            raise UntrustedModel("the signature is by none of the trusted keys, or was altered")

    def _signer(self, chain: Sequence[bytes]) -> ec.EllipticCurvePublicKey:
        """Give the key of a certificate that leads to a trusted one, and is valid now."""
        if not self.certificates:
            raise UntrustedModel("it is signed with a certificate, and only keys are trusted")
        try:
            signer, *others = map(x509.load_der_x509_certificate, chain)
            verifier = (
                PolicyBuilder()
                .store(Store(list(self.certificates)))
                .max_chain_depth(_MOST_BETWEEN)
                .extension_policies(ca_policy=_OF_CAS, ee_policy=_OF_SIGNERS)
                .build_client_verifier()
            )
            verifier.verify(signer, others)
            return _checked(signer.public_key())
        except (VerificationError, ValueError, UnsupportedAlgorithm) as error:
            raise UntrustedModel(
                f"the signer's certificate is not trusted: {in_a_line(error)}"
            ) from error


def _blocks(data: bytes) -> list[tuple[bytes, bytes]]:
    return [(found[1], found[0]) for found in _PEM.finditer(data)] or [(b"", data)]


def _read_key(file: Path, pem: bytes) -> ec.EllipticCurvePublicKey:
    try:
        return _checked(load_pem_public_key(pem))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UntrustedModel(f"trusted keys: {file}: {in_a_line(error)}") from error


def _read_certificate(file: Path, pem: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        raise UntrustedModel(f"trusted keys: {file}: {in_a_line(error)}") from error


def _checked(key: object) -> ec.EllipticCurvePublicKey:
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in _HASHES:
        raise ValueError("expected a key on one of the curves P-256, P-384 and P-521")
    return key


def _has_signed(key: ec.EllipticCurvePublicKey, bundle: Bundle) -> bool:
    try:
        key.verify(bundle.signature, bundle.signed, ec.ECDSA(_HASHES[key.curve.name]))
    except InvalidSignature:
        return False
    return True


def _check_ca_usage(policy: Policy, cert: x509.Certificate, found: x509.KeyUsage | None) -> None:
    if found is not None and not found.key_cert_sign:
        raise ValueError("a certificate between may sign no certificates")


def _check_usage(policy: Policy, cert: x509.Certificate, found: x509.KeyUsage | None) -> None:
    if found is None or not found.digital_signature:
        raise ValueError("it may not be used for signatures")


def _check_purpose(
    policy: Policy, cert: x509.Certificate, found: x509.ExtendedKeyUsage | None
) -> None:
    if found is not None and ExtendedKeyUsageOID.CODE_SIGNING not in found:
        raise ValueError("it is for other purposes than signing code")


_OF_CAS = (
    ExtensionPolicy.permit_all()
    .require_present(x509.BasicConstraints, Criticality.AGNOSTIC, None)
    .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _check_ca_usage)
)
_OF_SIGNERS = (
    ExtensionPolicy.permit_all()
    .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _check_usage)
    .may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _check_purpose)
)
