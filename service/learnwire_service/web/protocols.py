"""How callers speak: Connect, gRPC-Web, or JSON and nothing else."""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from google.rpc import status_pb2

from ..common.errors import InvalidInput, LearnwireError, MalformedMessage, UnknownEncoding
from .envelopes import COMPRESSED, compressed, decompressed, enveloped, is_worth, opened, takes_gzip
from .errors import connect_error, connect_json, http_status, trailers

_CONNECT_END, _GRPC_END = 2, 128
_IDENTITY, _GZIP = "identity", "gzip"
_LINES = "application/x-ndjson"
_TIMEOUT = re.compile("([0-9]{1,8})([HMSmun])")
_UNITS = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}


class Head(NamedTuple):
    """What an answer begins with."""

    status: int
    headers: dict[str, str]


@dataclass(frozen=True)
class Protocol:
    """One call's way to write messages, and to read the one that it is asked with.

    Attributes:
        content_type: of both.
        packed: whether the request may be compressed.
        packs: whether answers are.
        seconds: how long the call may take; None: as long as it likes.
        fault: what ends the call before it begins.
    """

    content_type: str
    packed: bool
    packs: bool
    seconds: float | None
    fault: LearnwireError | None = None

    # The header of the compression, and what is before it in that of what callers take.
    encoding: ClassVar[str]
    accepts: ClassVar[str]

    @property
    def is_json(self) -> bool:
        """Whether messages are JSON, or protobuf's bytes."""
        return self.content_type.endswith("json")

    def fits(self, *, streams: bool) -> bool:
        """Tell whether methods can be called so: those that stream, or those that do not."""
        return True

    def message(self, body: bytes, most: int) -> bytes:
        """Give the message of a request.

        Args:
            body: the request's.
            most: the bytes that the message may have.

        Raises:
            LearnwireError: it is none, or too large.
        """
        flags, data = opened(body)
        if not flags & COMPRESSED:
            return data
        if not self.packed:
            raise MalformedMessage("a message is compressed, and no header says how")
        return decompressed(data, most)

    def head(self) -> Head:
        """Give what answers begin with."""
        headers = {"content-type": self.content_type}
        if self.packs:
            headers[self.encoding] = _GZIP
        return Head(200, headers)

    def answer(self, data: bytes) -> bytes:
        """Give an answer of several as it is written."""
        if self.packs and is_worth(data):
            return enveloped(compressed(data), COMPRESSED)
        return enveloped(data)

    def end(self, status: status_pb2.Status | None) -> bytes:
        """Give what is behind the answers; None is OK."""
        raise NotImplementedError

    def single(self, data: bytes) -> tuple[Head, bytes]:
        """Give all that is written where there is one answer."""
        return self.head(), self.answer(data) + self.end(None)

    def refusal(self, status: status_pb2.Status) -> tuple[Head, bytes]:
        """Give all that is written where there is no answer."""
        return self.head(), self.end(status)


class _Bare(Protocol):
    """Connect's calls with one answer: messages as they are; plain JSON is the same.

    Several answers, which Connect does not have so, are a line of JSON each.
    """

    encoding, accepts = "content-encoding", "accept-encoding"

    def fits(self, *, streams: bool) -> bool:
        return self.is_json or not streams

    def message(self, body: bytes, most: int) -> bytes:
        return decompressed(body, most) if self.packed else body

    def head(self) -> Head:
        return Head(200, {"content-type": _LINES})

    def answer(self, data: bytes) -> bytes:
        return data + b"\n"

    def end(self, status: status_pb2.Status | None) -> bytes:
        return b"" if status is None else b'{"error":' + connect_json(status) + b"}\n"

    def single(self, data: bytes) -> tuple[Head, bytes]:
        headers = {"content-type": self.content_type}
        if self.packs and is_worth(data):
            headers |= {self.encoding: _GZIP, "vary": self.accepts}
            data = compressed(data)
        return Head(200, headers), data

    def refusal(self, status: status_pb2.Status) -> tuple[Head, bytes]:
        headers = {"content-type": "application/json"}
        if (code := http_status(status)) == 401:
            headers["www-authenticate"] = "Bearer"
        return Head(code, headers), connect_json(status)


class _ConnectStream(Protocol):
    """Connect's streams: messages in envelopes, the last of which tells how it ended."""

    encoding, accepts = "connect-content-encoding", "connect-accept-encoding"

    def fits(self, *, streams: bool) -> bool:
        return streams

    def end(self, status: status_pb2.Status | None) -> bytes:
        told = {} if status is None else {"error": connect_error(status)}
        return enveloped(json.dumps(told, ensure_ascii=False).encode(), _CONNECT_END)


class _GrpcWeb(Protocol):
    """gRPC-Web: messages in envelopes, the last of which has gRPC's trailers."""

    encoding, accepts = "grpc-encoding", "grpc-accept-encoding"

    def end(self, status: status_pb2.Status | None) -> bytes:
        return enveloped(trailers(status), _GRPC_END)


class _GrpcWebText(_GrpcWeb):
    """gRPC-Web for callers that read text only: base64, in pieces with an end of their own."""

    def message(self, body: bytes, most: int) -> bytes:
        try:
            pieces = [base64.b64decode(one, validate=True) for one in re.findall(rb"[^=]+=*", body)]
        except binascii.Error:
            raise MalformedMessage("expected base64, as the content type says") from None
        return super().message(b"".join(pieces), most)

    def answer(self, data: bytes) -> bytes:
        return base64.b64encode(super().answer(data))

    def end(self, status: status_pb2.Status | None) -> bytes:
        return base64.b64encode(super().end(status))


_CODECS = ("proto", "json")
_KINDS: Mapping[str, type[Protocol]] = {
    **{f"application/{codec}": _Bare for codec in _CODECS},
    **{f"application/connect+{codec}": _ConnectStream for codec in _CODECS},
    "application/grpc-web": _GrpcWeb,
    **{f"application/grpc-web+{codec}": _GrpcWeb for codec in _CODECS},
    "application/grpc-web-text": _GrpcWebText,
    **{f"application/grpc-web-text+{codec}": _GrpcWebText for codec in _CODECS},
}
CONTENT_TYPES = tuple(_KINDS)


def spoken(headers: Mapping[str, str]) -> Protocol | None:
    """Find the protocol of a request; None where it is none of these."""
    content_type, _, parameter = headers.get("content-type", "").lower().partition(";")
    content_type = content_type.strip()
    kind = _KINDS.get(content_type)
    if kind is None or parameter.strip().replace('"', "") not in ("", "charset=utf-8"):
        return None
    packing = headers.get(kind.encoding, _IDENTITY)
    packs = takes_gzip(headers.get(kind.accepts, ""))
    try:
        if packing not in (_IDENTITY, _GZIP):
            raise UnknownEncoding(packing)
        return kind(content_type, packing == _GZIP, packs, _seconds(kind, headers))
    except LearnwireError as error:
        return kind(content_type, False, False, None, error)


def _seconds(kind: type[Protocol], headers: Mapping[str, str]) -> float | None:
    read, header = _connect_seconds, "connect-timeout-ms"
    if issubclass(kind, _GrpcWeb):
        read, header = _grpc_seconds, "grpc-timeout"
    if (told := headers.get(header)) is None:
        return None
    try:
        return read(told)
    except ValueError as error:
        raise InvalidInput(f"{header}: {error}") from None


def _connect_seconds(told: str) -> float:
    if not re.fullmatch("[0-9]{1,10}", told):
        raise ValueError("expected milliseconds, of 10 digits at most")
    return int(told) / 1000


def _grpc_seconds(told: str) -> float:
    if (found := _TIMEOUT.fullmatch(told)) is None:
        raise ValueError("expected 8 digits at most and a unit, such as 500m")
    return int(found[1]) * _UNITS[found[2]]
