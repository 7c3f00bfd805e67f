"""What the odd learners are made of."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Answer = tuple[Any, Any]


def predicted(learner: Any, sent: Any) -> Answer:
    """Ask `learner.predict`: the decoded values, and the probabilities."""
    _, decoded, raw = learner.predict(sent)
    return decoded.numpy(), raw.numpy()


@dataclass(frozen=True)
class Odd:
    """A learner with something about it, and what is to become of it.

    Attributes:
        make: trains the learner, in well under a second.
        items: are answered as `learner.predict` does; where that raises, they fail.
        plan: the name of the plan that is to serve it; "" where it is refused at save.
        because: what the reasons against the faster plans say, or the refusal at save.
        sent: makes of an item what `learner.predict` takes.
        wrong: items that `learner.predict` answers with nonsense, and that are refused.
        ask: the oracle, where it is not `learner.predict`.
    """

    make: Callable[[], Any]
    items: list[Any]
    plan: str
    because: tuple[str, ...] = ()
    sent: Callable[[Any], Any] = lambda item: item
    wrong: list[Any] = field(default_factory=list)
    ask: Callable[[Any, Any], Answer] = predicted
