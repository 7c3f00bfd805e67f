"""An endpoint: a user's function, what it takes and what it answers."""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from learnwire_client.errors import Violation

from ...common.errors import InvalidInput
from ...common.habits import told
from ..descriptors.base import Descriptor, Text
from ..descriptors.scalars import Flag, Number

# The name of an input that has none: the only one, which the function gets by its place.
SINGLE = ""
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")

# What plain types stand for.
_PLAIN_TYPES: Mapping[type, Descriptor] = {
    str: Text(),
    bool: Flag(),
    int: Number(int),
    float: Number(float),
}

Function = Callable[..., Any]
Described = Descriptor | type[str] | type[bool] | type[int] | type[float]
Inputs = Described | Mapping[str, Described] | None


@dataclass(frozen=True)
class Endpoint:
    """A function with described inputs and output.

    Attributes:
        name: what callers call it.
        service: the name of its service.
        description: what its author says of it.
        inputs: by the names of the function's parameters, or a lone one under SINGLE.
        optional: the names of those that the function has values of its own for.
        output: what it answers, once or for each item of its stream.
        function: the user's.
        streams: whether it is an async generator function.
        is_async: whether it is a coroutine function.
    """

    name: str
    service: str
    description: str
    inputs: Mapping[str, Descriptor]
    optional: frozenset[str]
    output: Descriptor
    function: Function
    streams: bool
    is_async: bool

    @property
    def code(self) -> str:
        """The function's name, with its module, for its author's eyes."""
        name = getattr(self.function, "__qualname__", repr(self.function))
        return f"{getattr(self.function, '__module__', '')}.{name}"

    def checked_inputs(
        self, inputs: Mapping[str, object], *, max_text_chars: int | None
    ) -> dict[str, Any]:
        """Check the inputs, all of which are there but for optional ones.

        Raises:
            InvalidInput: with one violation for each fault; paths as in a CallRequest
                (`input.text.content`, `inputs.title.text.content`).
        """
        checked: dict[str, Any] = {}
        violations: list[Violation] = []
        for name, descriptor in self.inputs.items():
            if name not in inputs and name in self.optional:
                continue
            try:
                checked[name] = descriptor.check(inputs[name], max_text_chars=max_text_chars)
            except InvalidInput as error:
                violations.extend(error.below(path_of(name)).violations)
        if violations:
            raise self.misfit(violations)
        return checked

    def misfit(self, violations: Sequence[Violation]) -> InvalidInput:
        """Make the error of inputs that do not fit."""
        return InvalidInput(violations, f"the endpoint {self.name}")


def path_of(name: str) -> str:
    """Give the path of an input in a CallRequest."""
    return "input" if name == SINGLE else f"inputs.{name}"


def endpoint_of(
    function: Function, *, name: str | None, service: str, takes: Inputs, output: Described
) -> Endpoint:
    """Make the endpoint of a function; see Service.api."""
    if not callable(function):
        raise TypeError(f"expected a function to make an endpoint of, got {function!r}")
    called = checked_name("an endpoint", name or getattr(function, "__name__", ""))
    if inspect.isgeneratorfunction(function):
        raise TypeError(
            f"endpoint {called}: expected a function, a coroutine function or an async "
            "generator to stream with, got a generator; write async def"
        )
    inputs = _inputs(called, takes)
    _check_parameters(called, function, inputs)
    return Endpoint(
        name=called,
        service=service,
        description=inspect.getdoc(function) or "",
        inputs=inputs,
        optional=_optional(function, inputs),
        output=_descriptor(f"endpoint {called}: output", output),
        function=function,
        streams=inspect.isasyncgenfunction(function),
        is_async=inspect.iscoroutinefunction(function),
    )


def checked_name(of: str, name: object) -> str:
    """Give a name that callers can write.

    Raises:
        TypeError: it is no str.
        ValueError: it has other characters than letters, digits, `_`, `.` and `-`.
    """
    if not isinstance(name, str):
        raise TypeError(f"expected the name of {of} as str, got {name!r}")
    if not _NAME.fullmatch(name):
        raise ValueError(f"expected a name of {of} such as classify_text, got {name!r}")
    return name


def _inputs(called: str, said: Inputs) -> dict[str, Descriptor]:
    if said is None:
        return {}
    if not isinstance(said, Mapping):
        return {SINGLE: _descriptor(f"endpoint {called}: input", said)}
    for name in said:
        if not isinstance(name, str) or not name.isidentifier():
            raise ValueError(f"endpoint {called}: expected names of parameters, got {name!r}")
    return {n: _descriptor(f"endpoint {called}: input {n}", one) for n, one in said.items()}


def _optional(function: Function, inputs: Mapping[str, Descriptor]) -> frozenset[str]:
    """Find the inputs that the function's parameters have defaults for."""
    parameters = inspect.signature(function).parameters
    if SINGLE in inputs:
        first = next(iter(parameters.values()))
        return frozenset({SINGLE} if _has_default(first) else ())
    return frozenset(
        name for name, one in parameters.items() if name in inputs and _has_default(one)
    )


def _has_default(parameter: inspect.Parameter) -> bool:
    return parameter.default is not inspect.Parameter.empty


def _descriptor(where: str, said: object) -> Descriptor:
    if isinstance(said, Descriptor):
        return said
    if isinstance(said, type) and said in _PLAIN_TYPES:
        return _PLAIN_TYPES[said]
    got = f"the class {said.__name__}" if isinstance(said, type) else repr(said)
    raise TypeError(f"{where}: expected a descriptor such as lw.Text(), got {got}")


def _check_parameters(called: str, function: Function, inputs: Mapping[str, Descriptor]) -> None:
    wanted = "one input" if SINGLE in inputs else f"the inputs {', '.join(inputs) or '(none)'}"
    wanted = f"endpoint {called}: expected a function that takes {wanted}"
    try:
        signature = inspect.signature(function)
    except ValueError:
        raise TypeError(f"{wanted}, got {function!r}, which does not say") from None
    try:
        if SINGLE in inputs:
            signature.bind(None)
        else:
            signature.bind(**dict.fromkeys(inputs))
    except TypeError as error:
        problem = f"{wanted}, got {called}{signature}: {error}"
        if {"ctx", "context"} & signature.parameters.keys() - inputs.keys():
            problem = told(f"{problem}: there is no context; raise EndpointError for a status")
        raise TypeError(problem) from None
