"""The statement that a signature is over: which files a model has, and their digests."""

import hashlib
import re
from typing import Any

from ..common.errors import UntrustedModel
from ..store.manifest import SIGNATURE_FILE
from .bundle import an_object, expect, read_json

_STATEMENT = "https://in-toto.io/Statement/v1"
_PREDICATE = "https://model_signing/signature/v1.0"
_SERIALIZATION = {"method": "files", "hash_type": "sha256", "allow_symlinks": False}
# The signature, and what tools leave out by default: where that is there, it is refused.
_LEFT_OUT = [SIGNATURE_FILE, ".git", ".gitattributes", ".github", ".gitignore"]
_DIGEST = re.compile(r"[0-9a-f]{64}")


def signed_files(payload: bytes) -> dict[str, str]:
    """Read which files a statement names, each with its SHA-256 in hex.

    Raises:
        UntrustedModel: it is none of the signatures of models that are understood; the message
            says why.
    """
    statement = an_object(read_json(payload, "the statement"), "the statement")
    expect(statement.get("_type"), _STATEMENT, "_type")
    expect(statement.get("predicateType"), _PREDICATE, "predicateType")
    predicate = an_object(statement.get("predicate"), "predicate")
    _check_serialization(an_object(predicate.get("serialization"), "serialization"))
    files = _resources(predicate.get("resources"))
    _check_subject(statement.get("subject"), files)
    return files


def _check_serialization(given: dict[str, Any]) -> None:
    for name, wanted in _SERIALIZATION.items():
        expect(given.get(name), wanted, f"serialization.{name}")
    left_out = given.get("ignore_paths", [])
    if not isinstance(left_out, list):
        raise UntrustedModel("serialization.ignore_paths: expected a list")
    for path in left_out:
        if path not in _LEFT_OUT:
            raise UntrustedModel(f"the signature leaves out {str(path)[:100]!r}")
    for name in given.keys() - _SERIALIZATION.keys() - {"ignore_paths"}:
        raise UntrustedModel(f"serialization.{name}: not understood")


def _resources(given: Any) -> dict[str, str]:
    if not isinstance(given, list) or not given:
        raise UntrustedModel("resources: expected a list of files")
    files: dict[str, str] = {}
    for one in given:
        name, digest = _resource(an_object(one, "resources"))
        if name in files:
            raise UntrustedModel(f"the signature names the file {name} twice")
        files[name] = digest
    return files


def _resource(given: dict[str, Any]) -> tuple[str, str]:
    name, digest = given.get("name"), given.get("digest")
    if not isinstance(name, str) or not name or "/" in name or "\\" in name or name in (".", ".."):
        raise UntrustedModel(f"the signature names {str(name)[:100]!r}, which is no file's name")
    expect(given.get("algorithm"), "sha256", f"the algorithm of {name}")
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise UntrustedModel(f"the digest of {name} is none of SHA-256")
    return name, digest


def _check_subject(given: Any, files: dict[str, str]) -> None:
    if not isinstance(given, list) or len(given) != 1:
        raise UntrustedModel("subject: expected one")
    digests = an_object(an_object(given[0], "subject").get("digest"), "subject.digest")
    whole = hashlib.sha256(b"".join(map(bytes.fromhex, files.values()))).hexdigest()
    expect(digests.get("sha256"), whole, "subject.digest")
