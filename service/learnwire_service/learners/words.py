"""Words of long texts: spaCy reads a text in one call, and nothing else runs meanwhile."""

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

from spacy.tokenizer import Tokenizer  # type: ignore[import-not-found]  # it has no types

# Some 10 ms of work.
_CHARS = 5_000
# spaCy reads what is between spaces by itself. A space between letters is no word of its own.
_CUT = re.compile(r"(?<=[^\W\d_]) (?=[^\W\d_])")


def splitting(spacy: Any) -> Callable[[str], list[str]]:
    """Give what makes a text's words, as a spaCy language without a pipeline does."""
    if not _reads_apart(spacy.tokenizer):
        return lambda text: [token.text for token in spacy.make_doc(text)]
    return lambda text: [t.text for piece in pieces(text) for t in spacy.make_doc(piece)]


def pieces(text: str, size: int = _CHARS) -> Iterator[str]:
    """Cut a text where spaCy makes the same words of the pieces as of the whole.

    Args:
        text: any.
        size: the least characters of each piece but the last.
    """
    start = 0
    while cut := _CUT.search(text, start + size):
        yield text[start : cut.end()]
        start = cut.end()
    yield text[start:]


def _reads_apart(tokenizer: Any) -> bool:
    """Tell whether no exception of a tokenizer joins words across such a space.

    An exception is also looked for as the words that it would be without any: never mind what is
    between these.
    """
    if type(tokenizer) is not Tokenizer:
        return False
    plain = Tokenizer(
        tokenizer.vocab,
        prefix_search=tokenizer.prefix_search,
        suffix_search=tokenizer.suffix_search,
        infix_finditer=tokenizer.infix_finditer,
        token_match=tokenizer.token_match,
        url_match=tokenizer.url_match,
    )
    parts = ([token.text for token in plain(exception)] for exception in tokenizer.rules)
    return not any(_CUT.search(f"{a[-1]} {b[0]}") for each in parts for a, b in pairwise(each))
