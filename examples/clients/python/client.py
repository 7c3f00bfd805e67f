"""Asks Learnwire with stubs generated from its .proto files, and nothing else of it.

Usage: PYTHONPATH=gen python client.py HOST:PORT
"""

import json
import sys
from collections.abc import Iterator

import grpc
from google.protobuf.struct_pb2 import NULL_VALUE
from google.rpc.error_details_pb2 import BadRequest
from grpc_status import rpc_status
from learnwire.v1 import io_pb2, prediction_pb2, prediction_service_pb2, prediction_service_pb2_grpc

TEXT = "A warm and funny film."
ROW = {
    "island": "Torgersen",
    "sex": None,
    "year": 2008,
    "bill_length_mm": 39.1,
    "bill_depth_mm": 18.7,
    "flipper_length_mm": 181,
    "body_mass_g": 3750,
}
# A handwritten 3: eight rows of eight grey values from 0 to 255.
IMAGE = bytes.fromhex(
    "00008fffcf5f0000 00005f4fffff0000 0000007fef4f0000 0000004fdf2f0000"
    "000000008fef1f00 0000000000afbf00 00003f7fafefbf00 0000afdfbf7f0000"
)


def main(target: str) -> None:
    """Ask the three models of the demo, and meet what can go wrong."""
    # One channel serves the whole process; it is safe to share among threads.
    with grpc.insecure_channel(target) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        predict_each(stub)
        break_a_cell(stub)
        run_out_of_time(stub)
        stream(stub)


def predict_each(stub: prediction_service_pb2_grpc.PredictionServiceStub) -> None:
    """Ask each model for one prediction; always with a deadline, in seconds."""
    for step, request in (("text", a_text()), ("row", a_row()), ("array", an_array())):
        say(step, stub.Predict(request, timeout=30).prediction)


def break_a_cell(stub: prediction_service_pb2_grpc.PredictionServiceStub) -> None:
    """Send a string where a number belongs, and read which field was wrong."""
    try:
        stub.Predict(a_row(bill_length_mm="long"), timeout=30)
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


def run_out_of_time(stub: prediction_service_pb2_grpc.PredictionServiceStub) -> None:
    """Give a long text a millisecond."""
    try:
        stub.Predict(a_text(TEXT * 3000), timeout=0.001)
    except grpc.RpcError as error:
        if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
            tell("deadline", code=error.code().value[0])


def stream(stub: prediction_service_pb2_grpc.PredictionServiceStub) -> None:
    """Send items of several models on one stream; a bad one fails alone."""

    def items() -> Iterator[prediction_service_pb2.PredictStreamRequest]:
        requests = {"a text": a_text(), "a row": a_row(), "a bad row": a_row(year="old")}
        for name, request in requests.items():
            yield prediction_service_pb2.PredictStreamRequest(id=name, request=request)

    # Answers come as they are ready, perhaps in another order.
    for answer in stub.PredictStream(items(), timeout=30):
        if answer.HasField("prediction"):
            say(f"stream: {answer.id}", answer.prediction)
        else:
            tell(f"stream: {answer.id}", code=answer.status.code)


def a_text(content: str = TEXT) -> prediction_service_pb2.PredictRequest:
    """Make the request for a text."""
    return prediction_service_pb2.PredictRequest(
        model="sentiment", text=io_pb2.Text(content=content)
    )


def a_row(**changes: str) -> prediction_service_pb2.PredictRequest:
    """Make the request for a row; each cell is a google.protobuf.Value."""
    request = prediction_service_pb2.PredictRequest(model="penguins")
    for column, cell in {**ROW, **changes}.items():
        match cell:
            case None:
                request.row.cells[column].null_value = NULL_VALUE
            case str():
                request.row.cells[column].string_value = cell
            case _:
                request.row.cells[column].number_value = cell
    return request


def an_array() -> prediction_service_pb2.PredictRequest:
    """Make the request for an array, as bytes; lists go in `values` instead."""
    array = io_pb2.NdArray(shape=[8, 8], data_type=io_pb2.DATA_TYPE_UINT8, data=IMAGE)
    return prediction_service_pb2.PredictRequest(model="digits", array=array)


def say(step: str, prediction: prediction_pb2.Prediction) -> None:
    """Print a prediction of one label."""
    answer = prediction.single_label
    tell(step, label=answer.label, index=answer.index, probabilities=list(answer.probabilities))


def tell(step: str, **found: object) -> None:
    """Print one line of JSON; codes are gRPC's numbers, such as 3 for INVALID_ARGUMENT."""
    print(json.dumps({"step": step, **found}))


if __name__ == "__main__":
    main(sys.argv[1])
