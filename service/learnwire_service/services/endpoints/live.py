"""An endpoint that is served: how many calls of it there may be, and what became of them."""

from collections.abc import Iterator
from contextlib import contextmanager

from ...common.errors import QueueFull
from ...common.settings import ServerSettings
from .call import Call
from .endpoint import Endpoint
from .statistics import EndpointStatistics
from .threads import Threads

# More would not wait for a model faster, and each has a stack.
_MOST_THREADS = 64


class LiveEndpoint:
    """Answers the calls of an endpoint, on the running event loop.

    Attributes:
        endpoint: it.
        statistics: what became of its calls.
    """

    def __init__(self, endpoint: Endpoint, settings: ServerSettings) -> None:
        self.endpoint = endpoint
        self.statistics = EndpointStatistics(endpoint.name)
        self._settings = settings
        self._in_flight = 0
        self._threads = Threads(f"endpoint-{endpoint.name}", min(_MOST_THREADS, settings.max_queue))

    @contextmanager
    def admit(self, timeout: float | None) -> Iterator[Call]:
        """Let a call in, and count it by how it ends.

        Args:
            timeout: the seconds that it has; None for any.

        Raises:
            QueueFull: too many are being answered.
        """
        if self._in_flight >= self._settings.max_queue:
            self.statistics.refuse()
            raise QueueFull(
                f"{self._in_flight} calls of {self.endpoint.name} are being answered already; "
                "try again shortly"
            )
        call = Call(self.endpoint, self._threads, timeout, self._settings.max_text_chars)
        error: BaseException | None = None
        self._in_flight += 1
        self.statistics.begin()
        try:
            yield call
        except BaseException as raised:
            error = raised
            raise
        finally:
            self._in_flight -= 1
            self.statistics.end(call.fate(error), call.seconds)

    def close(self) -> None:
        """Let the threads end, each after what it does now."""
        self._threads.close()
