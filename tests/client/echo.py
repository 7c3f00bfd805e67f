"""Handlers of PredictMany that answer with the numbers that they were sent."""

from collections.abc import Callable, Iterator
from typing import Any

import grpc
import numpy as np
from google.rpc import status_pb2
from learnwire.v1 import prediction_pb2 as pb
from learnwire.v1.prediction_service_pb2 import PredictManyRequest, PredictManyResponse
from learnwire_client import CallError
from learnwire_client.arrays import decode_array, encode_array

Handler = Callable[[PredictManyRequest, grpc.ServicerContext], Iterator[PredictManyResponse]]


def numbers(request: PredictManyRequest) -> list[float]:
    """Give the items as numbers: a text's, a row's cell `x`, an array's first element."""
    match request.WhichOneof("inputs"):
        case "table":
            return [float(x) for x in decode_array(request.table.columns[0].values)]
        case "rows":
            return [row.cells["x"].number_value for row in request.rows.rows]
        case "texts":
            return [float(text.split()[0]) for text in request.texts.contents]
        case _:
            return [float(decode_array(array).flat[0]) for array in request.arrays.arrays]


def chunk(first: int, values: list[float], **fields: Any) -> PredictManyResponse:
    columns = pb.RegressionColumns(values=encode_array(np.array([values], np.float32).T))
    return PredictManyResponse(
        model="m", version="v1", first_index=first, regressions=columns, **fields
    )


def double(request: PredictManyRequest, context: object) -> Iterator[PredictManyResponse]:
    """Answer twice each number, seven in a chunk; a negative one fails."""
    values = numbers(request)
    for first in range(0, len(values), 7):
        part = values[first : first + 7]
        errors = [
            pb.ItemError(index=i, status=status_pb2.Status(code=3, message=f"negative {value:g}"))
            for i, value in enumerate(part, first)
            if value < 0
        ]
        yield chunk(first, [2 * value for value in part], errors=errors)


def refusing(number: float, code: grpc.StatusCode) -> Handler:
    """Make a handler as `double` that refuses the call with that number as a whole."""

    def many(
        request: PredictManyRequest, context: grpc.ServicerContext
    ) -> Iterator[PredictManyResponse]:
        if number in numbers(request):
            context.abort(code, "refused")
        yield from double(request, context)

    return many


def told(answer: Any) -> Any:
    """Give the number of an answer, or the message of an error."""
    return answer.message if isinstance(answer, CallError) else answer.label[0]
