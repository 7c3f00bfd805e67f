"""Bearer tokens: made here, kept as digests."""

import hashlib
import secrets

AUTHORIZATION = "authorization"

_BEARER = "bearer "
_BYTES = 32
# So that scanners for secrets find one that was published.
_PREFIX = "lw_"


def new_token() -> str:
    """Make a token of 256 random bits."""
    return _PREFIX + secrets.token_urlsafe(_BYTES)


def digest_of(token: str) -> str:
    """Give what is kept of a token: its SHA-256, in hex. Its bits are too many to be guessed."""
    return hashlib.sha256(token.encode()).hexdigest()


def bearer_of(authorization: str) -> str | None:
    """Give the token of an `Authorization: Bearer` header (RFC 6750); None: it is no such one."""
    if authorization[: len(_BEARER)].lower() != _BEARER:
        return None
    return authorization[len(_BEARER) :].strip()
