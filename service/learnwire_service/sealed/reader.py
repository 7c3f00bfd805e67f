"""Texts read together, each no further than it is long, and pooled."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from .network import Network
from .part import FileName, Part

_Floats = NDArray[np.float32]
_Numbers = NDArray[np.int64]

# As many steps at once read the input's weights seldom enough; more only take more memory.
_STEPS = 72
# What one call of the layers may take for its gates, in bytes; ONNX Runtime keeps it for the next.
_ROOM = 12_000_000
_BYTES = 4 * 4  # of the four gates of one number of a layer's output
# To call the layers anew takes as long as so many steps of a row that has ended, and as long as so
# many multiplications.
_CALL_STEPS, _CALL_WORK = 8, 60_000_000
# Texts of almost the same length end together, for the same reason.
_GRAIN = 4

Count = Annotated[int, Field(gt=0, lt=2**40)]


class ReaderRecipe(Part):
    """How texts, as numbers, are read by recurrent layers and pooled.

    Attributes:
        widths: of each layer's output.
        work: how many multiplications a step of a text takes.
        chunk: how many tokens fastai reads at once.
        window: of a longer text only the chunks that begin in its last so many tokens are pooled.
        pad: the number of the token that pads; a text that holds it is pooled as fastai does.
        layers: the network of the layers: takes tokens int64 [steps, rows] and a state, gives
            outputs float32 [steps, rows, width] and a state.
        head: the network that takes float32 [rows, 3 * width] and answers.
    """

    widths: tuple[Count, ...] = Field(min_length=1, max_length=64)
    work: Count
    chunk: Count
    window: Count | None = None
    pad: Annotated[int, Field(ge=0, lt=2**31)]
    layers: FileName
    head: FileName

    @property
    def networks(self) -> tuple[str, str]:
        """The files of both networks."""
        return self.layers, self.head


class Reader:
    """Reads texts of different lengths together, and pools what it finds in each of them.

    A row is read no further than its text is long, but for a few steps where that saves a call:
    fastai's chunks carry the state along, so where they begin makes no difference to it. What is
    summed, is summed step by step, so that no bit depends on where the reading is cut.

    Args:
        recipe: tells how.
        layers: the recipe's network.

    Raises:
        ValueError: the network takes no such state.
    """

    def __init__(self, recipe: ReaderRecipe, layers: Network) -> None:
        widths = [shape[-1] for shape in layers.inputs[1:]]
        if widths != [width for width in recipe.widths for _ in range(2)]:
            raise ValueError(f"the state of its layers is {widths} wide, not {recipe.widths}")
        self._recipe = recipe
        self._layers = layers
        self._call = _CALL_STEPS + _CALL_WORK // recipe.work
        self._room = _ROOM // (_BYTES * max(recipe.widths))

    def read(self, texts: Sequence[_Numbers]) -> _Floats:
        """Give each text's last output, maxima and means, [texts, 3 * width].

        Args:
            texts: their tokens, the longest first; none holds the token that pads.
        """
        begins = np.array([self._pooled_from(len(text)) for text in texts])
        ends = np.array([len(text) for text in texts])
        tokens = np.zeros((ends[0], len(texts)), np.int64)
        for row, text in enumerate(texts):
            tokens[: len(text), row] = text
        state, pool = self._start(len(texts)), _Pool(begins, ends, self._recipe.widths[-1])
        for start, stop in self._spans(begins.tolist(), ends.tolist()):
            rows = int((ends > start).sum())
            if rows < state[0].shape[1]:
                state = [np.ascontiguousarray(part[:, :rows]) for part in state]
            given = np.ascontiguousarray(tokens[start:stop, :rows])
            outputs, *state = self._layers(given, *state)
            pool.add(outputs, start)
        return pool.result()

    def finds_words(self, text: _Numbers) -> bool:
        """Tell whether what is pooled of a text holds more than the token that pads."""
        return bool((text[self._pooled_from(len(text)) :] != self._recipe.pad).any())

    def read_padded(self, text: _Numbers) -> _Floats:
        """Give what `read` does of one text that holds the token that pads.

        fastai passes over such tokens when it pools, and takes a chunk that begins with one for
        the padding of a batch: it is not read, and what was before is forgotten (fastai's
        SentenceEncoder and masked_concat_pool).

        Args:
            text: its tokens; see `finds_words`.
        """
        recipe, state = self._recipe, self._start(1)
        parts: list[_Floats] = []
        for start in range(0, len(text), recipe.chunk):
            tokens = text[start : start + recipe.chunk]
            outputs = np.zeros((len(tokens), 1, recipe.widths[-1]), np.float32)
            if tokens[0] == recipe.pad:
                state = self._start(1)
            else:
                outputs, *state = self._layers(tokens[:, None], *state)
            if recipe.window is None or len(text) - start <= recipe.window:
                parts.append(outputs[:, 0])
        return _padded_pool(np.concatenate(parts), text, recipe)

    def _spans(self, begins: Sequence[int], ends: Sequence[int]) -> Iterator[tuple[int, int]]:
        """Give from which step to which the layers are called, for texts the longest first."""
        for start, stop in pairwise(_cuts(begins, ends, self._call)):
            rows = sum(end > start for end in ends)
            most = min(_STEPS, max(self._room // rows, 1))
            yield from pairwise(_even(start, stop, most))

    def _start(self, rows: int) -> list[_Floats]:
        widths = self._recipe.widths
        return [np.zeros((1, rows, width), np.float32) for width in widths for _ in range(2)]

    def _pooled_from(self, length: int) -> int:
        chunk, window = self._recipe.chunk, self._recipe.window
        if window is None or length <= window:
            return 0
        return -(-(length - window) // chunk) * chunk


class _Pool:
    """The running last output, maxima and sums of rows that are pooled from begins to ends."""

    def __init__(self, begins: _Numbers, ends: _Numbers, width: int) -> None:
        self._begins, self._ends = begins, ends
        self._last = np.zeros((len(ends), width), np.float32)
        self._sum = np.zeros_like(self._last)
        self._max = np.full_like(self._last, -np.inf)

    def add(self, outputs: _Floats, start: int) -> None:
        """Take the outputs [steps, rows, width] from step `start` on, of the first rows."""
        steps, rows, _ = outputs.shape
        left = self._ends[:rows] - start
        [ended] = (left <= steps).nonzero()
        self._last[ended] = outputs[left[ended] - 1, ended]
        # Longer texts are pooled from later on, and stand first.
        skipped = int((self._begins[:rows] > start).sum())
        if skipped == rows:
            return
        outputs, left = outputs[:, skipped:], left[skipped:]
        over = None
        if int(left[-1]) < steps:
            over = (np.arange(steps)[:, None] >= left)[:, :, None]
        _pool(outputs, over, self._max[skipped:rows], self._sum[skipped:rows])

    def result(self) -> _Floats:
        """Give them beside each other."""
        means = self._sum / (self._ends - self._begins).astype(np.float32)[:, None]
        return np.concatenate([self._last, self._max, means], axis=1)


def _pool(outputs: _Floats, over: NDArray[np.bool_] | None, top: _Floats, total: _Floats) -> None:
    """Take outputs [steps, ...] into maxima and sums, but for those that are over."""
    tops = sums = outputs
    if over is not None:
        tops = np.where(over, np.float32(-np.inf), outputs)
        sums = np.where(over, np.float32(0), outputs)
    np.maximum(top, tops.max(axis=0), out=top)
    for step in sums:
        total += step


def _padded_pool(outputs: _Floats, text: _Numbers, recipe: ReaderRecipe) -> _Floats:
    padded = text[len(text) - len(outputs) :] == recipe.pad
    top = np.full(outputs.shape[1], -np.inf, np.float32)
    total = np.zeros_like(top)
    _pool(outputs, padded[:, None], top, total)
    last = outputs[-int(padded[-recipe.chunk :].sum()) - 1]
    return np.concatenate([last, top, total / np.float32((~padded).sum())])[None]


def _cuts(begins: Sequence[int], ends: Sequence[int], call: int) -> list[int]:
    """Tell between which steps to call the layers, for texts whose ends stand longest first."""
    longest = ends[0]
    rounded = [min(-(-end // _GRAIN) * _GRAIN, longest) for end in reversed(ends)]
    points, idle = {0, longest, *begins}, 0
    for end, following in pairwise(rounded):
        idle += 1
        if idle * (following - end) >= call:
            points.add(end)
            idle = 0
    return sorted(points)


def _even(start: int, stop: int, most: int) -> Iterator[int]:
    parts = -(-(stop - start) // most)
    return (start + (stop - start) * part // parts for part in range(parts + 1))
