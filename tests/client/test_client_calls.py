from collections.abc import Iterator
from threading import Event
from typing import Any

import grpc
import numpy as np
import pandas as pd
import pytest
from google.rpc import status_pb2
from learnwire.v1 import model_service_pb2 as models_pb
from learnwire.v1 import prediction_pb2 as pb
from learnwire.v1.prediction_service_pb2 import (
    PredictManyRequest,
    PredictManyResponse,
    PredictRequest,
)
from learnwire_client import (
    CallError,
    ChannelOptions,
    Client,
    DeadlineExceeded,
    InvalidInput,
    ModelNotFound,
    MultiLabel,
    Regression,
    ServerFailed,
)
from learnwire_client.arrays import decode_array, encode_array

from tests.client.serving import Models, serving, single_label


def echo(request: PredictRequest, context: object) -> pb.Prediction:
    """Answer with the name of the model and the kind of the input."""
    return single_label(f"{request.model} {request.WhichOneof('input')}")


def numbers(request: PredictManyRequest) -> list[float]:
    """Give the column `x` of the rows or of the table."""
    if request.HasField("table"):
        return list(decode_array(request.table.columns[0].values))
    return [row.cells["x"].number_value for row in request.rows.rows]


def chunk(first: int, values: list[float], **fields: Any) -> PredictManyResponse:
    columns = pb.RegressionColumns(values=encode_array(np.array([values], np.float32).T))
    return PredictManyResponse(
        model="m", version="v1", first_index=first, regressions=columns, **fields
    )


def double(request: PredictManyRequest, context: object) -> Iterator[PredictManyResponse]:
    """Answer twice each number, two in a chunk; a negative one fails."""
    values = numbers(request)
    for first in range(0, len(values), 2):
        part = values[first : first + 2]
        errors = [
            pb.ItemError(index=i, status=status_pb2.Status(code=3, message=f"negative {value:g}"))
            for i, value in enumerate(part, first)
            if value < 0
        ]
        yield chunk(first, [2 * value for value in part], errors=errors)


def told(answers: Iterator[Any]) -> list[Any]:
    """Give the number of each answer, or the message of each error."""
    return [a.message if isinstance(a, CallError) else a.label[0] for a in answers]


@pytest.mark.parametrize(
    ("value", "kind"),
    [("a", "text"), ({"x": 1}, "row"), (pd.Series({"x": 1}), "row"), (np.zeros(2), "array")],
    ids=["str", "dict", "Series", "ndarray"],
)
def test_predict_sends_each_value_as_its_kind(value: Any, kind: str) -> None:
    with serving(echo) as target, Client(target) as client:
        assert client.predict("pets", value).label == f"pets {kind}"


def test_a_remote_learner_stands_where_a_local_one_stood() -> None:
    with serving(echo) as target, Client(target) as client:
        learner = client.learner("pets")
        label, index, probabilities = learner.predict("a")
    assert (label, index, probabilities.tolist()) == ("pets text", 1, [0.25, 0.75])


@pytest.mark.parametrize(("own", "call"), [(0.2, ...), (None, 0.2), (60, 0.2)])
def test_a_slow_answer_ends_with_the_timeout(own: float | None, call: Any) -> None:
    stop = Event()

    def predict(request: object, context: object) -> pb.Prediction:
        stop.wait(60)
        return single_label()

    with serving(predict) as target, Client(target, timeout=own) as client:
        with pytest.raises(DeadlineExceeded):
            client.predict("m", "text", timeout=call)
        stop.set()


def test_an_answer_that_cannot_be_read_is_a_failure_of_the_server() -> None:
    with (
        serving(lambda request, context: pb.Prediction()) as target,
        Client(target) as client,
        pytest.raises(ServerFailed, match="cannot be read"),
    ):
        client.predict("m", "text")


@pytest.mark.parametrize(
    "values",
    [[{"x": i} for i in range(5)], pd.DataFrame({"x": np.arange(5.0)})],
    ids=["rows", "frame"],
)
def test_many_answers_come_in_the_order_of_the_values(values: Any) -> None:
    with serving(many=double) as target, Client(target) as client:
        answers = list(client.predict_many("m", values))
    assert told(iter(answers)) == [0, 2, 4, 6, 8]
    assert all(isinstance(answer, Regression) for answer in answers)


def test_a_failed_item_is_its_error_in_its_place_and_not_raised() -> None:
    rows: list[Any] = [{"x": 1}, {"x": -2}, {"x": []}, {"x": 4}, {"x": b""}]
    with serving(many=double) as target, Client(target) as client:
        answers = list(client.predict_many("m", rows))
    assert told(iter(answers)) == [
        2,
        "negative -2",
        "the input has no form on the wire",
        8,
        "the input has no form on the wire",
    ]
    assert all(isinstance(answers[i], InvalidInput) for i in (1, 2, 4))


def test_answers_come_while_later_ones_are_still_in_the_making() -> None:
    first_is_here = Event()

    def many(request: PredictManyRequest, context: object) -> Iterator[PredictManyResponse]:
        yield chunk(0, [1])
        assert first_is_here.wait(60)
        yield chunk(1, [2])

    with serving(many=many) as target, Client(target) as client:
        answers = client.predict_many("m", [{"x": 1}, {"x": 2}])
        assert told(iter([next(answers)])) == [1]
        first_is_here.set()
        assert told(answers) == [2]


def test_nothing_is_asked_for_no_values() -> None:
    def many(request: object, context: object) -> Iterator[PredictManyResponse]:
        raise AssertionError("not to be called")

    with serving(many=many) as target, Client(target) as client:
        assert list(client.predict_many("m", [])) == []
        (fault,) = client.predict_many("m", [{"x": b""}])
    assert isinstance(fault, InvalidInput)


def test_a_bad_value_is_refused_before_the_first_answer_is_asked_for() -> None:
    with Client("127.0.0.1:1") as client, pytest.raises(TypeError):
        client.predict_many("m", [object()])  # type: ignore[list-item]  # the point


def test_a_call_that_fails_as_a_whole_raises_after_its_answers() -> None:
    def many(request: object, context: grpc.ServicerContext) -> Iterator[PredictManyResponse]:
        yield chunk(0, [1])
        context.abort(grpc.StatusCode.NOT_FOUND, "gone")

    with serving(many=many) as target, Client(target) as client:
        answers = client.predict_many("m", [{"x": 1}, {"x": 2}])
        assert told(iter([next(answers)])) == [1]
        with pytest.raises(ModelNotFound, match="gone"):
            next(answers)


def test_a_failure_after_the_last_answer_is_not_hidden() -> None:
    def many(request: object, context: grpc.ServicerContext) -> Iterator[PredictManyResponse]:
        yield chunk(0, [1])
        context.abort(grpc.StatusCode.INTERNAL, "late")

    with serving(many=many) as target, Client(target) as client:
        answers = client.predict_many("m", [{"x": 1}])
        next(answers)
        with pytest.raises(ServerFailed, match="late"):
            next(answers)


@pytest.mark.parametrize(
    "chunks",
    [
        [],
        [chunk(0, [1])],
        [chunk(0, [1, 2, 3])],
        [chunk(0, [1]), chunk(0, [2])],
        [chunk(1, [2]), chunk(0, [1])],
        [chunk(0, [1, 2]), chunk(2, [3])],
    ],
    ids=["none", "too few", "too many", "repeated", "out of order", "one chunk more"],
)
def test_answers_that_do_not_match_the_values_are_a_failure_of_the_server(
    chunks: list[PredictManyResponse],
) -> None:
    with (
        serving(many=lambda request, context: iter(chunks)) as target,
        Client(target) as client,
        pytest.raises(ServerFailed, match="cannot be read"),
    ):
        list(client.predict_many("m", [{"x": 1}, {"x": 2}]))


def test_leaving_the_answers_early_cancels_the_call() -> None:
    cancelled = Event()

    def many(
        request: PredictManyRequest, context: grpc.ServicerContext
    ) -> Iterator[PredictManyResponse]:
        context.add_callback(cancelled.set)
        yield chunk(0, [1])
        assert cancelled.wait(60)

    with serving(many=many) as target, Client(target, timeout=None) as client:
        answers = client.predict_many("m", [{"x": 1}, {"x": 2}])
        next(answers)
        del answers
        assert cancelled.wait(60)


def test_an_answer_that_cannot_be_read_cancels_the_call() -> None:
    cancelled = Event()

    def many(
        request: PredictManyRequest, context: grpc.ServicerContext
    ) -> Iterator[PredictManyResponse]:
        context.add_callback(cancelled.set)
        yield chunk(99, [1])
        assert cancelled.wait(60)

    with serving(many=many) as target, Client(target, timeout=None) as client:
        with pytest.raises(ServerFailed) as caught:
            list(client.predict_many("m", [{"x": 1}]))
        assert cancelled.wait(5)
        assert caught.value.code is grpc.StatusCode.INTERNAL


def test_the_classes_of_label_sets_are_asked_for_once_for_each_version() -> None:
    asked: list[str] = []

    def get_model(name: str) -> models_pb.Model:
        asked.append(name)
        return models_pb.Model(multi_label=models_pb.MultiLabelOutput(classes=["cat", "dog"]))

    def many(request: PredictManyRequest, context: object) -> Iterator[PredictManyResponse]:
        for i in range(len(request.texts.contents)):
            columns = pb.MultiLabelColumns(
                masks=encode_array(np.array([[False, True]])),
                probabilities=encode_array(np.zeros((1, 2), np.float32)),
            )
            yield PredictManyResponse(
                model="m", version=request.model, first_index=i, multi_labels=columns
            )

    with serving(many=many, models=Models((), get_model)) as target, Client(target) as client:
        for version in ("v1", "v1", "v2"):
            answers = list(client.predict_many(version, ["a", "b"]))
            assert all(isinstance(answer, MultiLabel) for answer in answers)
            assert [a.label for a in answers if isinstance(a, MultiLabel)] == [("dog",)] * 2
    assert asked == ["m:v1", "m:v2"]


@pytest.mark.parametrize("names", [[], ["a"], ["a", "b"], ["a", "b", "c", "d", "e"]])
def test_models_lists_the_models_of_all_pages(names: list[str]) -> None:
    with serving(models=Models(names)) as target, Client(target) as client:
        assert [model.name for model in client.models()] == names


def test_model_describes_one_model() -> None:
    models = Models((), lambda name: models_pb.Model(name=name, version="v1"))
    with serving(models=models) as target, Client(target) as client:
        assert client.model("pets").name == "pets"


def test_a_closed_client_refuses_to_call() -> None:
    with serving() as target:
        with Client(target, options=ChannelOptions(retries=0)) as client:
            client.predict("m", "text")
        with pytest.raises(ValueError, match="closed"):
            client.predict("m", "text")
