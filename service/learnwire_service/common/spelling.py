"""Names that are not there, but nearly."""

from collections.abc import Iterable
from difflib import get_close_matches


def meant(name: str, names: Iterable[str]) -> str:
    """Ask whether another name was meant, to be put behind a sentence; "" where none is near.

    Usage: `meant("pengiuns", ["digits", "penguins"])` gives `; did you mean penguins?`
    """
    near = get_close_matches(name, list(names), 1)
    return f"; did you mean {near[0]}?" if near else ""
