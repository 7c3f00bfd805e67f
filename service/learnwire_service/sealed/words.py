"""A text's words as numbers: fastai's rules, a tokenizer, a vocabulary."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from ..signature.validation import Item
from .part import FileName, Part
from .rules import RuleRecipe, rule
from .tokenizer import SpacyRecipe, Tokenizer

_WORDS, _RULES, _COLUMNS = 2_000_000, 100, 1_000
# The number of all words that are not in the vocabulary.
UNKNOWN = 0
# With this fastai fills a vocabulary up to a multiple of eight.
PADDING = "xxfake"


class SplitRecipe(Part):
    """fastai's BaseTokenizer, which only splits."""

    kind: Literal["split"] = "split"
    separator: Annotated[str, StringConstraints(min_length=1, max_length=100)]


class PiecesRecipe(Part):
    """A SentencePiece tokenizer.

    Attributes:
        file: its model, among the version's files.
    """

    kind: Literal["pieces"] = "pieces"
    file: FileName


class WordsRecipe(Part):
    """How a text becomes numbers.

    Attributes:
        rules: what is done to the text first, in this order.
        tokenizer: what makes words of it.
        vocabulary: the words by their numbers; others are number 0.
        backwards: whether the last word comes first.
        columns: the columns of a row whose texts are joined; none where a text comes alone.
        marks: whether a mark stands before each of these.
    """

    rules: tuple[RuleRecipe, ...] = Field(max_length=_RULES)
    tokenizer: Annotated[SpacyRecipe | SplitRecipe | PiecesRecipe, Field(discriminator="kind")]
    vocabulary: tuple[str, ...] = Field(max_length=_WORDS)
    backwards: bool = False
    columns: tuple[str, ...] = Field((), max_length=_COLUMNS)
    marks: bool = True


class Words:
    """Makes the numbers of texts.

    Args:
        recipe: how.
        directory: has the file that the recipe may name.

    Raises:
        ValueError: a pattern of the recipe is none, or could take long.
        UnloadableModel: SentencePiece is needed and not installed.
    """

    def __init__(self, recipe: WordsRecipe, directory: Path) -> None:
        self._recipe = recipe
        self._rules = [rule(one) for one in recipe.rules]
        self._tokenize = _tokenizing(recipe, directory)
        known = (pair for pair in enumerate(recipe.vocabulary) if pair[1] != PADDING)
        self._numbers = {word: number for number, word in known}

    def numbers(self, item: Item) -> list[int]:
        """Give the numbers of a text, or of a row's texts.

        Raises:
            ValueError: it holds what is no text: half a surrogate pair (UnicodeEncodeError), or a
                reference to a character by a number of thousands of digits; or a run that is too
                long for the tokenizer's patterns.
        """
        text = item if isinstance(item, str) else self.joined(item)
        for apply in self._rules:
            text = apply(text)
        number = self._numbers.get
        found = [number(word, UNKNOWN) for word in self._tokenize(text)]
        return found[::-1] if self._recipe.backwards else found

    def joined(self, row: Item) -> str:
        """Join a row's texts as fastai does, each behind its mark."""
        assert isinstance(row, dict)  # noqa: S101 - validation made it
        marks = [f"xxfld {i} " if self._recipe.marks else "" for i in range(1, len(row) + 1)]
        pairs = zip(marks, self._recipe.columns, strict=True)
        return " ".join(f"{mark}{row[name]}" for mark, name in pairs)


def _tokenizing(recipe: WordsRecipe, directory: Path) -> Callable[[str], list[str]]:
    match recipe.tokenizer:
        case SpacyRecipe() as spacy:
            return Tokenizer(spacy)
        case SplitRecipe(separator=separator):
            return lambda text: text.split(separator)
        case PiecesRecipe(file=file):
            return _pieces(directory / file)


def _pieces(path: Path) -> Callable[[str], list[str]]:
    from sentencepiece import SentencePieceProcessor

    processor = SentencePieceProcessor(model_file=str(path))
    split: Callable[[str], list[str]] = processor.EncodeAsPieces
    return split
