"""Golden examples are made: a model answers items, and stands by its answers."""

import time
from collections.abc import Iterable, Sequence

from learnwire_client.prediction import AnyPrediction

from ..common.errors import NotServable
from ..sealed.golden import Golden
from ..sealed.plan import Plan
from ..signature.agreement import disagreement, is_finite
from ..signature.validation import Item

# How often an example is asked again at save: once, and more often within so many seconds of
# computing, in which a busy machine does as much as an idle one.
_AGAIN, _AGAIN_SECONDS = 16, 0.05
_SUSPECT_SECONDS = 1.0


class Unsteady(NotServable):
    """Raised when a learner answers an example differently the second time."""


def ask_twice(plan: Plan, items: Iterable[Item]) -> list[Golden]:
    """Let a model answer each item, and again, to see that it stands by its answers.

    Chance may give the same answer twice; where there is time for it, it is asked more often.

    Raises:
        NotServable: another answer differs from the first, or is no number.
        Exception: whatever the learner raises on an item.
    """
    examples = [Golden(item, _answer(plan, item)) for item in items]
    for example in examples:
        if not is_finite(example.answer):
            raise NotServable("the learner answers an example with NaN or infinite values")
        _check_again(plan, example)
    return examples


def _check_again(plan: Plan, example: Golden) -> None:
    end = time.process_time() + _AGAIN_SECONDS
    for _ in range(_AGAIN):
        _check_same(plan, example)
        if time.process_time() > end:
            return


def check_suspect(plan: Plan, examples: Sequence[Golden]) -> None:
    """Ask again for longer, where faster plans gave other answers: it may have been chance.

    Raises:
        NotServable: an answer differs from the first.
    """
    end = time.process_time() + _SUSPECT_SECONDS
    for _ in range(_AGAIN):
        for example in examples:
            _check_same(plan, example)
            if time.process_time() > end:
                return


def _check_same(plan: Plan, example: Golden) -> None:
    again = _answer(plan, example.item)
    if problem := disagreement(plan.signature.output, again, example.answer):
        raise Unsteady(
            f"the learner answers the same example differently the second time ({problem}); "
            "look for randomness in its transforms or model that stays on for prediction"
        )


def _answer(plan: Plan, item: Item) -> AnyPrediction:
    [answer] = plan.predict([plan.encode(item)])
    if isinstance(answer, Exception):
        raise answer
    return answer
