"""The examples that a module is saved with: asked of it, and of what was read back."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ..common.errors import InvalidInput, NotServable
from ..runners.call import Call
from ..runners.runnable import MethodOptions
from ..signature.agreement import TOLERANCE, arrays_disagree
from ..store.manifest import TorchArray, TorchMethod
from .calls import ModuleCalls
from .devices import Cpu
from .golden import Arrays, Golden
from .modules import device_of, evaluating, outputs_of, to_array
from .proof import check_batches, check_steady

# A module that was on another device may have answered with other kernels, in fewer bits.
_TOLERANCE_ELSEWHERE = 1e-2
# How many rows of a Learner's data make an example.
_ROWS = 4


@dataclass(frozen=True)
class Example:
    """A call of a method, and what the module that is saved answers.

    Attributes:
        method: the method's name.
        options: how it may be called.
        parameters: the names of its arrays.
        golden: the call's arrays and its answer's.
        several: whether the answer is a tuple.
        tolerance: what another answer may differ by.
    """

    method: str
    options: MethodOptions
    parameters: tuple[str, ...]
    golden: Golden
    several: bool
    tolerance: float

    @property
    def call(self) -> Call:
        """The call."""
        arguments = dict(enumerate(self.golden.inputs))
        return Call.of(self.method, self.options, arguments, self.parameters)

    def described(self) -> TorchMethod:
        """Describe the method."""
        names = [*self.parameters, *[""] * len(self.golden.outputs)]
        arrays = [
            TorchArray(name=name, dtype=array.dtype.name, shape=self._shape(array))
            for name, array in zip(names, (*self.golden.inputs, *self.golden.outputs), strict=True)
        ]
        count = len(self.parameters)
        return TorchMethod(
            batchable=self.options.batchable,
            batch_dim=self.options.batch_dim,
            inputs=tuple(arrays[:count]),
            outputs=tuple(arrays[count:]),
            several=self.several,
        )

    def _shape(self, array: NDArray[Any]) -> tuple[int, ...]:
        varies = self.options.batch_dim if self.options.batchable else None
        return tuple(-1 if i == varies else size for i, size in enumerate(array.shape))


def given_examples(
    module: nn.Module, signatures: Mapping[str, Mapping[str, Any]], example: Any
) -> list[Example]:
    """Ask the module that is to be saved.

    Raises:
        NotServable: it has no such method, or does not answer the example with arrays.
        TypeError: what was given is malformed.
    """
    if not signatures:
        raise TypeError("signatures: expected at least one method")
    examples = example if isinstance(example, Mapping) else dict.fromkeys(signatures, example)
    if examples.keys() != signatures.keys() or (len(signatures) > 1 and examples is not example):
        raise TypeError(
            f"example: expected a mapping with an example for each method: {', '.join(signatures)}"
        )
    return [
        _asked(module, method, _options(method, options), _arrays(examples[method]))
        for method, options in signatures.items()
    ]


def undescribed(
    module: nn.Module, signatures: Mapping[str, Mapping[str, Any]]
) -> dict[str, TorchMethod]:
    """Describe methods without an example: by their parameters alone.

    Raises:
        NotServable: there is no such method.
        TypeError: what was given is malformed.
    """
    if not signatures:
        raise TypeError("signatures: expected at least one method")
    methods: dict[str, TorchMethod] = {}
    for method, given in signatures.items():
        _check_method(module, method)
        options = _options(method, given)
        arrays = tuple(TorchArray(name=n, dtype="", shape=()) for n in _required(module, method))
        methods[method] = TorchMethod(
            batchable=options.batchable,
            batch_dim=options.batch_dim,
            inputs=arrays,
            outputs=(),
            several=False,
        )
    return methods


def _required(module: nn.Module, method: str) -> tuple[str, ...]:
    """Name the parameters by place that a method cannot do without; one where it does not say."""
    try:
        signature = inspect.signature(_function(module, method))
    except ValueError:
        return ("array_0",)
    by_place = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [
        name
        for name, one in signature.parameters.items()
        if one.kind in by_place and one.default is inspect.Parameter.empty
    ]
    return tuple(names) or ("array_0",)


def example_of(learner: Any) -> Any:
    """Take a few rows of a Learner's own data for an example; None where it has none."""
    try:
        batch = learner.dls.one_batch()[: learner.dls.n_inp]
        arrays = [to_array(part[:_ROWS].detach().cpu()) for part in batch]
    except Exception:  # noqa: BLE001 - a learner that was loaded has no data, and may raise anything
        return None
    return tuple(np.array(array) for array in arrays)


def check_examples(module: nn.Module, examples: Sequence[Example]) -> None:
    """Ask a module that was read back, and prove that its batches are exact.

    Raises:
        NotServable: it answers otherwise.
    """
    methods = {one.method: one.described() for one in examples}
    calls = ModuleCalls(module, methods, Cpu("fp32"), max_rows=1)
    for one in examples:
        answer = check_steady(calls, one.call)
        if problem := arrays_disagree(answer, one.golden.outputs, one.tolerance):
            raise NotServable(
                f"{one.method} of what was saved answers the example with {problem}; does the "
                "factory make the same module?"
            )
        if one.options.batchable:
            check_batches(calls, one.call)


def _asked(module: nn.Module, method: str, options: MethodOptions, inputs: Arrays) -> Example:
    device = device_of(module)
    _check_method(module, method)
    with evaluating(module):
        try:
            given = getattr(module, method)(*(torch.tensor(one).to(device) for one in inputs))
        except Exception as error:
            types = ", ".join(f"{one.dtype} {list(one.shape)}" for one in inputs)
            raise NotServable(f"{method} does not take its example ({types}): {error}") from error
        try:
            outputs = tuple(np.array(to_array(one.cpu())) for one in outputs_of(given))
        except TypeError as error:
            raise NotServable(
                f"{method}: {error}; put a module around it that gives these"
            ) from error
    tolerance = TOLERANCE if device.type == "cpu" else _TOLERANCE_ELSEWHERE
    several = isinstance(given, tuple | list)
    names = _parameters(module, method, len(inputs))
    found = Example(method, options, names, Golden(inputs, outputs), several, tolerance)
    try:
        empty = found.call.rows == 0
    except InvalidInput as error:
        raise NotServable(f"{method} cannot be batched: {error}") from error
    if empty:
        raise NotServable(f"{method}: its example has no rows")
    return found


def _check_method(module: nn.Module, method: str) -> None:
    if not callable(getattr(module, method, None)):
        raise NotServable(f"{type(module).__name__} has no method {method}")


def _function(module: nn.Module, method: str) -> Any:
    return module.forward if method == "__call__" else getattr(module, method)


def _options(method: str, given: Mapping[str, Any]) -> MethodOptions:
    try:
        return MethodOptions(**given)
    except (TypeError, ValueError) as error:
        raise TypeError(f"signatures: {method}: {error}") from error


def _arrays(example: Any) -> Arrays:
    parts = example if isinstance(example, tuple) else (example,)
    arrays = tuple(
        to_array(part.detach().cpu()) if isinstance(part, torch.Tensor) else part for part in parts
    )
    for array in arrays:
        if not isinstance(array, np.ndarray):
            raise TypeError(f"example: expected arrays, got {type(array).__name__}")
    return arrays


def _parameters(module: nn.Module, method: str, count: int) -> tuple[str, ...]:
    try:
        names = list(inspect.signature(_function(module, method)).parameters)
    except ValueError:
        names = []
    return tuple(names[i] if i < len(names) else f"array_{i}" for i in range(count))
