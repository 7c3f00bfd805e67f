"""What is made in a thread, once for all who wait for it."""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock, Thread
from typing import Generic, TypeVar

T = TypeVar("T")


class Coming(Generic[T]):
    """Gives those who ask at the same time the same future.

    Args:
        make: makes what they wait for; nobody's cancellation stops it.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = Lock()
        self._future: Future[T] | None = None

    def future(self) -> Future[T]:
        """Begin to make it, unless somebody has, and give the future of it."""
        with self._lock:
            if (future := self._future) is None:
                future = self._future = Future()
                future.set_running_or_notify_cancel()
                Thread(target=self._fulfil, args=(future,), daemon=True).start()
        return future

    def _fulfil(self, future: Future[T]) -> None:
        try:
            made = self._make()
        except BaseException as error:  # noqa: BLE001 - it is raised where somebody waits
            self._end()
            future.set_exception(error)
        else:
            self._end()
            future.set_result(made)

    def _end(self) -> None:
        # What was made is not to be held here.
        with self._lock:
            self._future = None
