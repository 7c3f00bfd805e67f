"""The id of a request: its caller's, or one made for it. It is in the log, and goes back."""

import re
import secrets
from collections.abc import Iterable
from itertools import count

# The metadata, there and back.
REQUEST_ID = "x-request-id"

_SAFE = re.compile(r"[\w.:/+=@~-]{1,128}", re.ASCII)


class RequestIds:
    """Gives each request an id of its own."""

    def __init__(self) -> None:
        self._server, self._numbers = secrets.token_hex(6), count(1)

    def of(self, metadata: Iterable[tuple[str, str | bytes]]) -> str:
        """Give the id that a caller sent, where it is one, and else a new one."""
        for key, value in metadata:
            if key == REQUEST_ID and isinstance(value, str) and _SAFE.fullmatch(value):
                return value
        return f"{self._server}-{next(self._numbers):x}"
