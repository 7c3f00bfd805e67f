"""PredictMany's answers: chunks of consecutive items as aligned columns."""

from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import islice

import numpy as np
from learnwire.v1 import prediction_pb2
from learnwire.v1 import prediction_service_pb2 as pb
from learnwire_client.prediction import Several

from ..runner import Runner
from ..validation import Outcome
from .convert import encode_columns
from .status import to_status

# Well below what gRPC's clients take by default, 4 MiB.
_MESSAGE_BYTES = 2**21


async def predict_chunks(
    runner: Runner, items: Iterator[object]
) -> AsyncIterator[tuple[pb.PredictManyResponse, int]]:
    """Predict items and give the chunks in order, each with the index behind its last item.

    Args:
        runner: the model.
        items: the items; one that is an exception fails as that.
    """
    first = 0
    while batch := list(islice(items, runner.batch_items)):
        outcomes = await runner.predict.async_run_batch(batch)
        size = _items_in_a_message(outcomes)
        for start in range(0, len(outcomes), size):
            part = outcomes[start : start + size]
            yield _chunk(runner, first, part), first + len(part)
            first += len(part)


def _items_in_a_message(outcomes: Sequence[Outcome]) -> int:
    """Tell how many answers of this size go into one message; masks are large."""
    largest = max(map(_bytes, outcomes))
    return max(1, _MESSAGE_BYTES // max(1, largest))


def _bytes(outcome: Outcome) -> int:
    if isinstance(outcome, Exception):
        return 0
    if isinstance(outcome, Several):
        return sum(map(_bytes, outcome.heads))
    return outcome.probabilities.nbytes + int(np.asarray(outcome.index).nbytes)


def _chunk(runner: Runner, first: int, answers: Sequence[Outcome]) -> pb.PredictManyResponse:
    manifest = runner.manifest
    chunk = pb.PredictManyResponse(model=manifest.name, version=manifest.version, first_index=first)
    predictions = [None if isinstance(answer, Exception) else answer for answer in answers]
    encode_columns(manifest.signature.output, predictions, chunk)
    for index, answer in enumerate(answers, first):
        if isinstance(answer, Exception):
            error = prediction_pb2.ItemError(index=index, status=to_status(answer))
            chunk.errors.append(error)
        elif answer.warnings:
            warnings = prediction_pb2.ItemWarnings(index=index, warnings=answer.warnings)
            chunk.warnings.append(warnings)
    return chunk
