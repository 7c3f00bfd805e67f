"""A service: endpoints that belong together, and the runners that they ask."""

import inspect
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, TypeVar

from ...common.habits import habits, told
from ...runners.base import BaseRunner
from .endpoint import Described, Endpoint, Function, Inputs, checked_name, endpoint_of
from .life import Life

if TYPE_CHECKING:
    from ...hosting.trial import Trial

_F = TypeVar("_F", bound=Function)
_RUNNER = ("name", "statistics", "hold", "release", "load", "close")


class Service:
    """Endpoints around models: functions that callers call by name.

    Usage:
        runner = lw.get("fastai_sentiment:latest").to_runner()
        svc = lw.Service("fast_sentiment", runners=[runner])

        @svc.api(input=lw.Text(), output=lw.NdArray())
        async def classify_text(text: str) -> np.ndarray:
            label, index, probabilities = await runner.predict.async_run(text)
            return np.asarray(probabilities)

    `learnwire serve service.py:svc` serves it, and `lw.serving(svc)` in this process. The
    server loads the runners; the Learners among them answer the plain PredictionService too.
    After its end they go on, or are loaded again when they are next asked. Several servers of
    one process may serve it: it starts with the first of them, and ends with the last.

    Args:
        name: what the server's health and list of endpoints call it.
        runners: those that the endpoints ask.

    Attributes:
        name: as given.
        runners: as given.
        endpoints: by their names.
        startup: the functions of `on_startup`.
        shutdown: the functions of `on_shutdown`.
        life: which servers it has.

    Raises:
        TypeError: a runner is none.
        ValueError: the name has other characters than letters, digits, `_`, `.` and `-`.
    """

    @habits(models="give their runners, as runners=[lw.get(name).to_runner()]")
    def __init__(self, name: str, *, runners: Sequence[BaseRunner] = ()) -> None:
        self.name = checked_name("a service", name)
        self.runners = tuple(runners)
        for runner in self.runners:
            if isinstance(runner, type) or not all(hasattr(runner, part) for part in _RUNNER):
                raise TypeError(f"runners: expected runners, as to_runner gives, got {runner!r}")
        self.endpoints: dict[str, Endpoint] = {}
        self.startup: list[Callable[[], object]] = []
        self.shutdown: list[Callable[[], object]] = []
        self.life = Life()

    @habits(bare="write @svc.api(input=..., output=...)", route="name=", doc="its docstring")
    def api(
        self,
        *,
        input: Inputs = None,  # noqa: A002 - so users read it beside output
        output: Described,
        name: str | None = None,
    ) -> Callable[[_F], _F]:
        """Make an endpoint of the function below, which stays as it is.

        A function runs in a thread of its own, a coroutine function on the server's event
        loop, and the values of an async generator are streamed. Its docstring is what callers
        read of it. It gets its input by place; or, where `input` names several, each by name.

        It may raise EndpointError to answer with an error of its own, and InvalidInput.
        QueueFull, DeadlineExceeded, ModelFailed and RunnerClosed of the runners that it asks
        reach the caller as they are. So does InvalidInput, with the path in the caller's
        message, where a runner was asked with what stands there. All else that it raises is
        logged, and the caller learns only that it failed.

        Usage: `@svc.api(input={"title": lw.Text(), "text": lw.Text()}, output=lw.Text())`

        Args:
            input: a descriptor, or several by the names of the parameters, or none.
            output: the descriptor of the answer, or of each item of a stream.
            name: what callers call it; None: as the function.

        Raises:
            TypeError: the function takes other inputs, or is a generator; or there is no
                descriptor where one must be.
            ValueError: the service has an endpoint of that name already, or nobody can write it.
        """

        def decorate(function: _F) -> _F:
            endpoint = endpoint_of(
                function, name=name, service=self.name, takes=input, output=output
            )
            if endpoint.name in self.endpoints:
                raise ValueError(f"service {self.name}: two endpoints are named {endpoint.name}")
            self.endpoints[endpoint.name] = endpoint
            return function

        return decorate

    def on_startup(self, function: _F) -> _F:
        """Have a function called, and awaited, once the runners are loaded, before any endpoint.

        The first server of a process calls it, in its event loop where it is a coroutine function.
        """
        self.startup.append(_hook("on_startup", function))
        return function

    def on_shutdown(self, function: _F) -> _F:
        """Have a function called, and awaited, after the last call of the last server."""
        self.shutdown.append(_hook("on_shutdown", function))
        return function

    def test(self, **settings: Any) -> "AbstractContextManager[Trial]":
        """Have the service without a socket, for its tests: its endpoints as plain calls.

        It is started as a server starts it: the runners are loaded, the functions of
        `on_startup` called, and those of `on_shutdown` at the end. Inputs and answers pass the
        same checks, and errors are CallErrors, as a client's. A function of any kind is called
        alike; one that streams gives an iterator.

        Usage:
            with svc.test() as test:
                assert test.classify_text("a good film").shape == (2,)
                assert test.compare(text="a good film", row={"stars": 5})["agrees"]

        Args:
            settings: fields of ServerSettings.

        Raises:
            LearnwireError: a runner does not load, or the service does not start.
        """
        from ...hosting.trial import trial  # what calls services knows them, and gRPC's codes

        return trial(self, **settings)

    def __repr__(self) -> str:
        return f"Service({self.name!r}, endpoints {', '.join(self.endpoints) or '(none)'})"


def _hook(of: str, function: _F) -> _F:
    """Refuse a function that wants arguments."""
    try:
        inspect.signature(function).bind()
    except TypeError:
        name = getattr(function, "__name__", "it")
        problem = (
            f"{of}: expected a function without parameters, got {name}{inspect.signature(function)}"
        )
        raise TypeError(
            told(f"{problem}: there is no context, share variables of the module instead")
        ) from None
    except ValueError:  # a built-in that does not say
        return function
    return function
