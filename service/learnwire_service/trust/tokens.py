"""Bearer tokens: made here, kept as digests."""

import hashlib
import secrets

_BYTES = 32
# So that scanners for secrets find one that was published.
_PREFIX = "lw_"


def new_token() -> str:
    """Make a token of 256 random bits."""
    return _PREFIX + secrets.token_urlsafe(_BYTES)


def digest_of(token: str) -> str:
    """Give what is kept of a token: its SHA-256, in hex. Its bits are too many to be guessed."""
    return hashlib.sha256(token.encode()).hexdigest()
