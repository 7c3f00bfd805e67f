"""PredictMany's answers: chunks of consecutive items as aligned columns."""

from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import islice

from learnwire.v1 import prediction_pb2
from learnwire.v1 import prediction_service_pb2 as pb
from learnwire_client.prediction import AnyPrediction

from ..errors import InvalidInput
from ..runner import Runner
from .calls import log_unexpected
from .convert import encode_columns
from .status import to_status

_CHUNK_ITEMS = 64

_Answer = AnyPrediction | Exception


async def predict_chunks(
    runner: Runner, items: Iterator[object]
) -> AsyncIterator[tuple[pb.PredictManyResponse, int]]:
    """Predict items and give the chunks in order, each with the index behind its last item.

    Args:
        runner: the model.
        items: the items; one that is an InvalidInput fails as that.
    """
    first = 0
    while batch := list(islice(items, _CHUNK_ITEMS)):
        answers = [await _answer(runner, item) for item in batch]
        yield _chunk(runner, first, answers), first + len(batch)
        first += len(batch)


async def _answer(runner: Runner, item: object) -> _Answer:
    if isinstance(item, InvalidInput):
        return item
    try:
        return await runner.predict.async_run(item)
    except Exception as error:  # noqa: BLE001 - an item's error is that item's answer
        log_unexpected(error)
        return error


def _chunk(runner: Runner, first: int, answers: Sequence[_Answer]) -> pb.PredictManyResponse:
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
