"""The bar that shows how far a job is."""

from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib import import_module
from typing import Any, TypeAlias

from .answers import Answer

Counted: TypeAlias = Callable[[Iterable[Answer]], Iterable[Answer]]
Progress: TypeAlias = AbstractContextManager[Counted]


def progress_over(values: object, shown: bool) -> Progress:
    """Make what counts answers: enter it, and let them pass through what it gives.

    Args:
        values: what is worked through; the bar shows a total where they have a length.
        shown: whether there is a bar at all.

    Raises:
        ImportError: there is no tqdm to draw it.
    """
    if not shown:
        return nullcontext(lambda answers: answers)
    try:
        tqdm = import_module("tqdm.auto").tqdm
    except ImportError as error:
        raise ImportError("progress=True needs tqdm: pip install 'learnwire[progress]'") from error
    return _bar(tqdm, len(values) if isinstance(values, Sized) else None)


@contextmanager
def _bar(tqdm: Any, total: int | None) -> Iterator[Counted]:
    with tqdm(total=total, unit=" items") as bar:

        def each(answers: Iterable[Answer]) -> Iterator[Answer]:
            for answer in answers:
                bar.update()
                yield answer

        def counted(answers: Iterable[Answer]) -> Iterable[Answer]:
            if not isinstance(answers, Sized):
                return each(answers)
            bar.update(len(answers))
            return answers

        yield counted
