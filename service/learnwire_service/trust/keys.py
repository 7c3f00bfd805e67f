"""The keys that sign web tokens: a JWKS file, or the address of one."""

import json
import time
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException, HTTPResponse
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
# Of a key that was published whole, by mistake; see RFC 7518.
_PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth"}

_log = get_logger()

Keys = Mapping[str | None, jwt.PyJWK]


def read_keys(data: bytes) -> Keys:
    """Read a JWKS document; see RFC 7517.

    Returns: the public keys for signatures, by their ids; other keys are passed over, as it says.

    Raises:
        ValueError: it is none, or holds no such key.
    """
    try:
        listed = json.loads(data)["keys"]
        found = [key for one in listed if (key := _usable(one)) is not None]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"expected a JSON web key set: {error}") from error
    if not found:
        raise ValueError("expected public keys for signatures in the JSON web key set, got none")
    return {one.key_id: one for one in found}


def _usable(said: Mapping[str, Any]) -> jwt.PyJWK | None:
    is_named = isinstance(said.get("kid"), str | None)
    if said.get("kty") not in _PUBLIC or said.get("use") == "enc" or not is_named:
        return None
    try:
        return jwt.PyJWK({name: one for name, one in said.items() if name not in _PRIVATE})
    except (jwt.PyJWTError, ValueError, KeyError, TypeError, NotImplementedError):
        return None


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
            with _opener.open(self._address, timeout=_FETCH_SECONDS) as answer:
                return read_keys(_read(answer))
        except (OSError, HTTPException, ValueError) as error:
            raise BadFile(f"{self._address}: {error}") from error


class _HttpsAlone(urllib.request.HTTPRedirectHandler):
    """Follows no answer that leads to where others may change the keys on their way."""

    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        """See urllib."""
        if not newurl.lower().startswith(_HTTPS):
            raise OSError(f"it leads to {newurl}: expected https://")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


_opener = urllib.request.build_opener(_HttpsAlone)


def _read(answer: HTTPResponse) -> bytes:
    """Read it within a time: one that comes byte by byte would keep a thread for ever."""
    end, read = time.monotonic() + _FETCH_SECONDS, bytearray()
    while len(read) < _MOST_BYTES and (part := answer.read1(_MOST_BYTES)):
        read += part
        if time.monotonic() > end:
            raise TimeoutError("it takes too long")
    return bytes(read)


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
