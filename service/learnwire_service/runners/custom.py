"""The runner of a Runnable: anything that is no model of the store."""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from ..common.errors import UnloadableModel
from ..common.habits import habits
from ..common.limits import Limits
from ..common.settings import ServerSettings
from ..queue.engine import Engine
from ..store.tag import Tag
from .call import Call, apply, make_together, spread
from .methods import LoadedMethods, MethodsRunner
from .runnable import MethodOptions, Runnable, methods_of


class Runner(MethodsRunner):
    """Runs the methods of a Runnable, in this process.

    Usage: `estimates = lw.Runner(Prices, {"path": "prices.joblib"}).estimate.run(rows)`

    The Runnable is made when the runner is loaded, or first asked, in the thread that does so.
    One thread of the runner's own calls the methods, one at a time. Calls of a batchable method
    that wait at the same time are made as one.

    Args:
        runnable: the class.
        init_args: the arguments of its construction, by name.
        name: what statistics call it; the class's name in snake case where not given.
        limits: bound batches, in rows, and the queue; as the server says where not given.

    Raises:
        TypeError: it is no Runnable with methods, or `init_args` are not its arguments.
        InvalidTag: the name is malformed.
    """

    @habits(
        runnable_init_params="init_args={...}",
        models="a Runnable loads what it needs when it is made",
        max_batch_size="limits=lw.Limits(max_batch_size=...)",
        max_latency_ms="limits=lw.Limits(max_delay=seconds)",
        method_configs="limits=lw.Limits(...)",
    )
    def __init__(
        self,
        runnable: type[Runnable],
        init_args: Mapping[str, Any] | None = None,
        *,
        name: str | None = None,
        limits: Limits | None = None,
    ) -> None:
        methods = _checked_methods(runnable)
        init_args = dict(init_args or {})
        inspect.signature(runnable).bind(**init_args)
        name = str(Tag(_snake_case(runnable.__name__) if name is None else name))
        binds = {one: _bind(runnable, one, options) for one, options in methods.items()}
        super().__init__(name, binds)
        self._make = partial(runnable, **init_args)
        self._limits = limits

    def _load(self, settings: ServerSettings) -> LoadedMethods:
        try:
            runnable = self._make()
        except Exception as error:
            raise UnloadableModel(f"the runner {self.name} cannot be made: {error!r}") from error
        limits = self._limits or settings.limits
        calls = _Calls(runnable, limits.max_batch_size)
        engine = Engine(
            self.name, calls, limits, self.statistics, quick=False, timeout=settings.model_timeout
        )
        return LoadedMethods(engine, encode=lambda call: call)


class _Calls:
    """Makes calls of a Runnable's methods; a Predictor."""

    encodes_apart = False

    def __init__(self, runnable: Runnable, max_cost: int) -> None:
        self.max_cost = max_cost
        self._runnable = runnable

    def cost(self, call: Call) -> int:
        """Count the rows; what is not batchable goes alone."""
        return call.size if call.options.batchable else self.max_cost

    def parts(self, call: Call) -> Sequence[Call]:
        """Give the call itself: it is made as a whole."""
        return [call]

    def predict(self, batch: Sequence[Call]) -> Sequence[Any]:
        """Give each row its call's result."""
        method = getattr(self._runnable, batch[0].method)
        if batch[0].options.batchable:
            return spread(make_together(batch, method), batch)
        return [apply(method, call.arguments) for call in batch]


def _checked_methods(runnable: Any) -> dict[str, MethodOptions]:
    methods = (
        methods_of(runnable)
        if isinstance(runnable, type) and issubclass(runnable, Runnable)
        else {}
    )
    if not methods:
        raise TypeError(
            f"{runnable!r}: expected a class of learnwire_service.Runnable, with methods marked by "
            "@Runnable.method()"
        )
    return methods


def _bind(runnable: type[Runnable], name: str, options: MethodOptions) -> Callable[..., Call]:
    signature = inspect.signature(getattr(runnable, name))
    _, *parameters = signature.parameters

    def bind(*args: Any, **kwargs: Any) -> Call:
        bound = signature.bind(runnable, *args, **kwargs)
        arguments: dict[Any, Any] = dict(enumerate(bound.args[1:]))
        arguments.update(bound.kwargs)
        return Call.of(name, options, arguments, parameters)

    return bind


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
