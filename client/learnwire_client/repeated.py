"""The requests of a stream, each try of which begins with the first of them."""

from collections.abc import Iterator
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class Repeated(Generic[T]):
    """Requests that are read once, and sent by one try after another.

    A try that is over may still wait for the next request in its thread: what it then reads is
    sent by the try behind it.

    Args:
        requests: where they come from; not None.
    """

    def __init__(self, requests: Iterator[T]) -> None:
        self._requests = requests
        self._reading, self._state = Lock(), Lock()
        self._kept: dict[int, T] = {}
        self._count = 0
        self._last = object()
        self._is_settled = False

    def __iter__(self) -> Iterator[T]:
        """Begin a try, which ends those before it."""
        mine = object()
        with self._state:
            self._last = mine
        number = 0
        while (request := self._request(number, mine)) is not None:
            yield request
            number += 1

    def settle(self) -> None:
        """Keep no more than the last try has still to send: there will be no other."""
        self._is_settled = True

    def _request(self, number: int, mine: object) -> T | None:
        if number == self._count:
            with self._reading:
                if number == self._count:
                    self._read()
        with self._state:
            if mine is not self._last:
                return None
            request = self._kept.get(number)
            if self._is_settled:
                self._kept = {at: kept for at, kept in self._kept.items() if at > number}
            return request

    def _read(self) -> None:
        request = next(self._requests, None)
        if request is not None:
            with self._state:
                self._kept[self._count] = request
                self._count += 1
