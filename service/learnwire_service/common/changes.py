"""Changes of what is served: steps that all processes of a server take, one after the other."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Do(StrEnum):
    """What a process does with a version.

    Attributes:
        PREPARE: load it, and ask its golden examples again.
        ABANDON: put it away again where it has been prepared.
        ADD: serve it, once it has been prepared.
        DEFAULT: have it answer to its model's bare name.
        REMOVE: serve it no longer.
    """

    PREPARE = "prepare"
    ABANDON = "abandon"
    ADD = "add"
    DEFAULT = "default"
    REMOVE = "remove"


@dataclass(frozen=True)
class Step:
    """What each process is to do.

    Attributes:
        do: what.
        tag: with which version, `name:version`.
    """

    do: Do
    tag: str

    @property
    def name(self) -> str:
        """The model's name."""
        return self.tag.partition(":")[0]


# Has all processes of a server take a step, or steps; gives a sentence where one of them cannot.
Tell = Callable[[Step], Awaitable[str | None]]
CarryOut = Callable[[Sequence[Step]], Awaitable[str | None]]


async def carry_out(steps: Iterable[Step], tell: Tell) -> str | None:
    """Have all processes take steps, each once all have taken the one before.

    So a version that does not load in one of them is served by none.

    Args:
        steps: in order.
        tell: has all processes take a step; gives a sentence where one of them cannot.

    Returns: a sentence on what was not possible; None: all was.
    """
    for step in steps:
        if (problem := await tell(step)) is not None:
            if step.do is Do.PREPARE:
                await tell(Step(Do.ABANDON, step.tag))
            return problem
    return None
