"""What takes seconds says how far it is, to whoever looks on: in a terminal or a notebook."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any, TypeAlias

# Begins the next stage: of what, and what is done.
Stage: TypeAlias = Callable[[str, str], None]
_Show: TypeAlias = Callable[[str], None]

# Of several at a time, also within each other, the first is shown.
_shown = Lock()


@contextmanager
def stages(count: int) -> Iterator[Stage]:
    """Give what begins the next of so many stages; it is shown until the next one begins.

    Where nobody looks on, nothing is.

    Usage: `with stages(2) as stage: stage("pets", "sealing it")` shows "pets, 1 of 2: sealing it"
    """
    names: list[str] = []

    def begin(name: str, doing: str) -> None:
        names.append(name)
        show(f"{name}, {len(names)} of {count}: {doing}")

    with _display() as show:
        yield begin
        if names:
            show(f"{', '.join(dict.fromkeys(names))}: done")


@contextmanager
def _display() -> Iterator[_Show]:
    if not _shown.acquire(blocking=False):
        yield _nowhere
        return
    try:
        if sys.stderr.isatty():
            with _in_terminal() as show:
                yield show
        else:
            yield _in_notebook() if _is_notebook() else _nowhere
    finally:
        _shown.release()


def _nowhere(text: str) -> None:
    """Show nothing."""


@contextmanager
def _in_terminal() -> Iterator[_Show]:
    """Show a line that is gone at the end; what else is written to the terminal stands above."""
    from rich.console import Console
    from rich.markup import escape

    with Console(stderr=True).status("") as status:
        yield lambda text: status.update(escape(text))


def _is_notebook() -> bool:
    if "IPython" not in sys.modules:
        return False
    from rich.console import Console

    return Console().is_jupyter


def _in_notebook() -> _Show:
    """Show a line below the cell, which stays."""
    from IPython.display import display
    from rich.text import Text

    line: Any = None

    def show(text: str) -> None:
        nonlocal line
        if line is None:
            line = display(Text(text), display_id=True)
        else:
            line.update(Text(text))

    return show
