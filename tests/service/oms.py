"""Signatures of models as the tool of the format writes them, and as attackers would."""

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from learnwire_service.store.manifest import SIGNATURE_FILE

Key = ec.EllipticCurvePrivateKey
Change = Callable[[Any], object]
Usage = ExtendedKeyUsageOID

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
HASHES = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}


def new_key(curve: ec.EllipticCurve | None = None) -> Key:
    """Make a key, on P-256 where nothing else is said."""
    return ec.generate_private_key(curve or ec.SECP256R1())


def private_pem(key: Key) -> bytes:
    """Give a key as a file holds it."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def public_pem(key: Key) -> bytes:
    """Give its public half as a file holds it."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def statement_of(directory: Path) -> dict[str, Any]:
    """State which files are in a directory."""
    files = sorted(path for path in directory.iterdir() if path.name != SIGNATURE_FILE)
    digests = {path.name: hashlib.sha256(path.read_bytes()) for path in files}
    whole = hashlib.sha256(b"".join(digest.digest() for digest in digests.values()))
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": directory.name, "digest": {"sha256": whole.hexdigest()}}],
        "predicateType": "https://model_signing/signature/v1.0",
        "predicate": {
            "serialization": {
                "method": "files",
                "hash_type": "sha256",
                "allow_symlinks": False,
                "ignore_paths": [SIGNATURE_FILE],
            },
            "resources": [
                {"name": name, "algorithm": "sha256", "digest": digest.hexdigest()}
                for name, digest in digests.items()
            ],
        },
    }


def sign(
    directory: Path,
    key: Key,
    *,
    chain: Sequence[x509.Certificate] = (),
    stated: Change = id,
    signed: Change = id,
    written: Callable[[str], str] = str,
) -> None:
    """Sign a directory.

    Args:
        directory: what is signed.
        key: who signs.
        chain: his certificate and those above it, where one is to tell who he is.
        stated: changes the statement before it is signed.
        signed: changes the bundle afterwards.
        written: changes its text.
    """
    statement = statement_of(directory)
    stated(statement)
    payload = json.dumps(statement).encode()
    head = f"DSSEv1 {len(PAYLOAD_TYPE)} {PAYLOAD_TYPE} {len(payload)} ".encode()
    signature = key.sign(head + payload, ec.ECDSA(HASHES[key.curve.key_size]))
    raw = [{"rawBytes": _base64(one.public_bytes(Encoding.DER))} for one in chain]
    hint = hashlib.sha256(public_pem(key)).hexdigest()
    who: Any = {"x509CertificateChain": {"certificates": raw}} if raw else None
    bundle = {
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": {**(who or {"publicKey": {"hint": hint}}), "tlogEntries": []},
        "dsseEnvelope": {
            "payload": _base64(payload),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"sig": _base64(signature), "keyid": ""}],
        },
    }
    signed(bundle)
    (directory / SIGNATURE_FILE).write_text(written(json.dumps(bundle)))


def certificate(
    name: str,
    key: Key,
    issuer: tuple[x509.Certificate, Key] | None = None,
    *,
    is_ca: bool = False,
    for_: x509.ObjectIdentifier | None = Usage.CODE_SIGNING,
    signs: bool = True,
    days: tuple[int, int] = (-1, 1),
) -> x509.Certificate:
    """Make a certificate.

    Args:
        name: its subject.
        key: whose it is.
        issuer: who made it, and with which key; itself where there is none.
        is_ca: whether it may make others.
        for_: what else than that it is for.
        signs: whether its key may sign.
        days: between which days from now it is valid.
    """
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    begin, end = (datetime.now(UTC) + timedelta(days=day) for day in days)
    usage = dict.fromkeys(
        (
            *("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
            *("crl_sign", "encipher_only", "decipher_only"),
        ),
        False,
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(is_ca, None), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=signs, key_cert_sign=is_ca, **usage), critical=True
        )
    )
    if for_ is not None and not is_ca:
        builder = builder.add_extension(x509.ExtendedKeyUsage([for_]), critical=False)
    return builder.sign(issuer[1] if issuer else key, hashes.SHA256())


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
