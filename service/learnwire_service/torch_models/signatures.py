"""What the methods of a module take: told at save, checked at each call."""

from collections.abc import Callable
from typing import Any

import numpy as np
from learnwire_client.arrays import detached, is_array_like
from learnwire_client.errors import FieldError, Violation
from numpy.typing import NDArray

from ..common.errors import Asked, InvalidInput
from ..runners.call import Call
from ..runners.runnable import MethodOptions
from ..signature.casting import cast, may_cast
from ..store.manifest import TorchArray, TorchMethod


def options_of(method: TorchMethod) -> MethodOptions:
    """Tell how a method may be called."""
    return MethodOptions(method.batchable, method.batch_dim)


def bind(name: str, method: TorchMethod) -> Callable[..., Call]:
    """Give what makes a call of arrays; they are checked, and cast where they may be."""
    options = options_of(method)
    names = [spec.name for spec in method.inputs]

    def make(*arrays: Any) -> Call:
        if len(arrays) != len(names):
            raise TypeError(f"{name} takes {len(names)} arrays: {', '.join(names)}")
        with InvalidInput.of(Asked(dict(zip(names, arrays, strict=True)), "array")):
            checked = {
                i: _checked(_as_array(array), spec)
                for i, (array, spec) in enumerate(zip(arrays, method.inputs, strict=True))
            }
            return Call.of(name, options, checked, names)

    return make


def _as_array(value: Any) -> Any:
    """Make an array of a tensor or nested lists, and leave all else as it is."""
    if not is_array_like(value):
        return value
    try:
        return np.asarray(detached(value))
    except ValueError:  # ragged lists
        return value


def _checked(value: Any, spec: TorchArray) -> NDArray[Any]:
    """Give an array of the type that the method was saved with, and of as many dimensions."""
    if not spec.dtype:  # there was no example to tell
        return _any_array(value, spec)
    wanted = np.dtype(spec.dtype)
    if not isinstance(value, np.ndarray):
        got = type(value).__name__
    elif value.ndim != len(spec.shape):
        got = f"shape {value.shape}"
    elif not may_cast(value.dtype, wanted):
        got = f"{value.dtype}"
    else:
        try:
            return cast(value, wanted)
        except FieldError:
            got = f"a number that {wanted} cannot hold"
    expected = f"an array of {wanted} with {len(spec.shape)} dimensions"
    raise InvalidInput([Violation(spec.name, f"expected {expected}, got {got}")])


def _any_array(value: Any, spec: TorchArray) -> NDArray[Any]:
    if isinstance(value, np.ndarray):
        return value
    problem = f"expected an array, got {type(value).__name__}"
    raise InvalidInput([Violation(spec.name, problem)])
