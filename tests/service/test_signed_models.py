"""A signature covers every file of a version, by a key that is trusted; all else is refused."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from learnwire_service import UntrustedModel
from learnwire_service.store.manifest import MANIFEST_FILE, SIGNATURE_FILE
from learnwire_service.store.store import ModelStore, Version
from learnwire_service.store.tag import Tag
from learnwire_service.trust.running import Trust
from learnwire_service.trust.signatures import check_signed

from . import oms
from .hand_made import DATA_FILE, save
from .oms import Key

KEY = oms.new_key()


@pytest.fixture
def store(own_home: Path) -> ModelStore:
    return ModelStore()


@pytest.fixture
def version(store: ModelStore) -> Version:
    return store.find(save(store, "m:a"))


@pytest.fixture
def trusted(tmp_path: Path) -> Path:
    path = tmp_path / "trusted.pem"
    path.write_bytes(oms.public_pem(KEY))
    return path


def trusting(folder: Path, *what: Key | x509.Certificate) -> Path:
    """Put keys and certificates into a folder of those that are trusted."""
    folder = folder / "trusted"
    folder.mkdir()
    for i, one in enumerate(what):
        pem = _pem(one) if isinstance(one, x509.Certificate) else oms.public_pem(one)
        (folder / f"{i}.pem").write_bytes(pem)
    return folder


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def refused(version: Version, keys: Path) -> str:
    """Give why a version is refused."""
    with pytest.raises(UntrustedModel) as told:
        check_signed(version, keys)
    return str(told.value)


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
def test_a_version_that_a_trusted_key_signed_passes(
    version: Version, tmp_path: Path, curve: ec.EllipticCurve
) -> None:
    key = oms.new_key(curve)
    oms.sign(version.directory, key)
    check_signed(version, trusting(tmp_path, oms.new_key(), key))


def test_a_version_without_a_signature_is_refused(version: Version, trusted: Path) -> None:
    assert "m:a is not served: it is not signed" in refused(version, trusted)


def test_another_key_is_refused(version: Version, tmp_path: Path) -> None:
    oms.sign(version.directory, oms.new_key())
    told = refused(version, trusting(tmp_path, KEY, oms.new_key(ec.SECP384R1())))
    assert "by none of the trusted keys" in told


@pytest.mark.parametrize("name", [DATA_FILE, MANIFEST_FILE])
def test_every_flipped_byte_is_refused_with_the_file(
    version: Version, trusted: Path, name: str
) -> None:
    oms.sign(version.directory, KEY)
    path = version.directory / name
    whole = path.read_bytes()
    for i in range(len(whole)):
        path.write_bytes(whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :])
        assert f"the file {name} was altered" in refused(version, trusted)
    path.write_bytes(whole)
    check_signed(version, trusted)


def test_every_flipped_byte_of_what_is_signed_and_how_is_refused(
    version: Version, trusted: Path
) -> None:
    oms.sign(version.directory, KEY)
    path = version.directory / SIGNATURE_FILE
    whole = path.read_bytes()
    bundle = json.loads(whole)
    envelope = bundle["dsseEnvelope"]
    parts = [bundle["mediaType"], envelope["payload"], envelope["payloadType"]]
    for part in [*parts, envelope["signatures"][0]["sig"]]:
        start = whole.index(part.encode())
        for i in range(start, start + len(part)):
            path.write_bytes(whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :])
            refused(version, trusted)
    path.write_bytes(whole)
    check_signed(version, trusted)


def test_a_file_that_was_added_is_named(version: Version, trusted: Path) -> None:
    oms.sign(version.directory, KEY)
    for name in ("learner.pkl", ".hidden", ".git"):
        (version.directory / name).write_bytes(b"")
        assert f"the file {name} is not signed" in refused(version, trusted)
        (version.directory / name).unlink()
    (version.directory / "folder").mkdir()
    assert "the file folder is not signed" in refused(version, trusted)


@pytest.mark.parametrize("name", [DATA_FILE, MANIFEST_FILE])
def test_a_file_that_is_gone_is_named(version: Version, trusted: Path, name: str) -> None:
    oms.sign(version.directory, KEY)
    (version.directory / name).unlink()
    assert f"the file {name} is signed, and missing" in refused(version, trusted)


@pytest.mark.parametrize("name", [DATA_FILE, MANIFEST_FILE, SIGNATURE_FILE, "other"])
def test_a_symlink_is_named_whatever_it_leads_to(
    version: Version, trusted: Path, tmp_path: Path, name: str
) -> None:
    oms.sign(version.directory, KEY)
    path = version.directory / name
    target = tmp_path / "same"
    target.write_bytes(path.read_bytes() if path.exists() else b"")
    path.unlink(missing_ok=True)
    path.symlink_to(target)
    assert f"the file {name} is a symlink" in refused(version, trusted)


def test_what_others_may_write_to_is_loaded_from_a_copy(version: Version, trusted: Path) -> None:
    oms.sign(version.directory, KEY)
    trust = Trust(keys=trusted)
    with trust.checked(version) as given:
        assert given == version
    version.directory.chmod(0o777)
    with trust.checked(version) as given:
        (version.directory / DATA_FILE).write_bytes(b"altered")
        given.manifest.check_files(given.directory)
        check_signed(given, trusted)
    assert not given.directory.exists()
    with pytest.raises(UntrustedModel, match="was altered"), trust.checked(version):
        pass
    os.mkfifo(version.directory / "pipe")
    with pytest.raises(UntrustedModel, match="pipe"), trust.checked(version):
        pass


@pytest.mark.parametrize("name", [DATA_FILE, MANIFEST_FILE, SIGNATURE_FILE])
@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_a_folder_or_a_pipe_in_the_place_of_a_file_is_refused(
    version: Version, trusted: Path, name: str, make: Callable[[Path], None]
) -> None:
    oms.sign(version.directory, KEY)
    (version.directory / name).unlink()
    make(version.directory / name)
    assert name in refused(version, trusted)


def test_a_signed_version_is_not_replayed_under_another_name(
    store: ModelStore, version: Version, trusted: Path
) -> None:
    oms.sign(version.directory, KEY)
    save(store, "m:b")
    other = store.home / "models" / "m" / "b"
    for path in version.directory.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    with pytest.raises(Exception, match="what lies in the store as m:b says that it is m:a"):
        store.find(Tag("m", "b"))


def test_a_signature_of_another_version_is_refused(
    store: ModelStore, version: Version, trusted: Path
) -> None:
    other = store.find(save(store, "m:b"))
    oms.sign(other.directory, KEY)
    signature = (other.directory / SIGNATURE_FILE).read_bytes()
    (version.directory / SIGNATURE_FILE).write_bytes(signature)
    assert f"the file {DATA_FILE} was altered" in refused(version, trusted)


def at(path: str, value: Any) -> Callable[[Any], None]:
    """Give a change that puts a value into JSON; a value of `...` takes what is there away."""

    def change(data: Any) -> None:
        *folders, last = [int(name) if name.isdigit() else name for name in path.split(".")]
        for name in folders:
            data = data[name]
        if value is ...:
            del data[last]
        else:
            data[last] = value

    return change


def twice(path: str) -> Callable[[Any], None]:
    """Give a change that repeats the first of a list in JSON."""

    def change(data: Any) -> None:
        for name in path.split("."):
            data = data[name]
        data.append(data[0])

    return change


SERIALIZATION = "predicate.serialization"
FIRST = "predicate.resources.0"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (at("_type", "https://in-toto.io/Statement/v0.1"), "_type: expected"),
        (at("predicateType", "https://slsa.dev/provenance/v1"), "predicateType: expected"),
        (at("predicateType", "https://model_signing/Digests/v0.1"), "predicateType: expected"),
        (at("predicate", ...), "predicate: expected an object"),
        (at("subject", []), "subject: expected one"),
        (twice("subject"), "subject: expected one"),
        (at("subject.0.digest.sha256", "0" * 64), r"subject\.digest: expected"),
        (at("subject.0.digest", ...), r"subject\.digest: expected"),
        (at(f"{SERIALIZATION}.method", "shards"), r"serialization\.method: expected 'files'"),
        (at(f"{SERIALIZATION}.shard_size", 5), r"serialization\.shard_size: not understood"),
        (at(f"{SERIALIZATION}.hash_type", "blake2b"), r"serialization\.hash_type: expected"),
        (at(f"{SERIALIZATION}.allow_symlinks", True), r"serialization\.allow_symlinks: expected"),
        (at(f"{SERIALIZATION}.allow_symlinks", 0), r"serialization\.allow_symlinks: expected"),
        (at(f"{SERIALIZATION}.ignore_paths", ["learner.pkl"]), r"leaves out 'learner\.pkl'"),
        (at(f"{SERIALIZATION}.ignore_paths", ["."]), r"leaves out '\.'"),
        (at(f"{SERIALIZATION}.ignore_paths", "model.sig"), "expected a list"),
        (at(f"{SERIALIZATION}.ignore_paths", [{}]), "leaves out"),
        (at(SERIALIZATION, ...), "serialization: expected an object"),
        (at("predicate.resources", []), "resources: expected a list"),
        (at("predicate.resources", {}), "resources: expected a list"),
        (twice("predicate.resources"), "names the file data.bin twice"),
        (at(f"{FIRST}.name", "../data.bin"), r"names '\.\./data\.bin', which is no file's name"),
        (at(f"{FIRST}.name", "/etc/passwd"), "names '/etc/passwd', which is no"),
        (at(f"{FIRST}.name", ".."), r"names '\.\.', which is no"),
        (at(f"{FIRST}.name", ""), "which is no file's name"),
        (at(f"{FIRST}.name", 5), "names '5', which is no"),
        (at(f"{FIRST}.name", "data.bin:0:5"), "subject|not signed"),
        (at(f"{FIRST}.algorithm", "md5"), "the algorithm of data.bin: expected 'sha256'"),
        (at(f"{FIRST}.digest", "00"), "the digest of data.bin is none"),
        (at(f"{FIRST}.digest", "A" * 64), "the digest of data.bin is none"),
        (at("predicate.resources.1", ...), "subject.digest: expected"),
    ],
)
def test_what_a_trusted_key_signed_is_read_strictly(
    version: Version, trusted: Path, change: oms.Change, problem: str
) -> None:
    oms.sign(version.directory, KEY, stated=change)
    with pytest.raises(UntrustedModel, match=problem):
        check_signed(version, trusted)


def test_a_file_left_out_of_what_is_signed_is_refused(version: Version, trusted: Path) -> None:
    path = version.directory / DATA_FILE
    data = path.read_bytes()
    path.unlink()
    oms.sign(version.directory, KEY)
    path.write_bytes(data)
    assert f"the file {DATA_FILE} is not signed" in refused(version, trusted)


def test_a_signature_that_leaves_out_the_manifest_is_refused(
    version: Version, trusted: Path
) -> None:
    path = version.directory / MANIFEST_FILE
    data = path.read_bytes()
    path.unlink()
    oms.sign(version.directory, KEY)
    path.write_bytes(data)
    assert f"the file {MANIFEST_FILE} is not signed" in refused(version, trusted)


def test_a_manifest_that_changed_after_it_was_read_is_refused(
    store: ModelStore, version: Version, trusted: Path
) -> None:
    path = version.directory / MANIFEST_FILE
    path.write_bytes(path.read_bytes() + b"\n")
    oms.sign(version.directory, KEY)
    assert f"the file {MANIFEST_FILE} is not signed as it was read" in refused(version, trusted)
    check_signed(store.find(Tag("m", "a")), trusted)


ENVELOPE = "dsseEnvelope"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (at("mediaType", "application/json"), "mediaType: expected"),
        (at("mediaType", ...), "mediaType: expected"),
        (at(ENVELOPE, ...), "dsseEnvelope: expected an object"),
        (at(f"{ENVELOPE}.payloadType", "text/plain"), "payloadType: expected"),
        (at(f"{ENVELOPE}.payload", "e30="), "none of the trusted keys, or was altered"),
        (at(f"{ENVELOPE}.payload", "e30"), "payload: expected base64"),
        (at(f"{ENVELOPE}.payload", "e3\n0="), "payload: expected base64"),
        (at(f"{ENVELOPE}.payload", 5), "payload: expected base64"),
        (at(f"{ENVELOPE}.signatures", []), "signatures: expected one"),
        (at(f"{ENVELOPE}.signatures", "x"), "signatures: expected one"),
        (twice(f"{ENVELOPE}.signatures"), "signatures: expected one"),
        (at(f"{ENVELOPE}.signatures.0.sig", ""), "none of the trusted keys"),
        (at(f"{ENVELOPE}.signatures.0.sig", "MAYCAQACAQA="), "none of the trusted keys"),
        (at("verificationMaterial", {}), "expected a key or certificates"),
        (at("verificationMaterial.x509CertificateChain", {}), "expected a key or certificates"),
        (at("verificationMaterial", {"certificate": {}}), "an identity of Sigstore"),
        (at("verificationMaterial", {"x509CertificateChain": {}}), "expected certificates"),
        (
            at("verificationMaterial", {"x509CertificateChain": {"certificates": [{}]}}),
            "expected base64",
        ),
    ],
)
def test_a_bundle_that_was_altered_is_refused(
    version: Version, trusted: Path, change: oms.Change, problem: str
) -> None:
    oms.sign(version.directory, KEY, signed=change)
    with pytest.raises(UntrustedModel, match=problem):
        check_signed(version, trusted)


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        (lambda text: "", "the signature does not read"),
        (lambda text: "[]", "expected an object"),
        (lambda text: text[:-1], "does not read"),
        (lambda text: text + text, "does not read"),
        (lambda text: "[" * 100_000, "does not read"),
        (lambda text: text.replace("{", '{"mediaType": "other", ', 1), "the same name twice"),
        (lambda text: " " * (16 * 2**20) + text, "more than"),
    ],
)
def test_a_file_that_is_no_bundle_is_refused(
    version: Version, trusted: Path, written: Callable[[str], str], problem: str
) -> None:
    oms.sign(version.directory, KEY, written=written)
    assert problem in refused(version, trusted)


def test_the_names_in_a_statement_are_said_once(version: Version, trusted: Path) -> None:
    """What two readers would understand differently is refused."""
    oms.sign(version.directory, KEY)
    path = version.directory / SIGNATURE_FILE
    bundle = json.loads(path.read_text())
    payload = b'{"_type": "a", "_type": "https://in-toto.io/Statement/v1"}'
    bundle["dsseEnvelope"]["payload"] = oms._base64(payload)
    head = f"DSSEv1 {len(oms.PAYLOAD_TYPE)} {oms.PAYLOAD_TYPE} {len(payload)} ".encode()
    signature = KEY.sign(head + payload, ec.ECDSA(oms.HASHES[256]))
    bundle["dsseEnvelope"]["signatures"][0]["sig"] = oms._base64(signature)
    path.write_text(json.dumps(bundle))
    assert "the same name twice" in refused(version, trusted)


ROOT_KEY, MIDDLE_KEY = oms.new_key(), oms.new_key(ec.SECP384R1())
ROOT = oms.certificate("root", ROOT_KEY, is_ca=True)
MIDDLE = oms.certificate("middle", MIDDLE_KEY, (ROOT, ROOT_KEY), is_ca=True)
SIGNER = oms.certificate("signer", KEY, (MIDDLE, MIDDLE_KEY))


def test_a_certificate_that_leads_to_a_trusted_root_may_sign(
    version: Version, tmp_path: Path
) -> None:
    oms.sign(version.directory, KEY, chain=[SIGNER, MIDDLE])
    check_signed(version, trusting(tmp_path, ROOT))


def test_a_signers_certificate_may_itself_be_trusted(version: Version, tmp_path: Path) -> None:
    oms.sign(version.directory, KEY, chain=[SIGNER])
    check_signed(version, trusting(tmp_path, SIGNER))


OTHER_ROOT = oms.certificate("root", oms.new_key(), is_ca=True)
NO_CA = oms.certificate("middle", MIDDLE_KEY, (ROOT, ROOT_KEY))
OLD_MIDDLE = oms.certificate("middle", MIDDLE_KEY, (ROOT, ROOT_KEY), is_ca=True, days=(-9, -1))


@pytest.mark.parametrize(
    ("chain", "roots", "problem"),
    [
        ([SIGNER, MIDDLE], [OTHER_ROOT], "certificate is not trusted"),
        ([SIGNER], [ROOT], "certificate is not trusted"),
        ([SIGNER, MIDDLE], [KEY], "only keys are trusted"),
        ([SIGNER, MIDDLE, OTHER_ROOT], [KEY, OTHER_ROOT], "certificate is not trusted"),
        ([SIGNER, NO_CA], [ROOT], "cA must be asserted"),
        ([SIGNER, OLD_MIDDLE], [ROOT], "not valid at validation time"),
        ([oms.certificate("old", KEY, (ROOT, ROOT_KEY), days=(-9, -1))], [ROOT], "not valid at"),
        ([oms.certificate("new", KEY, (ROOT, ROOT_KEY), days=(1, 9))], [ROOT], "not valid at"),
        (
            [oms.certificate("tls", KEY, (ROOT, ROOT_KEY), for_=oms.Usage.SERVER_AUTH)],
            [ROOT],
            "for other purposes",
        ),
        ([oms.certificate("mute", KEY, (ROOT, ROOT_KEY), signs=False)], [ROOT], "not be used"),
        ([MIDDLE, SIGNER], [ROOT], ""),
        (
            [oms.certificate("theirs", oms.new_key(), (ROOT, ROOT_KEY))],
            [ROOT],
            "not that of its certificate",
        ),
    ],
)
def test_certificates_that_may_not_sign_are_refused(
    version: Version,
    tmp_path: Path,
    chain: list[x509.Certificate],
    roots: list[Key | x509.Certificate],
    problem: str,
) -> None:
    oms.sign(version.directory, KEY, chain=chain)
    assert problem in refused(version, trusting(tmp_path, *roots))


def test_a_trusted_certificate_that_expired_is_refused(version: Version, tmp_path: Path) -> None:
    old = oms.certificate("old", KEY, days=(-9, -1))
    oms.sign(version.directory, KEY, chain=[old])
    assert "not valid at validation time" in refused(version, trusting(tmp_path, old))


def ed25519_pem() -> bytes:
    key = ed25519.Ed25519PrivateKey.generate().public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    ("pem", "problem"),
    [
        (b"", "holds no PEM"),
        (oms.private_pem(KEY), "holds private key; expected public keys"),
        (oms.public_pem(oms.new_key(ec.SECP256K1())), "P-256, P-384 and P-521"),
        (ed25519_pem(), "P-256, P-384 and P-521"),
        (oms.public_pem(KEY).replace(b"M", b"N"), "keys.pem"),
    ],
)
def test_what_are_no_trusted_keys_is_told(
    version: Version, tmp_path: Path, pem: bytes, problem: str
) -> None:
    oms.sign(version.directory, KEY)
    path = tmp_path / "keys.pem"
    path.write_bytes(pem)
    assert problem in refused(version, path)


def test_a_folder_without_keys_and_a_file_that_is_not_there_are_told(
    version: Version, tmp_path: Path
) -> None:
    assert "there are none in" in refused(version, trusting(tmp_path))
    assert "No such file" in refused(version, tmp_path / "nowhere")
