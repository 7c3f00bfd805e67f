"""PredictMany's answers: chunks of consecutive items as aligned columns."""

from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import islice

from learnwire.v1 import prediction_pb2
from learnwire.v1 import prediction_service_pb2 as pb

from ..runner import BATCH_ITEMS, Outcome, Runner
from .convert import encode_columns
from .status import to_status


async def predict_chunks(
    runner: Runner, items: Iterator[object]
) -> AsyncIterator[tuple[pb.PredictManyResponse, int]]:
    """Predict items and give the chunks in order, each with the index behind its last item.

    Args:
        runner: the model.
        items: the items; one that is an exception fails as that.
    """
    first = 0
    while batch := list(islice(items, BATCH_ITEMS)):
        outcomes = await runner.predict.async_run_batch(batch)
        yield _chunk(runner, first, outcomes), first + len(batch)
        first += len(batch)


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
