"""What servicers use of gRPC's context, for calls that do not come through its port."""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from google.rpc import status_pb2

from .gate import NAMES, Metadata


class Ended(Exception):
    """Raised where gRPC would end a call with a status that is not OK."""

    def __init__(self, status: status_pb2.Status) -> None:
        super().__init__(status.message)
        self.status = status


class Context:
    """What a handler is told of its call, and how it ends one.

    Args:
        metadata: the call's, with names in small letters.
        peer: where it comes from, as gRPC writes it: `ipv4:127.0.0.1:5000`.
        names: those in the certificate that its caller has shown.
        seconds: how long it may take; None: as long as it likes.

    Attributes:
        trailing: the metadata that goes back.
    """

    def __init__(
        self,
        *,
        metadata: Metadata = (),
        peer: str = "",
        names: Iterable[str] = (),
        seconds: float | None = None,
    ) -> None:
        self._metadata = tuple(metadata)
        self._peer = peer
        self._names = [name.encode() for name in names]
        self.trailing: Metadata = ()
        self._ends = None if seconds is None else time.monotonic() + seconds

    def time_remaining(self) -> float | None:
        """Give the seconds that are left; None: any number."""
        return None if self._ends is None else max(0.0, self._ends - time.monotonic())

    def invocation_metadata(self) -> Metadata:
        """Give the metadata."""
        return self._metadata

    def set_trailing_metadata(self, metadata: Metadata) -> None:
        """Set the metadata that goes back."""
        self.trailing = metadata

    def peer(self) -> str:
        """Give where it comes from."""
        return self._peer

    def auth_context(self) -> Mapping[str, Sequence[bytes]]:
        """Give what the caller's certificate says."""
        return {NAMES: self._names} if self._names else {}

    async def abort(
        self, code: Any, message: str = "", details: Iterable[tuple[str, bytes]] = ()
    ) -> NoReturn:
        """End the call.

        Raises:
            Ended: always.
        """
        for _, status in details:
            raise Ended(status_pb2.Status.FromString(status))
        raise Ended(status_pb2.Status(code=code.value[0], message=message))
