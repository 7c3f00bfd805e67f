"""Messages in envelopes, as Connect's streams and gRPC-Web have them; and compressed ones."""

import re
import struct
import zlib

from ..common.errors import MalformedMessage, TooLarge

COMPRESSED = 1
_HEAD = struct.Struct(">BI")
_GZIP = 31
# What is smaller grows, or takes longer than its way.
_WORTH_BYTES = 1024
_LEVEL = 1
_TAKEN = re.compile(r"gzip(?:;q=(?!0\.?0*$).*)?")


def enveloped(data: bytes, flags: int = 0) -> bytes:
    """Put a message in an envelope."""
    return _HEAD.pack(flags, len(data)) + data


def opened(body: bytes) -> tuple[int, bytes]:
    """Give the flags of the one envelope that a body is, and what is in it.

    Raises:
        MalformedMessage: it is none, or there are several.
    """
    if len(body) < _HEAD.size:
        raise MalformedMessage("expected one message in an envelope of 5 bytes, got none")
    flags, size = _HEAD.unpack_from(body)
    if len(body) != _HEAD.size + size:
        raise MalformedMessage(
            f"expected one message of the {size} bytes that its envelope tells, got "
            f"{len(body) - _HEAD.size}"
        )
    return flags, body[_HEAD.size :]


def is_worth(data: bytes) -> bool:
    """Tell whether a message is to be compressed."""
    return len(data) >= _WORTH_BYTES


def takes_gzip(accepted: str) -> bool:
    """Tell whether a caller who accepts these codings takes what is compressed with gzip."""
    codings = accepted.lower().replace(" ", "").split(",")
    return any(_TAKEN.fullmatch(one) for one in codings)


def compressed(data: bytes) -> bytes:
    """Compress with gzip."""
    return zlib.compress(data, _LEVEL, _GZIP)


def decompressed(data: bytes, most: int) -> bytes:
    """Decompress what gzip compressed.

    Raises:
        TooLarge: it would be more than the most bytes.
        MalformedMessage: it is none.
    """
    work = zlib.decompressobj(_GZIP)
    try:
        found = work.decompress(data, most + 1)
    except zlib.error:
        raise MalformedMessage("expected bytes of gzip, as the headers say") from None
    if len(found) > most:
        raise TooLarge(most)
    if not work.eof or work.unused_data:
        raise MalformedMessage("expected bytes of gzip to their end, and nothing behind it")
    return found
