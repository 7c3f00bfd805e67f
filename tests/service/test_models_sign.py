"""What the tool of the format signs passes here, and what we sign passes there."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)
from learnwire_service.cli.main import app
from learnwire_service.store.manifest import SIGNATURE_FILE
from learnwire_service.store.store import ModelStore, Version
from typer.testing import CliRunner

from . import oms
from .hand_made import DATA_FILE, save

pytest.importorskip("OpenSSL", reason="the extra sign is not installed")

TOOL = [sys.executable, "-m", "model_signing"]


@pytest.fixture
def version(own_home: Path) -> Version:
    store = ModelStore()
    return store.find(save(store, "m:a"))


class Keys:
    """Files of a key, its certificate, and the root that this leads to."""

    def __init__(self, folder: Path, curve: ec.EllipticCurve) -> None:
        key, root_key = oms.new_key(curve), oms.new_key()
        root = oms.certificate("root", root_key, is_ca=True)
        certificate = oms.certificate("signer", key, (root, root_key))
        self.private = _written(folder / "private.pem", oms.private_pem(key))
        self.public = _written(folder / "public.pem", oms.public_pem(key))
        self.root = _written(folder / "root.pem", _pem(root))
        self.certificate = _written(folder / "certificate.pem", _pem(certificate))


def _written(path: Path, pem: bytes) -> Path:
    path.write_bytes(pem)
    return path


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


@pytest.fixture(params=[ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()], ids=lambda one: one.name)
def keys(request: pytest.FixtureRequest, tmp_path: Path) -> Keys:
    return Keys(tmp_path, request.param)


def learnwire(*arguments: Any) -> tuple[int, str]:
    done = CliRunner().invoke(app, [*map(str, arguments)])
    return done.exit_code, done.output.strip()


def test_what_is_signed_verifies_and_a_flipped_byte_is_named(version: Version, keys: Keys) -> None:
    assert learnwire("models", "sign", "m", "--key", keys.private) == (0, "signed m:a")
    signed = (version.directory / SIGNATURE_FILE).stat()
    assert signed.st_mode & 0o777 == 0o600
    told = (0, "m:a is signed by a trusted key")
    assert learnwire("models", "verify", "m", "--key", keys.public) == told
    # A signature is replaced, and signs no earlier one.
    assert learnwire("models", "sign", "m", "--key", keys.private)[0] == 0
    assert learnwire("models", "verify", "m", "--key", keys.public) == told
    path = version.directory / DATA_FILE
    path.write_bytes(b"x" + path.read_bytes()[1:])
    code, told_now = learnwire("models", "verify", "m", "--key", keys.public)
    assert (code, f"the file {DATA_FILE} was altered" in told_now) == (1, True)
    code, told_now = learnwire("models", "sign", "m", "--key", keys.private)
    assert (code, f"the file {DATA_FILE} was altered" in told_now) == (1, True)


def test_who_signed_may_be_told_by_a_certificate(version: Version, keys: Keys) -> None:
    arguments = ("--key", keys.private, "--certificate", keys.certificate)
    assert learnwire("models", "sign", "m", *arguments) == (0, "signed m:a")
    assert learnwire("models", "verify", "m", "--key", keys.root)[0] == 0
    code, told = learnwire("models", "verify", "m", "--key", keys.public)
    assert (code, "only keys are trusted" in told) == (1, True)


@pytest.mark.slow
def test_the_tool_and_we_take_each_others_signatures(version: Version, keys: Keys) -> None:
    assert learnwire("models", "sign", "m", "--key", keys.private)[0] == 0
    signature = version.directory / SIGNATURE_FILE
    there = [version.directory, "--signature", signature]
    command: list[Any] = [*TOOL, "verify", "key", *there, "--public_key", keys.public]
    subprocess.run(command, check=True, capture_output=True)
    signature.unlink()
    command = [*TOOL, "sign", "key", *there, "--private_key", keys.private]
    subprocess.run(command, check=True, capture_output=True)
    assert learnwire("models", "verify", "m", "--key", keys.public)[0] == 0


@pytest.mark.parametrize(
    ("pem", "problem"),
    [
        (b"", "is not signed"),
        (oms.private_pem(oms.new_key(ec.SECP256K1())), "secp256k1"),
        (
            oms.new_key().private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
            ),
            "encrypted",
        ),
    ],
)
def test_a_key_that_does_not_sign_is_told(
    version: Version, tmp_path: Path, pem: bytes, problem: str
) -> None:
    code, told = learnwire("models", "sign", "m", "--key", _written(tmp_path / "key.pem", pem))
    assert (code, problem in told) == (1, True)
    assert not (version.directory / SIGNATURE_FILE).exists()
    assert list((version.home / "staging").iterdir()) == []
