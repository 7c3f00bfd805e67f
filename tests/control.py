"""A client beside a load: it asks what it knows the answers of, all the while."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any

import grpc
import numpy as np
from learnwire_client import CallError, Client
from learnwire_client.prediction import Several

# By then it is answered, whatever others do.
_IN_TIME = 30.0
_PAUSE = 0.02
# The second is how gRPC says it.
_TOO_MANY = (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.CANCELLED)
_TOLERANCE = 1e-5


@dataclass
class Control:
    """What became of its calls.

    Attributes:
        calls: how many were answered.
        refused: how many were refused, again and again, because there were too many others.
        longest: the seconds that the slowest of them took.
        faults: what was wrong with others; not all.
    """

    calls: int = 0
    refused: int = 0
    longest: float = 0.0
    faults: list[str] = field(default_factory=list)


@contextmanager
def controlled(target: str, items: Mapping[str, Sequence[Any]]) -> Iterator[Control]:
    """Ask the models of a server about these items, again and again, and compare the answers."""
    control, stopped = Control(), Event()
    with Client(target, timeout=_IN_TIME) as client:
        asked = [(name, item) for name, some in items.items() for item in some]
        expected = [numbers(client.predict(name, item)) for name, item in asked]

        def ask() -> None:
            while not stopped.is_set():
                for (name, item), numbers in zip(asked, expected, strict=True):
                    _ask(client, control, name, item, numbers)
                    if stopped.wait(_PAUSE):
                        return

        thread = Thread(target=ask, daemon=True)
        thread.start()
        try:
            yield control
        finally:
            stopped.set()
            thread.join()


def _ask(client: Client, control: Control, name: str, item: Any, expected: Any) -> None:
    begin = time.monotonic()
    try:
        got = numbers(client.predict(name, item))
    except CallError as error:
        if error.code in _TOO_MANY:
            control.refused += 1
            return
        control.faults = [*control.faults[-9:], f"{name}: {error!r}"]
        return
    control.calls += 1
    control.longest = max(control.longest, time.monotonic() - begin)
    if not same(got, expected):
        control.faults = [*control.faults[-9:], f"{name} answered {got} for {expected}"]


def numbers(answer: Any) -> Any:
    """Give all numbers of an answer."""
    heads = answer.heads if isinstance(answer, Several) else [answer]
    return np.concatenate([np.ravel(head.probabilities) for head in heads])


def same(one: Any, other: Any) -> bool:
    """Tell whether two answers have the same numbers."""
    return bool(np.allclose(one, other, atol=_TOLERANCE))
