"""Texts: words as numbers, read side by side."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from learnwire_client.errors import Violation
from numpy.typing import NDArray

from ..common.errors import InvalidInput
from ..signature.answers import Outcome
from ..signature.specs import Signature, TextInput
from ..signature.training import UNKNOWN_WORDS, WORDS
from ..signature.validation import Item
from .answering import decode_batch
from .network import Network
from .part import Part
from .plan import Plan
from .reader import Reader, ReaderRecipe
from .words import UNKNOWN, Words, WordsRecipe

# A core is as fast as it can be from some 30 texts on; the rows' memory stays bounded.
_ROWS = 64


class TextRecipe(Part):
    """How a text, or a row of them, is answered."""

    kind: Literal["text"] = "text"
    words: WordsRecipe
    reader: ReaderRecipe


class Encoded(NamedTuple):
    """A text as the network takes it.

    Attributes:
        tokens: their numbers in the vocabulary, int64.
        padded: whether the text itself holds the token that pads.
    """

    tokens: NDArray[np.int64]
    padded: bool


class TextPlan(Plan):
    """Makes the words of each text once, and reads the texts of a batch side by side.

    A text costs its tokens, and no less than what makes 64 texts a batch: with more of them, or
    with ten long ones, a core does no more in a second. The memory does not grow with the batch.

    Args:
        signature: what the model takes, a text or a row of texts, and answers.
        recipe: how.
        words: the recipe's.
        layers: the network of its reader.
        head: the network on what that pools.

    Raises:
        ValueError: they do not fit together.
    """

    name = "text"
    max_cost = 32_768
    encodes_apart = True
    measured = (WORDS, UNKNOWN_WORDS)

    def __init__(
        self,
        signature: Signature,
        recipe: TextRecipe,
        words: Words,
        layers: Network,
        head: Network,
    ) -> None:
        self.signature = signature
        self._words = words
        self._pad = recipe.reader.pad
        self._reader = Reader(recipe.reader, layers)
        self._head = head
        self._field = "text.content" if isinstance(signature.input, TextInput) else "row.cells"

    def encode(self, item: Item) -> Encoded:
        """See Plan.encode."""
        try:
            numbers = self._words.numbers(item)
        except UnicodeEncodeError as error:
            raise self._unfit("it holds half a surrogate pair, which is no character") from error
        except ValueError as error:
            raise self._unfit(f"the learner's rules do not take it: {error}") from error
        if not numbers:
            raise self._unfit("the learner's tokenizer finds nothing in it")
        encoded = self.encoded(numbers)
        if encoded.padded and not self._reader.finds_words(encoded.tokens):
            raise self._unfit("what the learner pools of it is nothing but the mark that pads")
        return encoded

    def encoded(self, numbers: list[int]) -> Encoded:
        """Give a text whose words have these numbers as the network takes it."""
        return Encoded(np.array(numbers, np.int64), self._pad in numbers)

    def measures(self, encoded: Encoded) -> tuple[float, ...]:
        """Count the words, and tell which share of them the vocabulary does not have."""
        words = len(encoded.tokens)
        return words, np.count_nonzero(encoded.tokens == UNKNOWN) / max(1, words)

    def cost(self, encoded: Encoded) -> int:
        """Count the tokens; see the class."""
        return max(len(encoded.tokens), self.max_cost // _ROWS)

    def predict(self, batch: Sequence[Encoded]) -> Sequence[Outcome]:
        """See Plan.predict."""
        order = sorted(range(len(batch)), key=lambda i: (batch[i].padded, -len(batch[i].tokens)))
        plain = [batch[i].tokens for i in order if not batch[i].padded]
        pooled = [self._reader.read(plain[i : i + _ROWS]) for i in range(0, len(plain), _ROWS)]
        pooled += [self._reader.read_padded(batch[i].tokens) for i in order[len(plain) :]]
        outputs = self._head(np.concatenate(pooled)[np.argsort(order)])
        return decode_batch(self.signature.output, outputs)

    def _unfit(self, why: str) -> InvalidInput:
        return InvalidInput([Violation(self._field, why)])
