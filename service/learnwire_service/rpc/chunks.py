"""PredictMany's answers: chunks of consecutive items as aligned columns."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

import numpy as np
from learnwire.v1 import prediction_pb2
from learnwire.v1 import prediction_service_pb2 as pb
from learnwire_client.prediction import Several

from ..runners.learner import LearnerRunner
from ..signature.answers import Outcome, Outcomes, Stacked
from ..signature.columns import Columns
from ..store.manifest import Manifest
from .calls import tally
from .convert import encode_columns
from .plain import make_plain
from .reading import apart
from .status import to_status

# Well below what gRPC's clients take by default, 4 MiB.
_MESSAGE_BYTES = 2**21
# An error is seldom as large, but takes the longer to be made.
_ERROR_BYTES = 2**13
# A chunk is sent when all its items are answered: few where an item may take long.
_ITEMS, _ROWS = 16, 1024
# Rows that a plan takes as columns are one item to the queue, and cost the less the more they are.
_ROWS_TOGETHER = 4096
# While a chunk is predicted the next ones are decoded and queued.
_AHEAD = 3

Chunk = TypeVar("Chunk")


async def predict_chunks(
    runner: LearnerRunner,
    items: Iterator[object] | Columns,
    encode: Callable[[int, Outcomes], Chunk],
    growth: int = 1,
) -> AsyncIterator[Chunk]:
    """Predict items and give the chunks in order, counted for the line of the call.

    Args:
        runner: the model.
        items: the items, one that is an exception fails as that; or rows as columns.
        encode: makes a chunk of the first one's index, and of what became of the items.
        growth: how many times as large as arrays it makes them.
    """
    first = 0
    async for outcomes in predicted(runner, items):
        size = max(1, _items_in_a_message(outcomes) // growth)
        for start in range(0, len(outcomes), size):
            part = outcomes[start : start + size]
            is_good = isinstance(part, Stacked)
            tally(len(part), 0 if is_good else sum(isinstance(one, Exception) for one in part))
            yield encode(first, part)
            first += len(part)


async def predicted(
    runner: LearnerRunner, items: Iterable[object] | Columns
) -> AsyncIterator[Outcomes]:
    """Predict slice after slice of items, some of them at a time; see `predict_chunks`."""
    slices = _slices(items, _ROWS_TOGETHER if runner.takes_columns else _ROWS)
    under_way: deque[asyncio.Task[Outcomes]] = deque()
    try:
        while True:
            while len(under_way) < _AHEAD and (part := await apart(next, slices, None)):
                under_way.append(asyncio.create_task(runner.ask_many_async(part)))
            if not under_way:
                return
            yield await under_way[0]
            under_way.popleft()
    finally:
        for task in under_way:
            task.cancel()


def _slices(items: Iterable[object] | Columns, rows: int) -> Iterator[Sequence[object] | Columns]:
    if isinstance(items, Columns):
        for start in range(0, len(items), rows):
            yield items[start : start + rows]
        return
    rest = iter(items)
    while part := list(islice(rest, _ITEMS)):
        yield part


def _items_in_a_message(outcomes: Outcomes) -> int:
    """Tell how many answers of this size go into one message; masks are large."""
    largest = _bytes(outcomes[0]) if isinstance(outcomes, Stacked) else max(map(_bytes, outcomes))
    return max(1, _MESSAGE_BYTES // max(1, largest))


def _bytes(outcome: Outcome) -> int:
    if isinstance(outcome, Exception):
        return _ERROR_BYTES
    if isinstance(outcome, Several):
        return sum(map(_bytes, outcome.heads))
    return outcome.probabilities.nbytes + int(np.asarray(outcome.index).nbytes)


def encode_chunk(manifest: Manifest, first: int, outcomes: Outcomes) -> pb.PredictManyResponse:
    """Make a chunk of a model's answers; `first` is the index of the first."""
    chunk = pb.PredictManyResponse(model=manifest.name, version=manifest.version, first_index=first)
    encode_columns(manifest.signature.output, outcomes, chunk)
    if isinstance(outcomes, Stacked):
        if outcomes.signature.warnings:
            _warn(chunk, range(first, first + len(outcomes)), outcomes.signature.warnings)
        return chunk
    for index, outcome in enumerate(outcomes, first):
        if isinstance(outcome, Exception):
            error = prediction_pb2.ItemError(index=index, status=to_status(outcome))
            chunk.errors.append(error)
        elif outcome.warnings:
            _warn(chunk, [index], outcome.warnings)
    return chunk


def encode_plain_chunk(
    manifest: Manifest, first: int, outcomes: Outcomes
) -> pb.PredictManyResponse:
    """Make a chunk as `encode_chunk`, with plain numbers."""
    chunk = encode_chunk(manifest, first, outcomes)
    make_plain(chunk)
    return chunk


def _warn(chunk: pb.PredictManyResponse, indices: Sequence[int], warnings: Sequence[str]) -> None:
    chunk.warnings.extend(
        prediction_pb2.ItemWarnings(index=index, warnings=warnings) for index in indices
    )
