"""Requests from their bytes: within the bounds, and large ones in threads of their own."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import replace
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import DecodeError
from learnwire_client.errors import FieldError

from ..common.bounds import Bounds
from ..common.errors import InvalidInput, LearnwireError, MalformedMessage
from .counting import Counting
from .room import Place
from .wire import LENGTH, Malformed, records

_TAKER = "the bounds of this server"
# What is smaller takes the event loop less time than a thread would.
_LARGE_BYTES = 2**15
# No element takes fewer.
_LEAST_BYTES = 2
# Within how many fields the id of a stream's message is looked for.
_ID_WITHIN = 1000

# Few, since each of them may hold a message and what is made of it.
_threads = ThreadPoolExecutor(2, thread_name_prefix="large-message")
# How many bytes the request has that is read in this context, 0 where that is of no account.
_bytes: ContextVar[int] = ContextVar("bytes", default=0)
_place: ContextVar[Place] = ContextVar("place")

_T = TypeVar("_T")


class Refused(NamedTuple):
    """Stands for a message of a stream that holds too much.

    Attributes:
        id: which it is.
        request: why it is refused.
    """

    id: str
    request: LearnwireError


class _Large:
    """A message that has yet to be parsed; its bytes are let go meanwhile."""

    def __init__(self, parse: Callable[[bytes], Any], data: bytes) -> None:
        self._parse = parse
        self._data = data

    @property
    def size(self) -> int:
        return len(self._data)

    def parsed(self) -> Any:
        data, self._data = self._data, b""
        return self._parse(data)


class Reader:
    """Makes messages of one type of bytes, as a deserializer of gRPC's.

    Args:
        parse: makes them, without bounds.
        bounds: the most that they may hold.
        streams: whether they are those of streams, where one that holds too much is refused alone.

    Attributes:
        message: their class; None where bytes stay bytes.
    """

    def __init__(
        self, parse: Callable[[bytes], Any], bounds: Bounds, *, streams: bool = False
    ) -> None:
        self._parse = parse
        # It is a method of the message's class, or `bytes`, which parses nothing.
        self.message: Any = getattr(parse, "__self__", None)
        descriptor: Descriptor | None = getattr(self.message, "DESCRIPTOR", None)
        self._counting = Counting(descriptor, bounds) if descriptor else None
        id_field = descriptor.fields_by_name.get("id") if descriptor and streams else None
        self._id = id_field.number if id_field is not None else None
        least = min(bounds.max_cells, bounds.max_items, bounds.max_elements, bounds.max_numbers)
        self._harmless_bytes = least * _LEAST_BYTES

    def __call__(self, data: bytes) -> Any:
        """Give the message, or what `whole` makes it of: gRPC calls any error here INTERNAL."""
        return by_size(self.read, data)

    def read(self, data: bytes) -> Any:
        """Give the message, or the error that stands for it."""
        try:
            if self._counting is not None and len(data) > self._harmless_bytes:
                self._counting.check(data)
            return self._parse(data)
        except (DecodeError, Malformed):
            return MalformedMessage("the request's bytes are not the message of this method")
        except FieldError as error:
            return self._refusal(data, error)

    def _refusal(self, data: bytes, error: FieldError) -> InvalidInput | Refused:
        fault = error.violation
        if self._id is None:
            return InvalidInput([fault], _TAKER)
        refusal = InvalidInput([replace(fault, field=fault.field.removeprefix("request."))], _TAKER)
        found = _id_of(data, self._id)
        return refusal if found is None else Refused(found, refusal)


def by_size(read: Callable[[bytes], Any], data: bytes) -> Any:
    """Give what is read of bytes, or, where they are many, what `whole` reads apart."""
    return _Large(read, data) if len(data) >= _LARGE_BYTES else read(data)


async def whole(request: Any, place: Place) -> Any:
    """Give what a Reader read, and keep it in its call's place.

    Raises:
        LearnwireError: it is no message, or holds too much, or there is no room for it.
    """
    if isinstance(request, _Large):
        place.take(request.size)
    return await _read(request)


async def each_whole(requests: AsyncIterator[Any], place: Place) -> AsyncIterator[Any]:
    """Give each of what a Reader read; one of a stream that holds too much comes as Refused.

    Each is kept in the call's place until it is `released`, and no other is read where there is
    no room for it.
    """
    _place.set(place)
    async for request in requests:
        if isinstance(request, _Large):
            await place.take_patiently(request.size)
        yield await _read(request)


def check_memory() -> None:
    """Refuse the request of a stream that was read in this context, where memory is too short.

    Raises:
        MemoryShort: it is.
    """
    _place.get().room.check_memory()


def released() -> None:
    """Let go the request of a stream that was read in this context."""
    _place.get().give_back(_bytes.get())


def items_in(request: Any) -> Sequence[Any]:
    """Give the items of a stream's message: itself, or those of several callers, perhaps none."""
    return getattr(request, "items", ()) if is_shared(request) else (request,)


def is_shared(request: Any) -> bool:
    """Tell whether a stream's message is for callers who share it, rather than an item itself."""
    if getattr(request, "items", ()):
        return True
    return bool(getattr(request, "cancelled_ids", ())) and not request.HasField("request")


async def _read(request: Any) -> Any:
    is_large = isinstance(request, _Large)
    _bytes.set(request.size if is_large else 0)
    if is_large:
        request = await apart(request.parsed)
    if isinstance(request, Exception):
        raise request
    return request


async def apart(function: Callable[..., _T], *arguments: Any) -> _T:
    """Call what takes as long as the request is large: in a thread, where it is."""
    if _bytes.get():
        return await in_thread(function, *arguments)
    return function(*arguments)


async def in_thread(function: Callable[..., _T], *arguments: Any) -> _T:
    """Call what takes long: in a thread, of which there are few."""
    return await asyncio.get_running_loop().run_in_executor(_threads, function, *arguments)


def _id_of(data: bytes, field: int) -> str | None:
    """Find the id of a message of a stream, in that field; None where it is far behind."""
    fields = list(islice(records(data, 0, len(data)), _ID_WITHIN))
    found = [
        data[start:end] for number, kind, start, end in fields if (number, kind) == (field, LENGTH)
    ]
    if found:
        return found[-1].decode(errors="replace")
    return "" if len(fields) < _ID_WITHIN else None
