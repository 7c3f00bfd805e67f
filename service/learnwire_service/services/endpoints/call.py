"""One call of an endpoint: checked inputs, the function within its deadline, a checked answer."""

import asyncio
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from functools import partial
from time import monotonic
from typing import Any, Protocol, TypeVar

from learnwire_client.errors import FieldError

from ...common.deadline import Deadline
from ...common.errors import (
    DeadlineExceeded,
    EndpointError,
    EndpointFailed,
    InvalidInput,
    LearnwireError,
    ModelFailed,
    QueueFull,
    RunnerClosed,
)
from ...common.logs import get_logger
from ..descriptors.base import Descriptor
from .blame import as_callers
from .endpoint import SINGLE, Endpoint
from .statistics import CallFate
from .threads import Threads

_T = TypeVar("_T")


class Decode(Protocol):
    """Brings the inputs of the caller's message to Python, by their names, anew each time."""

    async def __call__(self, use: Callable[[Mapping[str, object]], _T]) -> _T:
        """Give what is made of them, which may take as long as they are large."""


# Checks an answer by its descriptor, and makes what is sent of it.
Encode = Callable[[Descriptor, Any], Awaitable[_T]]

# What reaches the caller as it is: the endpoint's own error, and those of the runners it asks.
_PASS = (EndpointError, QueueFull, DeadlineExceeded, ModelFailed, RunnerClosed)
_END = object()

_log = get_logger()


class Call:
    """A call that has been let in.

    Args:
        endpoint: what is called.
        threads: where its function runs, if it may block.
        timeout: the seconds that the call has; None for any.
        max_text_chars: the longest text taken where the descriptor names none.
    """

    def __init__(
        self, endpoint: Endpoint, threads: Threads, timeout: float | None, max_text_chars: int
    ) -> None:
        self._endpoint = endpoint
        self._threads = threads
        self._deadline = Deadline(timeout)
        self._max_text_chars = max_text_chars
        self._began = monotonic()

    @property
    def seconds(self) -> float:
        """The seconds since it was let in."""
        return monotonic() - self._began

    def fate(self, error: BaseException | None) -> CallFate:
        """Tell what became of it by the error that it ended with."""
        match error:
            case None:
                return CallFate.ANSWERED
            case DeadlineExceeded():
                return CallFate.EXPIRED
            case InvalidInput() | EndpointError(code="INVALID_ARGUMENT"):
                return CallFate.INVALID
            case Exception():
                return CallFate.FAILED
        # Whoever set the deadline cancels when it has passed.
        return CallFate.EXPIRED if self._deadline.has_passed else CallFate.CANCELLED

    async def answer(self, decode: Decode, encode: Encode[_T]) -> _T:
        """Call the function.

        Args:
            decode: gives the values, by the names of the endpoint's inputs.
            encode: makes what is sent of an answer; may raise InvalidInput or FieldError.

        Raises:
            InvalidInput: an input does not fit the endpoint, or the function handed it on
                and it does not fit a runner; or the function says so.
            DeadlineExceeded: there was no answer in time; the function was cancelled, or
                where it runs in a thread, left to itself.
            EndpointFailed: it raised what callers are not to see, or a wrong answer.
            LearnwireError: what else it raised; see Service.api.
        """
        self._decode = decode
        call = await decode(self._bound)
        value = await self._within(call() if self._endpoint.is_async else self._threads.run(call))
        if inspect.isawaitable(value):  # a decorator may hide that a function is one of coroutines
            value = await self._within(value)
        return await self._encoded(value, encode)

    async def stream(self, decode: Decode, encode: Encode[_T]) -> AsyncGenerator[_T, None]:
        """Call the function and give its values one by one; see `answer`."""
        self._decode = decode
        values = (await decode(self._bound))()
        try:
            while (value := await self._within(anext(values, _END))) is not _END:
                yield await self._encoded(value, encode)
        finally:
            _leave(asyncio.create_task(values.aclose()))

    def _bound(self, inputs: Mapping[str, object]) -> Callable[[], Any]:
        """Give the function with its inputs, which are checked."""
        checked = self._endpoint.checked_inputs(inputs, max_text_chars=self._max_text_chars)
        if SINGLE in checked:
            return partial(self._endpoint.function, checked[SINGLE])
        # Also where the only one was left out.
        return partial(self._endpoint.function, **checked)

    async def _within(self, work: Awaitable[Any]) -> Any:
        """Wait for the user's code, but not beyond the deadline, whatever it does."""
        task = asyncio.create_task(_contained(work))
        try:
            await asyncio.wait({task}, timeout=self._deadline.left)
        finally:
            if not task.done():
                task.cancel()
                _leave(task)
        if not task.done():
            seconds = self._deadline.timeout
            raise DeadlineExceeded(f"{self._endpoint.name} gave no answer in {seconds:g} s")
        try:
            return task.result()
        except InvalidInput as error:
            raise await self._blamed(error) from error
        except _PASS:
            raise
        except BaseException as error:  # such as GeneratorExit, which gRPC would not answer
            raise self._failed(error) from error

    async def _encoded(self, value: object, encode: Encode[_T]) -> _T:
        """Make what is sent of an answer."""
        try:
            return await encode(self._endpoint.output, value)
        except (InvalidInput, FieldError) as error:
            violations = error.violations if isinstance(error, InvalidInput) else [error.violation]
            _log.error(
                f"the answer of {self._endpoint.code} does not fit its output: "
                + "; ".join(map(str, violations)),
                endpoint=self._endpoint.name,
            )
            raise _endpoint_failed() from error

    async def _blamed(self, error: InvalidInput) -> LearnwireError:
        """Give what the caller gets where an input was refused: by the function, or a runner."""
        if error.asked is None:
            return error
        sent = await self._decode(dict)
        own = await asyncio.to_thread(as_callers, error, self._endpoint, sent)
        return own or self._failed(error)

    def _failed(self, error: BaseException) -> EndpointFailed:
        """Tell the log of an error that the caller is not to see."""
        _log.error(
            "endpoint failed",
            endpoint=self._endpoint.name,
            function=self._endpoint.code,
            exc_info=error,
        )
        return _endpoint_failed()


def _endpoint_failed() -> EndpointFailed:
    return EndpointFailed("the endpoint failed on this call; the server's log tells more")


async def _contained(work: Awaitable[Any]) -> Any:
    """Await what the user wrote, which may not end the server."""
    try:
        return await work
    except (SystemExit, KeyboardInterrupt) as error:
        raise RuntimeError(f"it raised {error!r}") from error


def _leave(task: "asyncio.Task[Any]") -> None:
    """Leave a task to itself, whatever becomes of it."""
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
