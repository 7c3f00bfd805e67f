"""Learners with odd procs, transforms, callbacks and networks answer as `learner.predict` does."""

import asyncio
import random
from pathlib import Path
from typing import Any

import learnwire_service as lw
import numpy as np
import pytest
from learnwire_service.runners.learner import LearnerRunner
from learnwire_service.signature.agreement import TOLERANCE

from .odd import Odd
from .odd_learners import LEARNERS

# One for each plan, with reasons against faster ones and without, is quick.
QUICK = {
    (odd.plan, bool(odd.because)): name for name, odd in reversed(LEARNERS.items()) if odd.plan
}.values()
SERVED = [
    pytest.param(name, marks=() if name in QUICK else pytest.mark.slow)
    for name, odd in LEARNERS.items()
    if odd.plan
]
REFUSED = [name for name, odd in LEARNERS.items() if not odd.plan]
LEAST = 20


@pytest.mark.slow
@pytest.mark.parametrize("name", SERVED)
def test_an_odd_learner_is_answered_as_by_predict_whatever_plan_serves(
    name: str, own_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    odd = LEARNERS[name]
    learner = odd.make()
    runner = saved(odd, learner)
    assert_plan(odd, runner, caplog.text)
    expected = [oracle(odd, learner, item) for item in odd.items]
    answered = [one for one in expected if not isinstance(one, Exception)]
    assert len(answered) >= LEAST
    order = list(range(len(expected)))
    random.Random(name).shuffle(order)
    together = asyncio.run(asked_at_once(runner, [odd.items[i] for i in order]))
    for i, answer in zip(order, together, strict=True):
        assert_equal(answer, expected[i])
    for answer, one in zip(runner.predict.run_batch(odd.items), expected, strict=True):
        assert_equal(answer, one)
    for item in odd.wrong:
        with pytest.raises(lw.InvalidInput):
            runner.predict.run(item)
    runner.close()


@pytest.mark.parametrize("name", REFUSED)
def test_an_odd_learner_without_one_answer_is_refused_at_save(name: str, own_home: Path) -> None:
    odd = LEARNERS[name]
    [because] = odd.because
    with pytest.raises(lw.NotServable, match=because):
        lw.save_model("odd", odd.make())


def saved(odd: Odd, learner: Any) -> LearnerRunner:
    model = lw.save_model("odd", learner, nulls="allow")
    assert model.manifest.verified
    runner = model.to_runner()
    runner.load()
    return runner


def assert_plan(odd: Odd, runner: LearnerRunner, logged: str) -> None:
    assert runner.choice is not None
    assert runner.choice.plan.name == odd.plan, runner.choice.reasons
    said = " | ".join(runner.choice.reasons)
    for because in odd.because:
        assert because in said
        assert f"served by the slower plan {odd.plan}" in logged
        assert because in logged
    assert bool(said) == bool(odd.because)


def oracle(odd: Odd, learner: Any, item: Any) -> Any:
    """Give what the learner itself answers, or raises."""
    try:
        with learner.no_bar():
            return odd.ask(learner, odd.sent(item))
    except Exception as error:  # noqa: BLE001 - a learner may raise anything
        return error


async def asked_at_once(runner: LearnerRunner, items: list[Any]) -> list[Any]:
    return await asyncio.gather(
        *(runner.predict.async_run(item) for item in items), return_exceptions=True
    )


def assert_equal(answer: Any, expected: Any) -> None:
    if isinstance(expected, Exception):
        assert isinstance(answer, lw.ModelFailed | lw.InvalidInput)
        return
    decoded, raw = expected
    if not np.isfinite(raw).all():
        assert isinstance(answer, lw.ModelFailed)
        return
    assert not isinstance(answer, Exception), repr(answer.__cause__)
    np.testing.assert_allclose(answer.probabilities, raw, rtol=TOLERANCE, atol=TOLERANCE)
    index = np.asarray(answer.index)
    if index.dtype.kind == "f":
        np.testing.assert_allclose(index, decoded, rtol=TOLERANCE, atol=TOLERANCE)
    else:
        assert np.all((index == decoded) | (margin(index, raw) < 2 * TOLERANCE))


def margin(index: Any, raw: Any) -> Any:
    """Tell how decided an answer is, for each of its labels."""
    if np.shape(index) == np.shape(raw):
        return abs(raw - 0.5)
    second, first = np.partition(raw, (-2, -1), axis=0)[-2:]
    return first - second
