"""Texts that fastai's rules or spaCy take quadratic time for, found in linear time.

Both look at a run of characters without a space as one: the rule for capitals tries each of its
ends for each of its beginnings, and spaCy looks through all of it for each sign that it takes off.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from fastai.text.core import SpacyTokenizer, Tokenizer, replace_all_caps
from fastcore.basics import compose
from learnwire_client.errors import Violation

from ..common.errors import InvalidInput

# The most signs that may stand at the ends of a run, and capitals at its beginning. As many as a
# line has, so that lines drawn of signs pass.
MAX_SIGNS = MAX_CAPITALS = 100
# spaCy tries each colon of a run for the end of a user's name in an address: a run may have so
# many colons, times its length.
MAX_COLONS = 1_000_000
# The words that are kept of all texts: some 40 MB.
MAX_WORDS = 100_000

_LONG = re.compile(rf"\S{{{MAX_SIGNS},}}")
# What fastai's rules make runs of.
_JOINED = (" @.@ ", " @-@ ", "nbsp;", "&#", "\\n")
_CAPITALS = re.compile(rf"(?<!\S)[A-Z]{{{MAX_CAPITALS},}}+[^a-z\s]*+[a-z]")
# Longer than any affix.
_WINDOW = 40
_SHOWN = 20


class Runs:
    """What one fastai tokenizer takes too long for, and how many words it keeps.

    Args:
        tokenizer: it; of a tokenizer that is not spaCy's, only the rules are known.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        pipe = getattr(tokenizer.tok, "pipe", None)
        known = type(tokenizer.tok) is SpacyTokenizer
        self._spacy: Any = getattr(pipe, "__self__", None) if known else None
        self._rules: Callable[[str], str] = compose(*tokenizer.rules)
        self._has_capitals = replace_all_caps in list(tokenizer.rules)

    def check(self, text: str) -> None:
        """Check a text before it goes through rules and tokenizer.

        Raises:
            InvalidInput: it has a run of the kinds that take quadratic time.
        """
        if not _LONG.search(text) and not any(joined in text for joined in _JOINED):
            return
        if self._has_capitals and (found := _CAPITALS.search(text)):
            raise _unfit(found[0], f"at most {MAX_CAPITALS} capitals where small letters follow")
        if self._spacy is not None:
            for run in _LONG.finditer(str(self._rules(text))):
                self._check_run(run[0])

    @contextmanager
    def few_words(self) -> Iterator[None]:
        """Let the words that are new to spaCy inside go again, where it knows many already."""
        if self._spacy is None or len(self._spacy.vocab.strings) < MAX_WORDS:
            yield
            return
        with self._spacy.memory_zone():
            yield

    def _check_run(self, run: str) -> None:
        if run.count(":") * len(run) > MAX_COLONS:
            raise _unfit(run, f"at most {MAX_COLONS // len(run)} colons")
        if self._signs(run) > MAX_SIGNS:
            raise _unfit(run, f"at most {MAX_SIGNS} signs at its ends")

    def _signs(self, run: str) -> int:
        """Count the signs that spaCy would take off a run, one after the other."""
        tokenizer = self._spacy.tokenizer
        start, end = 0, len(run)
        for count in range(MAX_SIGNS + 1):
            before = tokenizer.prefix_search(run[start : min(end, start + _WINDOW)])
            after = tokenizer.suffix_search(run[max(start, end - _WINDOW) : end])
            if (not before and not after) or start >= end:
                return count
            start += len(before[0]) if before else 0
            end -= len(after[0]) if after else 0
        return MAX_SIGNS + 1


def _unfit(run: str, wanted: str) -> InvalidInput:
    problem = (
        f"expected {wanted} in a run of characters without a space, got more in one of {len(run)} "
        f'that begins with "{run[:_SHOWN]}"'
    )
    return InvalidInput([Violation("text.content", problem)])
