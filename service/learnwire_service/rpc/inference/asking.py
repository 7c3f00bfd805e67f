"""Batches to outcomes: one item is asked for as one, several as a job."""

from collections.abc import Iterator, Sequence

from ...common.errors import InvalidInput
from ...runners.learner import LearnerRunner
from ...signature.answers import Outcomes, Stacked, joined
from ..chunks import predicted
from .inputs import Batch, finder
from .outputs import Answers

# So many of the items that do not fit are told of, and so many of the warnings.
_MOST_FAULTS, _MOST_WARNINGS = 10, 100


async def ask(
    runner: LearnerRunner, batch: Batch, timeout: float | None, *, patient: bool
) -> Answers:
    """Predict a batch of items.

    Args:
        runner: the model.
        batch: the items.
        timeout: the seconds in which that of one item has to begin.
        patient: whether one item waits for its place where too many others wait.

    Raises:
        InvalidInput: items do not fit the model; the paths tell which.
        LearnwireError: what else became of the first item that has no answer.
    """
    if len(batch.items) == 1:
        try:
            return [await runner.ask_async(batch.only, timeout, patient=patient)]
        except InvalidInput as error:
            raise finder(runner.manifest.signature.input)(error, None) from None
    outcomes = joined([part async for part in predicted(runner, batch.items)])
    _raise_first(runner, outcomes)
    return outcomes


def _raise_first(runner: LearnerRunner, outcomes: Outcomes) -> None:
    if isinstance(outcomes, Stacked):
        return
    failed = [(i, one) for i, one in enumerate(outcomes) if isinstance(one, Exception)]
    misfits = [(i, error) for i, error in failed if isinstance(error, InvalidInput)]
    find = finder(runner.manifest.signature.input)
    found = [find(error, i) for i, error in misfits[:_MOST_FAULTS]]
    if faults := [one for error in found for one in error.violations]:
        raise InvalidInput(faults)
    for _, error in failed:
        raise error


def warnings_of(batch: Batch, answers: Answers) -> str:
    """Give what the sender of a batch should know: a line for each, and of which items it is."""
    if isinstance(answers, Stacked):
        return "\n".join([*batch.warnings, *answers.signature.warnings])
    items: dict[str, list[int]] = {}
    for i, answer in enumerate(answers):
        for warning in answer.warnings:
            items.setdefault(warning, []).append(i)
    return "\n".join([*batch.warnings, *_lines(items, len(answers))])


def _lines(items: dict[str, list[int]], size: int) -> Iterator[str]:
    for told, (warning, places) in enumerate(items.items()):
        if told == _MOST_WARNINGS:
            yield f"and {len(items) - told} more"
            return
        yield warning if len(places) == size else f"{_named(places)}: {warning}"


def _named(places: Sequence[int]) -> str:
    more = f" and {len(places) - 10} more" if len(places) > 10 else ""
    noun = "item" if len(places) == 1 else "items"
    return f"{noun} {', '.join(map(str, places[:10]))}{more}"
