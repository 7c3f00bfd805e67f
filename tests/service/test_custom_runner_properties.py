"""Whatever calls wait together, in whatever order, each gets what it would get alone."""

import asyncio
from typing import Any

import learnwire_service as lw
import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from .runnables import PATIENCE, Guilty, Rules

Call = tuple[str, tuple[Any, ...]]


def array(rows: int, width: int, dtype: str, start: int) -> NDArray[Any]:
    return np.arange(start, start + rows * width).reshape(rows, width).astype(dtype)


def frame(rows: int, first: int, step: int) -> pd.DataFrame:
    index = range(first, first + step * rows, step)
    return pd.DataFrame({"price": np.arange(rows) / 2, "name": list("abcdef")[:rows]}, index=index)


sizes = st.integers(0, 6)
arrays = st.builds(
    array, sizes, st.integers(1, 2), st.sampled_from(["f4", "f8"]), st.integers(-2, 3)
)
frames = st.builds(frame, sizes, st.integers(0, 3), st.integers(1, 2))
texts = st.lists(st.text(max_size=3), max_size=6)
calls = st.lists(
    st.tuples(st.just("scale"), st.tuples(arrays))
    | st.tuples(st.just("add"), arrays.map(lambda one: (one.T, one.T)))
    | st.tuples(st.just("judge"), st.tuples(frames))
    | st.tuples(st.just("shorten"), st.tuples(texts, st.integers(0, 2)))
    | st.tuples(st.just("lose"), st.tuples(st.lists(st.integers(), max_size=3))),
    max_size=20,
)


@given(calls=calls, max_batch_size=st.integers(1, 30))
def test_calls_are_answered_as_if_each_were_alone(calls: list[Call], max_batch_size: int) -> None:
    answers = asyncio.run(asyncio.wait_for(answered(calls, max_batch_size), PATIENCE))
    for (method, arguments), answer in zip(calls, answers, strict=True):
        assert_same(answer, alone(method, arguments))


async def answered(calls: list[Call], max_batch_size: int) -> list[Any]:
    """Let all calls wait, and answer them."""
    rules = Rules()

    class Kept(Rules):
        def __new__(cls) -> Any:
            return rules

    runner = lw.Runner(Kept, limits=lw.Limits(max_batch_size))
    held = asyncio.create_task(runner.wait.async_run())
    await asyncio.to_thread(rules.entered.wait, PATIENCE)
    waiting = []
    for method, arguments in calls:
        waiting.append(asyncio.create_task(getattr(runner, method).async_run(*arguments)))
        await asyncio.sleep(0)
    rules.opened.set()
    try:
        await held
        return await asyncio.gather(*waiting, return_exceptions=True)
    finally:
        runner.close()


def alone(method: str, arguments: tuple[Any, ...]) -> Any:
    """Give what a call of the method itself gives; an error where it loses a row."""
    try:
        result = getattr(Rules(), method)(*arguments)
    except Guilty as error:
        return error
    lost = method == "lose" and len(arguments[0]) != 1
    return Guilty("of losing rows") if lost else result


def assert_same(answer: Any, expected: Any) -> None:
    if isinstance(expected, Guilty):
        assert isinstance(answer, lw.ModelFailed)
    elif isinstance(expected, np.ndarray):
        assert answer.dtype == expected.dtype
        np.testing.assert_array_equal(answer, expected)
    elif isinstance(expected, tuple):
        pd.testing.assert_frame_equal(answer.doubled, expected[0], check_index_type=False)
        assert answer.names == expected[1]
    else:
        assert answer == expected
