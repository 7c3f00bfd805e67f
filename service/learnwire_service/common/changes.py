"""Changes of what is served: steps that all processes of a server take, one after the other."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Do(StrEnum):
    """What a process does with a version.

    What is so already is left as it is: which versions are served may have changed since somebody
    asked.

    Attributes:
        PREPARE: load it, and ask its golden examples again.
        ABANDON: put it away again where it has been prepared.
        ADD: serve it, once it has been prepared.
        DEFAULT: have it answer to its model's bare name.
        REMOVE: serve it no longer.
        REMOVE_OTHERS: serve no other version of its model, but for those that a service asks.
        DRAIN: answer the calls that are running, and end; of no version.
    """

    PREPARE = "prepare"
    ABANDON = "abandon"
    ADD = "add"
    DEFAULT = "default"
    REMOVE = "remove"
    REMOVE_OTHERS = "remove others"
    DRAIN = "drain"


@dataclass(frozen=True)
class Step:
    """What each process is to do.

    Attributes:
        do: what.
        tag: with which version, `name:version`.
        why: why a version is abandoned that does not load; "" where that is not its own fault.
    """

    do: Do
    tag: str
    why: str = ""

    @property
    def name(self) -> str:
        """The model's name."""
        return self.tag.partition(":")[0]


class Problem(NamedTuple):
    """Why a step is not possible.

    Attributes:
        told: a sentence.
        is_failure: whether it is that a version does not load.
        passes: whether another try may do.
    """

    told: str
    is_failure: bool = False
    passes: bool = False


def late(tag: str, seconds: float) -> str:
    """Say that a version took too long to be prepared."""
    return (
        f"{tag} did not load and answer its golden examples within {seconds:g} s, as long as "
        "--load-timeout allows"
    )


# Has all processes of a server take a step, or steps; tells where one of them cannot.
Tell = Callable[[Step], Awaitable[Problem | None]]
CarryOut = Callable[[Sequence[Step]], Awaitable[Problem | None]]


def loading(tag: str) -> list[Step]:
    """Give the steps by which a version is served beside others."""
    return [Step(do, tag) for do in (Do.PREPARE, Do.ADD)]


def updating(tag: str) -> list[Step]:
    """Give the steps by which a version takes the place of all others of its model."""
    return [*loading(tag), *(Step(do, tag) for do in (Do.DEFAULT, Do.REMOVE_OTHERS))]


async def carry_out(steps: Iterable[Step], tell: Tell) -> Problem | None:
    """Have all processes take steps, each once all have taken the one before.

    So a version that does not load in one of them is served by none.

    Args:
        steps: in order.
        tell: has all processes take a step; tells where one of them cannot.

    Returns: what was not possible; None: all was.
    """
    for step in steps:
        if (problem := await tell(step)) is not None:
            if step.do is Do.PREPARE:
                why = problem.told if problem.is_failure else ""
                await tell(Step(Do.ABANDON, step.tag, why))
            return problem
    return None
