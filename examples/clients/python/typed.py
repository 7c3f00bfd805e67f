"""Asks models by their own contracts: columns are fields, classes are an enum.

Usage: PYTHONPATH=gen python typed.py HOST:PORT
"""

import json
import math
import sys
from collections.abc import Iterator
from typing import Any

import grpc
from google.rpc.error_details_pb2 import BadRequest
from grpc_status import rpc_status
from learnwire.models.digits.v1 import digits_service_pb2 as digits
from learnwire.models.digits.v1.digits_service_pb2_grpc import DigitsServiceStub
from learnwire.models.penguins.v1 import penguins_service_pb2 as penguins
from learnwire.models.penguins.v1.penguins_service_pb2_grpc import PenguinsServiceStub
from learnwire.models.sentiment.v1 import sentiment_service_pb2 as sentiment
from learnwire.models.sentiment.v1.sentiment_service_pb2_grpc import SentimentServiceStub
from learnwire.v1.arrays_pb2 import ByteArray

TEXT = "A warm and funny film."
# A handwritten 3: eight rows of eight grey values from 0 to 255.
IMAGE = bytes.fromhex(
    "00008fffcf5f0000 00005f4fffff0000 0000007fef4f0000 0000004fdf2f0000"
    "000000008fef1f00 0000000000afbf00 00003f7fafefbf00 0000afdfbf7f0000"
)


def main(target: str) -> None:
    """Ask the three models of the demo, and meet what can go wrong."""
    with grpc.insecure_channel(target) as channel:
        predict_each(channel)
        break_a_field(PenguinsServiceStub(channel))
        run_out_of_time(SentimentServiceStub(channel))
        predict_many(PenguinsServiceStub(channel))


def predict_each(channel: grpc.Channel) -> None:
    """Ask each model for one prediction; always with a deadline, in seconds."""
    text = sentiment.PredictRequest(text=TEXT)
    say("text", sentiment, SentimentServiceStub(channel).Predict(text, timeout=30))
    say("row", penguins, PenguinsServiceStub(channel).Predict(a_row(), timeout=30))
    image = digits.PredictRequest(array=ByteArray(shape=[8, 8], values=IMAGE))
    say("array", digits, DigitsServiceStub(channel).Predict(image, timeout=30))


def break_a_field(stub: PenguinsServiceStub) -> None:
    """Send NaN, where null is a field that is not set, and read which field was wrong."""
    try:
        stub.Predict(a_row(bill_length_mm=math.nan), timeout=30)
    except grpc.RpcError as error:
        code = error.code().value[0]
        for violation in violations_of(error):
            tell("violation", code=code, field=violation.field, description=violation.description)


def violations_of(error: grpc.RpcError) -> Iterator[BadRequest.FieldViolation]:
    """Read the details of an error: a google.rpc.Status that came with it."""
    assert isinstance(error, grpc.Call)  # those that a stub raises are
    status = rpc_status.from_call(error)
    for detail in status.details if status else ():
        bad_request = BadRequest()
        if detail.Unpack(bad_request):
            yield from bad_request.field_violations


def run_out_of_time(stub: SentimentServiceStub) -> None:
    """Give a long text a millisecond."""
    try:
        stub.Predict(sentiment.PredictRequest(text=TEXT * 3000), timeout=0.001)
    except grpc.RpcError as error:
        if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
            tell("deadline", code=error.code().value[0])


def predict_many(stub: PenguinsServiceStub) -> None:
    """Send many rows at once; answers come in order, and a bad one fails alone."""
    rows = [a_row(), a_row(bill_length_mm=math.nan)]
    names = iter(["a row", "a bad row"])
    for chunk in stub.PredictMany(penguins.PredictManyRequest(requests=rows), timeout=30):
        for result in chunk.results:
            if result.HasField("response"):
                say(f"stream: {next(names)}", penguins, result.response)
            else:
                tell(f"stream: {next(names)}", code=result.status.code)


def a_row(**changes: float) -> penguins.PredictRequest:
    """Make the request for a row; `sex`, which is not set, is null."""
    row = {
        "island": "Torgersen",
        "year": 2008,
        "bill_length_mm": 39.1,
        "bill_depth_mm": 18.7,
        "flipper_length_mm": 181,
        "body_mass_g": 3750,
    }
    return penguins.PredictRequest(**{**row, **changes})


def say(step: str, contract: Any, answer: Any) -> None:
    """Print the answer of any of the models."""
    tell(
        step,
        category=contract.Category.Name(answer.category),
        label=answer.label,
        index=answer.index,
        probabilities=list(answer.probabilities),
    )


def tell(step: str, **found: object) -> None:
    """Print one line of JSON; codes are gRPC's numbers, such as 3 for INVALID_ARGUMENT."""
    print(json.dumps({"step": step, **found}))


if __name__ == "__main__":
    main(sys.argv[1])
