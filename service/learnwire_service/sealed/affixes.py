"""What a spaCy tokenizer takes off the ends of a word, and where it takes it apart, in linear time.

spaCy searches all of what is left of a word for each piece that it takes off. Here only as much of
its ends is looked at as the widest piece is wide, and more where a piece has no widest.
"""

import re
from collections.abc import Callable

from .patterns import LONGEST_RUN, Checked

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
        ValueError: a pattern is none, could take long, or matches elsewhere in a word, too.
    """

    def __init__(self, prefix: str | None, suffix: str | None, width: int) -> None:
        self._prefix = Checked(prefix) if prefix else None
        self._suffix = Checked(suffix) if suffix else None
        if self._prefix and not self._prefix.at_beginning:
            raise ValueError("the pattern of beginnings matches inside of a word, too")
        if self._suffix and not self._suffix.at_end:
            raise ValueError("the pattern of ends matches inside of a word, too")
        self.window = max(width + _BEHIND + 1, 16)
        # What follows a run tells whether there is a piece.
        self._reach = self.window
        if self._prefix and self._prefix.has_runs:
            self._reach += LONGEST_RUN

    def check(self, text: str) -> None:
        """Check that a text's pieces can be found; see Checked.check."""
        if self._prefix:
            self._prefix.check(text)

    def prefix(self, word: str, start: int, end: int) -> int:
        """Tell how long the piece is that part of a word begins with; 0 where it has none.

        Raises:
            ValueError: that depends on what comes far behind it.
        """
        if self._prefix is None:
            return 0
        window, least = self._reach, 0
        while True:
            stop = min(end, start + window)
            match = self._prefix.compiled.match(word[start:stop])
            length = _grown(match, least)
            if start + length < stop or stop == end:
                return length
            window, least = 2 * window, length

    def suffix(self, word: str, start: int, end: int) -> int:
        """Tell how long the piece is that part of a word ends with; 0 where it has none.

        Raises:
            ValueError: that depends on what comes far before it.
        """
        if self._suffix is None:
            return 0
        window, least = self.window, 0
        while True:
            begin = max(start, end - window)
            match = self._suffix.compiled.search(word[begin:end])
            length = _grown(match, least)
            if end - length > begin + _BEHIND or begin == start:
                return length
            window, least = 2 * window, length


def _grown(match: re.Match[str] | None, least: int) -> int:
    """Give the length of a piece, which is no shorter where more of a word is looked at."""
    length = match.end() - match.start() if match else 0
    if length < least:
        raise ValueError("whether a word begins or ends with a piece depends on all of it")
    return length


def address_matcher(pattern: str | None) -> Callable[[str], object] | None:
    """Give what tells whether a word is an address.

    In spaCy's own pattern the part for a user's name takes quadratic time. Here the rest of the
    pattern is tried at the beginning, and behind each `@`, where a user's name may end.

    Raises:
        ValueError: the pattern is none, or could take long.
    """
    if pattern is None:
        return None
    whole = Checked(pattern).compiled.match
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
