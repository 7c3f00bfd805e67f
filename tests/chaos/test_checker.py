"""The checker finds what must not be: wrong answers, calls that hang, are lost or fail."""

from typing import Any

import grpc
import numpy as np
import pytest
from learnwire_client import CallError, SingleLabel

from .checker import GRACE, HUNG, Call, Checker, Window
from .models import Oracle

RIGHT = {"one": [0.25, 0.75], "two": [0.9, 0.1]}


@pytest.fixture
def checker() -> Checker:
    """A checker of one item, which two versions answer."""
    made = Checker(Oracle(["item"], {name: np.array([one]) for name, one in RIGHT.items()}))
    made.announced = "one"
    return made


def answer(version: str, numbers: list[float]) -> Any:
    probabilities = np.array(numbers, np.float32)
    return SingleLabel("any", int(probabilities.argmax()), probabilities).signed("shop", version)


def begun(checker: Checker, items: int = 1, *, is_proxied: bool = False) -> Call:
    return checker.begin("unary", [0] * items, 5.0, is_proxied=is_proxied)


def test_a_right_answer_in_time_is_no_fault(checker: Checker) -> None:
    call = begun(checker)
    checker.take(call, answer("one", RIGHT["one"]))
    checker.end(call)
    checker.finish()
    assert checker.faults == []
    assert (checker.calls, checker.ended["unary", "OK"]) == (1, 1)


@pytest.mark.parametrize(
    ("version", "numbers"),
    [
        ("one", [0.26, 0.74]),
        ("one", [0.75, 0.25]),
        ("one", RIGHT["two"]),
        ("three", RIGHT["one"]),
        ("two", RIGHT["two"]),
    ],
    ids=["altered", "another class", "another version's", "no version", "not the announced one"],
)
def test_a_wrong_answer_is_found(checker: Checker, version: str, numbers: list[float]) -> None:
    call = begun(checker)
    checker.take(call, answer(version, numbers))
    checker.end(call)
    assert len(checker.wrong) == len(checker.faults) == 1


def test_an_answer_too_many_is_wrong(checker: Checker) -> None:
    call = begun(checker)
    for _ in range(2):
        checker.take(call, answer("one", RIGHT["one"]))
    assert checker.wrong == ["unary: more answers than items"]


def test_either_version_may_answer_during_an_update(checker: Checker) -> None:
    before = begun(checker)
    checker.announced = None
    checker.take(before, answer("two", RIGHT["two"]))
    during = begun(checker)
    checker.announced = "two"
    checker.take(during, answer("one", RIGHT["one"]))
    assert checker.wrong == []


def test_a_call_that_ends_too_late_or_never_hangs(checker: Checker) -> None:
    late, never = begun(checker), begun(checker)
    late.begun -= late.seconds + GRACE + 0.1
    checker.end(late, "DEADLINE_EXCEEDED")
    checker.end(never, HUNG)
    assert len(checker.hung) == 2


def test_a_call_or_an_item_without_a_status_is_lost(checker: Checker) -> None:
    short = begun(checker, items=2)
    checker.take(short, answer("one", RIGHT["one"]))
    checker.end(short)
    begun(checker)
    checker.finish()
    assert checker.lost == [
        "unary: OK, and 1 of its items have no status",
        "unary: begun, and without a status",
    ]


def test_an_item_that_failed_fails_its_call(checker: Checker) -> None:
    call = begun(checker, items=2)
    checker.take(call, CallError(grpc.StatusCode.INTERNAL, "it failed"))
    checker.take(call, answer("one", RIGHT["one"]))
    checker.end(call)
    assert checker.faults == ["unexplained: unary: INTERNAL: it failed"]


def test_who_is_refused_has_a_status(checker: Checker) -> None:
    checker.end(begun(checker), "RESOURCE_EXHAUSTED", "too many wait")
    assert (checker.refused, checker.faults) == (1, [])


@pytest.mark.parametrize(
    ("codes", "is_of_proxy", "is_over", "is_explained"),
    [
        ({"UNAVAILABLE"}, False, False, True),
        ({"INTERNAL"}, False, False, False),
        ({"UNAVAILABLE"}, True, False, False),
        ({"UNAVAILABLE"}, False, True, False),
    ],
    ids=["of this fault", "another code", "not through the proxy", "long after it"],
)
def test_a_failure_needs_a_fault_that_explains_it(
    checker: Checker, codes: set[str], is_of_proxy: bool, is_over: bool, is_explained: bool
) -> None:
    window = Window("a fault", frozenset(codes), is_of_proxy)
    if is_over:
        window.begun, window.normal = -2.0, -1.0
    checker.windows.append(window)
    checker.end(begun(checker), "UNAVAILABLE", "gone")
    assert bool(checker.unexplained) is not is_explained
    assert checker.under(window).total() == is_explained
