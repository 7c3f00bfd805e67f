"""What the models are asked: the same in every process, from fixed seeds."""

from itertools import cycle, islice, product
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from examples.demo import data

T = TypeVar("T")

# Of a text of usual, of small and of large length.
TOKENS, FEW_TOKENS, MANY_TOKENS = 58, 20, 200
PIXELS = 64

_VOCABULARY = 8_000
# The vocabulary also holds fastai's nine special tokens, a comma and a full stop.
_WORDS = _VOCABULARY - 9 - 2
# A text also has a comma, a full stop, and fastai's marks for its start and its capital.
_NO_WORDS = 4
_DISTINCT = 256


def penguins(count: int) -> pd.DataFrame:
    """Give rows of penguins drawn from the real ones, some cells missing."""
    rows = data.penguins().drop(columns=[data.SPECIES, "valid"])
    return rows.sample(count, replace=True, random_state=0, ignore_index=True)


def texts(count: int, tokens: int = TOKENS) -> list[str]:
    """Give texts of so many tokens each; after 256 they come again."""
    random = np.random.default_rng(0)
    drawn = random.choice(words(), (_DISTINCT, tokens - _NO_WORDS)).tolist()
    return _first(count, [_sentence(text) for text in drawn])


def mixed_texts(count: int) -> list[str]:
    """Give texts of any length from 8 to 108 tokens, as many in the mean as TOKENS."""
    random = np.random.default_rng(0)
    lengths = random.integers(8, 109, _DISTINCT) - _NO_WORDS
    return _first(count, [_sentence(random.choice(words(), n).tolist()) for n in lengths])


def short_texts(count: int) -> list[str]:
    """Give texts of FEW_TOKENS tokens each."""
    return texts(count, FEW_TOKENS)


def long_texts(count: int) -> list[str]:
    """Give texts of MANY_TOKENS tokens each."""
    return texts(count, MANY_TOKENS)


def reviews(count: int) -> list[str]:
    """Give snippets of movie reviews that training never saw; after 786 they come again."""
    frame = data.reviews()
    return _first(count, frame.loc[frame["valid"], "text"].tolist())


def images(count: int) -> list[NDArray[np.uint8]]:
    """Give colour images of noise; after 256 they come again."""
    random = np.random.default_rng(0)
    drawn = random.integers(0, 256, (_DISTINCT, PIXELS, PIXELS, 3), dtype=np.uint8)
    return _first(count, list(drawn))


def words() -> list[str]:
    """Give the words of the texts' vocabulary, which mean nothing and read like words."""
    syllables = ["".join(pair) for pair in product("bdfklmnprstvz", "aeiou")]
    made = ("".join(parts) for parts in product(syllables, repeat=3))
    step = len(syllables) ** 3 // _WORDS
    return list(islice(made, 0, _WORDS * step, step))


def _sentence(chosen: list[str]) -> str:
    half = len(chosen) // 2
    return f"{' '.join(chosen[:half])}, {' '.join(chosen[half:])}.".capitalize()


def _first(count: int, distinct: list[T]) -> list[T]:
    return list(islice(cycle(distinct), count))
