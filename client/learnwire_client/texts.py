"""Strings to Text messages."""

from learnwire.v1 import io_pb2

from .errors import FieldError


def encode_text(text: str) -> io_pb2.Text:
    """Encode a text.

    Raises:
        FieldError: it has no form in UTF-8. Its field is `content`.
    """
    check_unicode("content", text)
    return io_pb2.Text(content=text)


def check_unicode(field: str, text: str) -> None:
    """Refuse a string with a lone surrogate, which Python holds and UTF-8 does not.

    Raises:
        FieldError: there is one in `text`.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise FieldError(
            field, f"expected Unicode text, got a lone surrogate at character {error.start}"
        ) from None
