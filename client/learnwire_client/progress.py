"""The bar that shows how far a job is."""

from collections.abc import Callable, Iterator, Sized
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib import import_module
from typing import Any, TypeAlias

Progress: TypeAlias = AbstractContextManager[Callable[[], object]]


def progress_over(values: object, shown: bool) -> Progress:
    """Make what counts answers: enter it, and call what it gives for each of them.

    Args:
        values: what is worked through; the bar shows a total where they have a length.
        shown: whether there is a bar at all.

    Raises:
        ImportError: there is no tqdm to draw it.
    """
    if not shown:
        return nullcontext(_uncounted)
    try:
        tqdm = import_module("tqdm.auto").tqdm
    except ImportError as error:
        raise ImportError("progress=True needs tqdm: pip install tqdm") from error
    return _bar(tqdm, len(values) if isinstance(values, Sized) else None)


@contextmanager
def _bar(tqdm: Any, total: int | None) -> Iterator[Callable[[], object]]:
    with tqdm(total=total, unit=" items") as bar:
        yield bar.update


def _uncounted() -> None:
    pass
