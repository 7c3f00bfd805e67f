"""Runners with methods of any arguments, and how those are called."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..common.errors import LearnwireError, ModelFailed
from ..common.habits import RUNNER, told
from ..common.logs import get_logger
from ..queue.engine import Engine
from ..queue.request import LARGE_BYTES, Reply, Request, Results
from ..queue.statistics import Fate
from .call import Call
from .queued import QueuedRunner

_log = get_logger()

# Makes a call of a method's arguments.
Bind = Callable[..., Call]


@dataclass(frozen=True)
class LoadedMethods:
    """What such a runner has once it is loaded.

    Attributes:
        engine: queues calls and makes them.
        encode: brings a call to the form that the engine's predictor takes.
    """

    engine: Engine
    encode: Callable[[Call], Any]


class MethodsRunner(QueuedRunner[LoadedMethods]):
    """Has methods, each of them an attribute.

    Usage: `runner.estimate.run(rows)`
    """

    def __init__(self, name: str, methods: Mapping[str, Bind], version: str = "") -> None:
        super().__init__(name, version)
        self._methods = {method: RunnerMethod(self, bind) for method, bind in methods.items()}
        if taken := sorted(set(methods) & {*dir(type(self)), *vars(self)} - {"__call__"}):
            raise TypeError(
                f"{self.tag}: a runner has a {taken[0]} of its own; give that method another name"
            )

    def __getattr__(self, name: str) -> "RunnerMethod":
        # Only what is not found elsewhere is sought here.
        methods = vars(self).get("_methods", {})
        if name in methods:
            method: RunnerMethod = methods[name]
            return method
        if name in RUNNER:
            raise AttributeError(told(f"the runner of {self.tag} has no {name}: {RUNNER[name]}"))
        raise AttributeError(f"{self.tag} has no method {name}, only {', '.join(methods)}")

    def _request(
        self, loaded: LoadedMethods, value: Call, reply: Reply, deadline: float
    ) -> Request:
        return Request(
            size=value.size,
            deadline=deadline,
            kind=value.kind,
            encode=partial(loaded.encode, value),
            reply=reply,
            large=value.bytes >= LARGE_BYTES,
        )

    def _outcome(self, loaded: LoadedMethods, request: Request, results: Results) -> Any:
        """Give the result of a call, which each of its rows has been given."""
        result = results[0]
        if not isinstance(result, Exception):
            self.statistics.count(Fate.PREDICTED, request.size)
            return result
        if isinstance(result, LearnwireError):
            return result
        _log.error("a runner failed", runner=self.tag, exc_info=result)
        self.statistics.count(Fate.FAILED, request.size)
        failure = ModelFailed(f"{self.name} failed on this input")
        failure.__cause__ = result
        return failure


class RunnerMethod:
    """A method of a runner, waiting or not.

    It takes what the method itself takes, and gives what that does. Errors are TypeError where
    the arguments are not the method's, InvalidInput where they have no rows to be batched by,
    QueueFull where too many wait, DeadlineExceeded, ModelFailed where the method raised (the
    cause is chained; a LearnwireError comes as it is), and RunnerClosed.
    """

    def __init__(self, runner: MethodsRunner, bind: Bind, timeout: float | None = None) -> None:
        self._runner = runner
        self._bind = bind
        self._timeout = timeout

    def within(self, seconds: float) -> "RunnerMethod":
        """Give the same method, whose calls are given up after so many seconds.

        Usage: `runner.estimate.within(0.5).run(rows)`
        """
        return RunnerMethod(self._runner, self._bind, seconds)

    def run(self, /, *args: Any, **kwargs: Any) -> Any:
        """Call it and wait; also inside a running event loop."""
        return self._runner.ask(self._bind(*args, **kwargs), self._timeout)

    async def async_run(self, /, *args: Any, **kwargs: Any) -> Any:
        """Call it without blocking the event loop; cancelling it before its turn saves the work."""
        return await self._runner.ask_in_time(self._bind(*args, **kwargs), self._timeout)
