"""TLS: what the server shows and whom it asks for the same, read again when the files change."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import grpc

from ..common.errors import BadFile, ToolMissing
from ..common.extras import needed_by
from ..common.logs import get_logger
from ..common.settings import ServerSettings

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

# Of the curves, those that gRPC shakes hands with.
_CURVES = ("secp256r1", "secp384r1")

_log = get_logger()


def credentials_of(settings: ServerSettings) -> grpc.ServerCredentials | None:
    """Give what a server speaks TLS with; None where it speaks plain text.

    Its files are read again for each new connection. Those that are open keep theirs.

    Raises:
        BadFile: a file does not read, or the key is not the certificate's.
        ToolMissing: the library that reads them is not installed.
    """
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    files = _Files(settings.tls_cert, settings.tls_key, settings.tls_client_ca)
    with needed_by("--tls-cert", ToolMissing):
        renewal = _Renewal(files)
    return grpc.dynamic_ssl_server_credentials(
        _configuration(renewal.current),
        renewal,  # type: ignore[arg-type]  # None is what it gives where nothing has changed
        files.client_ca is not None,
    )


def check_files(settings: ServerSettings) -> None:
    """Tell in the log where the next connection will keep the files of before, and why."""
    if settings.tls_cert is None or settings.tls_key is None:
        return
    files = _Files(settings.tls_cert, settings.tls_key, settings.tls_client_ca)
    try:
        files.check(files.read())
    except BadFile as error:
        _tell_kept(str(error))


@dataclass(frozen=True)
class _Pem:
    """What the files hold.

    Attributes:
        cert: the certificate's chain.
        key: its key.
        client_ca: the roots of clients' certificates.
    """

    cert: bytes
    key: bytes
    client_ca: bytes | None


@dataclass(frozen=True)
class _Files:
    cert: Path
    key: Path
    client_ca: Path | None

    def read(self) -> _Pem:
        """Read them, whatever they hold."""
        return _Pem(
            _bytes_of("--tls-cert", self.cert),
            _bytes_of("--tls-key", self.key),
            None if self.client_ca is None else _bytes_of("--tls-client-ca", self.client_ca),
        )

    def check(self, pem: _Pem) -> datetime:
        """Check that what was read is whole and goes together, and tell when it expires."""
        own = _certificates("--tls-cert", self.cert, pem.cert)[0]
        if pem.client_ca is not None and self.client_ca is not None:
            _certificates("--tls-client-ca", self.client_ca, pem.client_ca)
        if _public_key(self.key, pem.key) != own.public_key():
            raise BadFile(f"--tls-key {self.key}: it is not the key of {self.cert}")
        return own.not_valid_after_utc


class _Renewal:
    """Looks, for each new connection, whether the files have changed.

    gRPC calls it in threads of its own.

    Attributes:
        current: what they held when they last were whole.

    Raises:
        BadFile: they are not whole now.
    """

    def __init__(self, files: _Files) -> None:
        self._files = files
        self._lock = Lock()
        self._told = ""
        self.current = files.read()
        _tell_expiry(files.check(self.current))

    def __call__(self) -> grpc.ServerCertificateConfiguration | None:
        """Give gRPC what has changed; None: nothing has, or it is not whole."""
        with self._lock:
            try:
                return self._changed()
            except BadFile as error:
                self._tell(str(error))
                return None

    def _changed(self) -> grpc.ServerCertificateConfiguration | None:
        pem = self._files.read()
        if pem == self.current:
            self._told = ""
            return None
        expires = self._files.check(pem)
        self.current, self._told = pem, ""
        _log.info("certificates renewed", expires=f"{expires:%Y-%m-%dT%H:%M:%SZ}")
        _tell_expiry(expires)
        return _configuration(pem)

    def _tell(self, problem: str) -> None:
        """Tell it once, for as long as it stays the same."""
        if problem != self._told:
            _tell_kept(problem)
        self._told = problem


def _configuration(pem: _Pem) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([(pem.key, pem.cert)], pem.client_ca)


def _tell_kept(problem: str) -> None:
    _log.error("certificates not renewed: those from before are kept", problem=problem)


def _tell_expiry(expires: datetime) -> None:
    if expires < datetime.now(UTC):
        _log.warning(f"the certificate of --tls-cert expired on {expires:%Y-%m-%d}")


def _bytes_of(flag: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadFile(f"{flag} {path}: {error.strerror}") from None


def _certificates(flag: str, path: Path, pem: bytes) -> "list[Certificate]":
    from cryptography.x509 import load_pem_x509_certificates

    try:
        return load_pem_x509_certificates(pem)
    except ValueError:
        raise BadFile(f"{flag} {path}: expected a certificate as PEM") from None


def _public_key(path: Path, pem: bytes) -> object:
    """Give the public half of a private key."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem, None)
    except TypeError:
        raise BadFile(f"--tls-key {path}: expected a key without a password") from None
    except (ValueError, UnsupportedAlgorithm):
        raise BadFile(f"--tls-key {path}: expected a private key as PEM") from None
    is_curve = isinstance(key, EllipticCurvePrivateKey) and key.curve.name in _CURVES
    if not is_curve and not isinstance(key, RSAPrivateKey):
        raise BadFile(
            f"--tls-key {path}: expected a key of RSA, P-256 or P-384: gRPC knows no other"
        )
    return key.public_key()
