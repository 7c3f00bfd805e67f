"""What a spaCy tokenizer takes off the ends of a word, and where it takes it apart, in linear time.

spaCy searches all of what is left of a word for each piece that it takes off. Here only as much of
its ends is looked at as the widest piece is wide, and more where a piece has no widest.
"""

import re
from collections.abc import Callable

from .patterns import checked

# Characters before a piece that its pattern may look behind at.
_BEHIND = 3
_USER = r"(?:\S+(?::\S*)?@)?"
_HEAD = r"(?u)^(?:(?:[\w\+\-\.]{2,})://)?"


class Affixes:
    """Finds the beginnings and ends of words that are words by themselves.

    Args:
        prefix: the pattern of beginnings, None where there are none.
        suffix: the pattern of ends.
        width: of the widest piece, those aside that may go on without end.

    Attributes:
        window: so many characters at an end tell whether there is a piece.

    Raises:
        ValueError: a pattern is none, or could take exponential time.
    """

    def __init__(self, prefix: str | None, suffix: str | None, width: int) -> None:
        self._prefix = checked(prefix).search if prefix else None
        self._suffix = checked(suffix).search if suffix else None
        self.window = max(width + _BEHIND + 1, 16)

    def prefix(self, word: str, start: int, end: int) -> int:
        """Tell how long the piece is that part of a word begins with; 0 where it has none."""
        if self._prefix is None:
            return 0
        window = self.window
        while True:
            stop = min(end, start + window)
            match = self._prefix(word[start:stop])
            if match is None:
                return 0
            if match.end() < stop - start or stop == end:
                return match.end() - match.start()
            window *= 2

    def suffix(self, word: str, start: int, end: int) -> int:
        """Tell how long the piece is that part of a word ends with; 0 where it has none."""
        if self._suffix is None:
            return 0
        window = self.window
        while True:
            begin = max(start, end - window)
            match = self._suffix(word[begin:end])
            if match is None:
                return 0
            if match.start() > _BEHIND or begin == start:
                return match.end() - match.start()
            window *= 2


def address_matcher(pattern: str | None) -> Callable[[str], object] | None:
    """Give what tells whether a word is an address.

    In spaCy's own pattern the part for a user's name takes quadratic time. Here the rest of the
    pattern is tried at the beginning, and behind each `@`, where a user's name may end.

    Raises:
        ValueError: the pattern is none, or could take exponential time.
    """
    if pattern is None:
        return None
    whole = checked(pattern).match
    head, user, rest = pattern.partition(_USER)
    if not user or head != _HEAD:
        return whole
    without_user, behind = re.compile(head + rest).match, re.compile(f"(?u){rest}").match

    def is_address(word: str) -> bool:
        if without_user(word):
            return True
        at = word.find("@", 1)
        while at >= 0:
            if behind(word, at + 1):
                return True
            at = word.find("@", at + 1)
        return False

    return is_address
