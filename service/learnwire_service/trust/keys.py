"""The keys that sign web tokens: a JWKS file, or the address of one."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jwt

from ..common.errors import BadFile
from ..common.logs import get_logger
from .watched import WatchedFile

_HTTPS = "https://"
# A key that is not known may be new; so many seconds lie between two questions at least.
_ASK_SECONDS = 10.0
_FETCH_SECONDS = 5.0
_MOST_BYTES = 2**20
# Signatures by a secret would let whoever checks a token make one.
_PUBLIC = {"RSA", "EC", "OKP"}

_log = get_logger()

Keys = Mapping[str | None, jwt.PyJWK]


def read_keys(data: bytes) -> Keys:
    """Read a JWKS document; see RFC 7517.

    Returns: the public keys for signatures, by their ids.

    Raises:
        ValueError: it is none, or holds no such key.
    """
    try:
        listed = json.loads(data)["keys"]
        public = [one for one in listed if one.get("kty") in _PUBLIC and one.get("use") != "enc"]
        found = [jwt.PyJWK(one) for one in public]
    except (ValueError, KeyError, TypeError, AttributeError, jwt.PyJWTError) as error:
        raise ValueError(f"expected a JSON web key set: {error}") from error
    if not found:
        raise ValueError("expected public keys for signatures in the JSON web key set, got none")
    return {one.key_id: one for one in found}


class FileKeys:
    """Keys from a file, which is read again when it changes.

    Raises:
        BadFile: it is not there, or does not read.
    """

    def __init__(self, path: str) -> None:
        self._file = WatchedFile(Path(path), read_keys)

    @property
    def known(self) -> Keys:
        """The keys that are known now."""
        return self._file.get()

    def ask(self) -> None:
        """Look for new keys: a file tells by itself."""


class AddressKeys:
    """Keys from an https address, asked for at start and when a token names one that is not known.

    Raises:
        BadFile: there are none at first.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._asked = time.monotonic()
        self.known = self._fetched()

    def ask(self) -> None:
        """Ask for new keys, unless that was done a moment ago; it may take seconds."""
        now = time.monotonic()
        if now - self._asked < _ASK_SECONDS:
            return
        self._asked = now
        try:
            self.known = self._fetched()
        except BadFile as error:
            _log.error("no new keys, those known before hold", problem=str(error))

    def _fetched(self) -> Keys:
        try:
            with urllib.request.urlopen(self._address, timeout=_FETCH_SECONDS) as answer:  # noqa: S310 - https alone
                return read_keys(answer.read(_MOST_BYTES))
        except (OSError, urllib.error.URLError, ValueError) as error:
            raise BadFile(f"{self._address}: {error}") from error


def keys_at(place: str) -> FileKeys | AddressKeys:
    """Give the keys at a path or an https address.

    Raises:
        BadFile: there are none.
    """
    if place.startswith("http://"):
        raise BadFile(
            f"{place}: expected https://, or a file; who changes keys on their way gets in"
        )
    return AddressKeys(place) if place.startswith(_HTTPS) else FileKeys(place)


def needed(header: Mapping[str, Any], known: Keys) -> jwt.PyJWK | None:
    """Give the key that a token's header names; the only one where it names none."""
    key_id = header.get("kid")
    if key_id is None and len(known) == 1:
        return next(iter(known.values()))
    return known.get(key_id)
