"""Words of a text, as a blank spaCy language makes them, from data (https://spacy.io/usage/linguistic-features#how-tokenizer-works)."""

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from .affixes import Affixes, address_matcher
from .part import Part
from .patterns import Checked

Pattern = Annotated[str, StringConstraints(max_length=200_000)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=64)]

_EXCEPTIONS = 100_000
_RUNS = re.compile(r"\s+|\S+")
# How many words are kept in each of two generations, and the longest of them: some MB.
_KEPT, _LONGEST_KEPT = 15_000, 40


class SpacyRecipe(Part):
    """A spaCy tokenizer.

    Attributes:
        prefix: the pattern of what a word may begin with; None where there is none.
        suffix: the pattern of what a word may end with.
        infix: the pattern of what a word is taken apart at.
        address: the pattern of words that are not taken apart.
        width: of the widest beginning or end, those aside that may go on without end.
        exceptions: the words of some pieces of text, whatever the patterns say.
    """

    kind: Literal["spacy"] = "spacy"
    prefix: Pattern | None
    suffix: Pattern | None
    infix: Pattern | None
    address: Pattern | None
    width: Annotated[int, Field(ge=0, le=24)]
    exceptions: dict[Word, tuple[Word, ...]] = Field(max_length=_EXCEPTIONS)


class Tokenizer:
    """Makes the words of texts; its memory is bounded, whatever words come.

    Usage: `Tokenizer(recipe)("i can't")` gives ["i", "ca", "n't"]

    Raises:
        ValueError: a pattern is none, or could take long.
    """

    def __init__(self, recipe: SpacyRecipe) -> None:
        self._affixes = Affixes(recipe.prefix, recipe.suffix, recipe.width)
        infix = Checked(recipe.infix) if recipe.infix else None
        self._infix = infix.compiled.finditer if infix else None
        self._checks = [self._affixes.check, *([infix.check] if infix else [])]
        self._is_address = address_matcher(recipe.address)
        self._exceptions = recipe.exceptions
        self._longest = max(map(len, recipe.exceptions), default=0)
        self._sequences = self._found_again()
        self._begin = frozenset(self._sequences)
        self._young: dict[str, tuple[tuple[str, ...], bool]] = {}
        self._old: dict[str, tuple[tuple[str, ...], bool]] = {}

    def __call__(self, text: str) -> list[str]:
        """Give the words of a text.

        Raises:
            ValueError: a run of it is too long for the patterns, or it holds half a surrogate pair
                (UnicodeEncodeError), which spaCy takes as little.
        """
        text.encode()
        for check in self._checks:
            check(text)
        words: list[str] = []
        again = False
        for run in _pieces(text):
            found, begins = self._known(run)
            words += found
            again = again or begins
        return self._with_sequences(text, words) if again else words

    def _known(self, run: str) -> tuple[tuple[str, ...], bool]:
        """Give the words of a run, and whether one begins what may be an exception."""
        found = self._young.get(run)
        if found is not None:
            return found
        found = self._old.get(run)
        if found is None:
            words = self._exceptions.get(run) or tuple(self._words(run, exceptions=True))
            found = words, not self._begin.isdisjoint(words)
        if len(run) <= _LONGEST_KEPT:
            if len(self._young) >= _KEPT:
                self._old, self._young = self._young, {}
            self._young[run] = found
        return found

    def _words(self, run: str, *, exceptions: bool) -> list[str]:
        """Take beginnings and ends off a run, and what is left apart."""
        start, end = 0, len(run)
        before: list[str] = []
        behind: list[str] = []
        closed = False
        while start < end and not (exceptions and self._is_exception(run, start, end)):
            first = self._affixes.prefix(run, start, end)
            if first and exceptions and self._is_exception(run, start + first, end):
                before.append(run[start : start + first])
                start += first
                break
            # Where nothing was found at an end that has not come nearer, there is nothing still.
            closed = closed and end - start - first > self._affixes.window
            last = 0 if closed else self._affixes.suffix(run, start + first, end)
            closed = not last
            if last and exceptions and self._is_exception(run, start, end - last):
                behind.append(run[end - last : end])
                end -= last
                break
            if not first and not last:
                break
            if first:
                before.append(run[start : start + first])
            if last:
                behind.append(run[end - last : end])
            start, end = start + first, end - last
        middle = self._middle(run[start:end], exceptions=exceptions) if start < end else ()
        return [*before, *middle, *reversed(behind)]

    def _is_exception(self, run: str, start: int, end: int) -> bool:
        return start < end <= start + self._longest and run[start:end] in self._exceptions

    def _middle(self, rest: str, *, exceptions: bool) -> Sequence[str]:
        if exceptions and rest in self._exceptions:
            return self._exceptions[rest]
        if self._is_address and self._is_address(rest):
            return [rest]
        return list(self._apart(rest))

    def _apart(self, rest: str) -> Iterator[str]:
        start = 0
        for match in self._infix(rest) if self._infix else ():
            first, last = match.span()
            if first == 0:
                continue
            if first != start:
                yield rest[start:first]
            if first != last:
                yield rest[first:last]
            start = last
        if start < len(rest):
            yield rest[start:]

    def _found_again(self) -> dict[str, Any]:
        """Make a tree of the exceptions that the patterns take apart, by their words.

        spaCy looks for these in the words of a text once more.
        """
        tree: dict[str, Any] = {}
        for text in self._exceptions:
            if not self._is_taken_apart(text):
                continue
            node = tree
            for run in _pieces(text):
                for word in self._words(run, exceptions=False):
                    node = node.setdefault(word, {})
            node[""] = True
        return tree

    def _is_taken_apart(self, text: str) -> bool:
        return (
            " " in text
            or bool(self._affixes.prefix(text, 0, len(text)))
            or bool(self._affixes.suffix(text, 0, len(text)))
            or any(self._infix(text) if self._infix else ())
        )

    def _with_sequences(self, text: str, words: list[str]) -> list[str]:
        """Put the words of exceptions in the place of those that they were taken apart to."""
        ends = _longest_first(self._matches(words))
        if not ends:
            return words
        found: list[str] = []
        place = at = 0
        while place < len(words):
            end = ends.get(place, place + 1)
            begin, at = _span(text, words[place:end], at)
            exception = self._exceptions.get(text[begin:at]) if place in ends else None
            found += exception or words[place:end]
            place = end
        return found

    def _matches(self, words: list[str]) -> Iterator[tuple[int, int]]:
        for start, word in enumerate(words):
            node = self._sequences if word in self._begin else None
            for end in range(start, len(words)):
                node = node.get(words[end]) if node else None
                if node is None:
                    break
                if "" in node:
                    yield start, end + 1


def _pieces(text: str) -> Iterator[str]:
    """Give what is between white space, and white space but for the one blank behind a word."""
    for i, run in enumerate(_RUNS.findall(text)):
        piece = run[1:] if i and run[0] == " " else run
        if piece:
            yield piece


def _longest_first(spans: Iterator[tuple[int, int]]) -> dict[int, int]:
    """Choose among spans that overlap the longest, and the first of these: start to end."""
    seen: set[int] = set()
    chosen: dict[int, int] = {}
    for start, end in sorted(spans, key=lambda span: (span[0] - span[1], span[0])):
        if start not in seen and end - 1 not in seen:
            chosen[start] = end
        seen.update(range(start, end))
    return chosen


def _span(text: str, words: Sequence[str], at: int) -> tuple[int, int]:
    """Tell where words that follow each other stand in a text, a blank between them or none."""
    begin = None
    for word in words:
        if not text.startswith(word, at):
            at += 1
        begin = at if begin is None else begin
        at += len(word)
    assert begin is not None  # noqa: S101 - there is a word
    return begin, at
