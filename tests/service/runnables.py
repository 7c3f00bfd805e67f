"""Runnables small enough to see what a runner does with them."""

from threading import Event, get_ident
from typing import Any, NamedTuple

import learnwire_service as lw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

PATIENCE = 60  # seconds until a test that waits in vain fails


class Guilty(Exception):
    """What a method raises."""


class Pair(NamedTuple):
    """A result of two."""

    doubled: Any
    names: Any


class Rules(lw.Runnable):
    """Methods of all sorts; it keeps what it was called with.

    Attributes:
        opened: cleared, it keeps `wait` from answering.
        entered: set once `wait` has been called.
    """

    def __init__(self, factor: float = 2.0) -> None:
        self.factor = factor
        self.calls: list[Any] = []
        self.threads = {get_ident()}
        self.opened, self.entered = Event(), Event()

    @lw.Runnable.method()
    def wait(self, value: Any = None) -> Any:
        self.threads.add(get_ident())
        self.calls.append(value)
        self.entered.set()
        assert self.opened.wait(PATIENCE), "nobody opened the gate"
        return value

    @lw.Runnable.method(batchable=True)
    def scale(self, rows: NDArray[Any], *, plus: float = 0.0) -> NDArray[Any]:
        self.calls.append(len(rows))
        if (rows < 0).any():
            raise Guilty(f"{rows.min()} is below zero")
        scaled: NDArray[Any] = rows * self.factor + plus
        return scaled

    @lw.Runnable.method(batchable=True, batch_dim=1)
    def add(self, left: NDArray[Any], right: NDArray[Any]) -> NDArray[Any]:
        self.calls.append(left.shape)
        total: NDArray[Any] = left + right
        return total

    @lw.Runnable.method(batchable=True)
    def judge(self, frame: pd.DataFrame) -> Pair:
        """Answer row by row, by their numbers."""
        judged = frame.copy()
        for i, row in frame.iterrows():
            judged.loc[i, "price"] = row["price"] * 2
        return Pair(judged, [str(name) for name in frame["name"]])

    @lw.Runnable.method(batchable=True)
    def shorten(self, texts: list[str], count: int) -> list[str]:
        self.calls.append(list(texts))
        return [text[:count] for text in texts]

    @lw.Runnable.method(batchable=True)
    def lose(self, rows: list[int]) -> Any:
        """Answer one row too few where there are several, and a number where there are none."""
        self.calls.append(list(rows))
        return rows[1:] if len(rows) > 1 else rows or 0

    @lw.Runnable.method(batchable=True)
    def tidy(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Answer with the rows in an order of their own."""
        return rows.sort_values("price")

    @lw.Runnable.method(batchable=True)
    def as_array(self, rows: list[Any]) -> NDArray[Any]:
        return np.asarray(rows)

    @lw.Runnable.method()
    def panic(self, fault: BaseException) -> None:
        raise fault
