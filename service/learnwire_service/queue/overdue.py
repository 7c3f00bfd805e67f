"""Models that never return: their batch fails, and their process can do no more."""

import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol
from weakref import WeakSet

from ..common.logs import get_logger
from ..common.predictor import Predictor
from ..observe.counters import Gauge

_LOOK_SECONDS = 0.25

_log = get_logger()


class Stopwatch:
    """Asks a predictor, and tells since when it does; itself a Predictor.

    Args:
        predictor: is asked.
        shown: is set to the time, as Unix time, while it is asked, else to zero.

    Attributes:
        began: when it was asked what it has not answered, on the monotonic clock, else never.
    """

    def __init__(self, predictor: Predictor, shown: Gauge) -> None:
        self._predictor, self._shown = predictor, shown
        self.began = math.inf
        self.max_cost, self.encodes_apart = predictor.max_cost, predictor.encodes_apart
        self.cost, self.parts = predictor.cost, predictor.parts

    def predict(self, batch: Sequence[Any]) -> Sequence[Any]:
        """See Predictor."""
        self.began = time.monotonic()
        self._shown.set(time.time())
        try:
            return self._predictor.predict(batch)
        finally:
            self.began = math.inf
            self._shown.set(0.0)


class Patient(Protocol):
    """What is given up when it takes too long; an Engine."""

    name: str
    timeout: float

    @property
    def busy_seconds(self) -> float:
        """For how long its model has been asked what it has not answered."""

    def give_up(self) -> None:
        """Fail what its model is asked, and close."""

    def close(self, *, wait: bool) -> None:
        """Fail what has not begun."""


_all: "WeakSet[Patient]" = WeakSet()
_lock = threading.Lock()
_looking: threading.Thread | None = None
_lost: Callable[[], None] | None = None


def when_lost(tell: Callable[[], None]) -> None:
    """Have this process end where a model never returns: all models are closed, then it is told.

    Args:
        tell: is called, in a thread of its own.
    """
    global _lost
    _lost = tell


def watch(one: Patient) -> None:
    """Look after it, as long as somebody knows it."""
    global _looking
    if not one.timeout:
        return
    with _lock:
        _all.add(one)
        if _looking is None:
            _looking = threading.Thread(target=_look, name="overdue", daemon=True)
            _looking.start()


def _look() -> None:
    while True:
        time.sleep(_LOOK_SECONDS)
        # Between two looks nothing is held here: what is unloaded is to give its memory back.
        _look_once()


def _look_once() -> None:
    with _lock:
        known = list(_all)
    for one in known:
        if one.busy_seconds > one.timeout:
            _give_up(one, known)


def _give_up(one: Patient, known: Sequence[Patient]) -> None:
    _log.error("the model never returned", model=one.name, seconds=one.timeout)
    with _lock:
        _all.discard(one)
    one.give_up()
    if _lost is not None:
        for other in known:
            other.close(wait=False)
        _lost()
