"""A signature file in the OpenSSF Model Signing format: a Sigstore bundle around a statement.

Read as strictly as the format allows: what is not understood is refused, and nothing in it counts
before the signature has been checked.
"""

import base64
import json
from typing import Any, NamedTuple

from ..common.errors import UntrustedModel

_MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
_PAYLOAD_TYPE = "application/vnd.in-toto+json"
_MATERIAL = ("publicKey", "x509CertificateChain", "certificate")


class Bundle(NamedTuple):
    """What a signature file holds.

    Attributes:
        certificates: the signer's and those between it and a root, DER; none where a key signed.
        payload: the statement that is signed.
        signature: over `signed`.
    """

    certificates: tuple[bytes, ...]
    payload: bytes
    signature: bytes

    @property
    def signed(self) -> bytes:
        """The bytes that are signed: DSSE's encoding of the payload and its type."""
        head = f"DSSEv1 {len(_PAYLOAD_TYPE)} {_PAYLOAD_TYPE} {len(self.payload)} "
        return head.encode() + self.payload


def read_bundle(data: bytes) -> Bundle:
    """Read a signature file.

    Raises:
        UntrustedModel: it is none that could be checked; the message says why.
    """
    bundle = an_object(read_json(data, "the signature"), "the signature")
    expect(bundle.get("mediaType"), _MEDIA_TYPE, "mediaType")
    envelope = an_object(bundle.get("dsseEnvelope"), "dsseEnvelope")
    expect(envelope.get("payloadType"), _PAYLOAD_TYPE, "payloadType")
    signatures = envelope.get("signatures")
    if not isinstance(signatures, list) or len(signatures) != 1:
        raise UntrustedModel("signatures: expected one")
    signature = an_object(signatures[0], "signatures[0]")
    return Bundle(
        certificates=_certificates(an_object(bundle.get("verificationMaterial"), "verification")),
        payload=_bytes(envelope.get("payload"), "payload"),
        signature=_bytes(signature.get("sig"), "signatures[0].sig"),
    )


def read_json(data: bytes, what: str) -> Any:
    """Read JSON in which no object says a thing twice.

    Raises:
        UntrustedModel: it is none.
    """
    try:
        return json.loads(data.decode(), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise UntrustedModel(f"{what} does not read: {error}") from error


def an_object(value: Any, where: str) -> dict[str, Any]:
    """Give a JSON object.

    Raises:
        UntrustedModel: it is none.
    """
    if not isinstance(value, dict):
        raise UntrustedModel(f"{where}: expected an object")
    return value


def expect(value: Any, wanted: object, where: str) -> None:
    """Check that a value is the only one that is understood.

    Raises:
        UntrustedModel: it is another.
    """
    if type(value) is not type(wanted) or value != wanted:
        raise UntrustedModel(f"{where}: expected {wanted!r}, got {str(value)[:100]!r}")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an object has the same name twice")
    return found


def _certificates(material: dict[str, Any]) -> tuple[bytes, ...]:
    kinds = [kind for kind in _MATERIAL if kind in material]
    match kinds:
        case ["publicKey"]:
            return ()
        case ["x509CertificateChain"]:
            chain = an_object(material[kinds[0]], kinds[0]).get("certificates")
            if not isinstance(chain, list) or not chain:
                raise UntrustedModel(f"{kinds[0]}: expected certificates")
            where = f"{kinds[0]}.certificates"
            return tuple(_bytes(an_object(one, where).get("rawBytes"), where) for one in chain)
        case ["certificate"]:
            raise UntrustedModel(
                "it was signed with an identity of Sigstore; sign with a key or a certificate"
            )
        case _:
            raise UntrustedModel("verificationMaterial: expected a key or certificates")


def _bytes(value: Any, where: str) -> bytes:
    try:
        data = base64.b64decode(value, validate=True)
    except (TypeError, ValueError) as error:
        raise UntrustedModel(f"{where}: expected base64") from error
    if base64.b64encode(data).decode() != value:
        raise UntrustedModel(f"{where}: expected base64 as it is written, to the last bit")
    return data
