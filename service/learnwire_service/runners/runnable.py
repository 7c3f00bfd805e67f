"""A Runnable: what a user writes to have anything at all run by a runner."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

_MARK = "_learnwire_method"


@dataclass(frozen=True)
class MethodOptions:
    """How a method may be called.

    Attributes:
        batchable: whether calls that wait at the same time are made as one.
        batch_dim: the dimension of arrays along which they are put together.
    """

    batchable: bool = False
    batch_dim: int = 0

    def __post_init__(self) -> None:
        if self.batch_dim < 0:
            raise ValueError(f"batch_dim: expected 0 or more, got {self.batch_dim}")


class Runnable:
    """Anything with methods that a Runner calls: another library's model, rules, a look-up.

    It is made once, in the thread that loads the runner. One other thread calls its methods,
    one at a time, so that it may keep state.

    Usage:
        class Prices(lw.Runnable):
            def __init__(self, path: str) -> None:
                self.model = joblib.load(path)

            @lw.Runnable.method(batchable=True)
            def estimate(self, rows: np.ndarray) -> np.ndarray:
                return self.model.predict(rows)
    """

    @staticmethod
    def method(*, batchable: bool = False, batch_dim: int = 0) -> Callable[[F], F]:
        """Make a method one of the runner's.

        A batchable one is given the rows of several calls at once, and answers with as many:
        arrays, along `batch_dim`; DataFrames and Series, whose rows it sees numbered from 0;
        lists; or a tuple of these. Calls with other arguments beside them share a batch where
        those are equal. A call whose rows make the method raise fails alone, for it is then
        called for each call by itself.

        Args:
            batchable: whether calls that wait at the same time are made as one.
            batch_dim: the dimension of arrays along which they are put together.

        Raises:
            TypeError: what is decorated is no plain method.
            ValueError: `batch_dim` is negative.
        """
        options = MethodOptions(batchable, batch_dim)

        def mark(function: F) -> F:
            if not inspect.isfunction(function) or _is_lazy(function):
                raise TypeError(
                    f"{function!r}: expected a plain method; a runner calls it in a thread of "
                    "its own"
                )
            setattr(function, _MARK, options)
            return function

        return mark


def methods_of(runnable: type[Runnable]) -> dict[str, MethodOptions]:
    """Find the methods that were marked, by name."""
    members = inspect.getmembers_static(runnable, inspect.isfunction)
    return {name: getattr(one, _MARK) for name, one in members if hasattr(one, _MARK)}


def _is_lazy(function: Callable[..., Any]) -> bool:
    return (
        inspect.iscoroutinefunction(function)
        or inspect.isgeneratorfunction(function)
        or inspect.isasyncgenfunction(function)
    )
