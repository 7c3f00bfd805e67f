"""Large messages over a socket: what is beyond a bound is refused, what is within it answered."""

import copy
import gc
import io
import threading
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import learnwire_service as lw
import numpy as np
import pytest
from learnwire.v1 import io_pb2, prediction_service_pb2_grpc
from learnwire.v1 import prediction_service_pb2 as pb
from learnwire_client import Client, InvalidInput
from learnwire_client.errors import ResourceExhausted, Violation
from learnwire_client.inputs import predict_request
from learnwire_client.status import from_status
from PIL import Image

from tests.conftest import Trained
from tests.service.sealed_plans import unsealed

Stub = prediction_service_pb2_grpc.PredictionServiceStub


@pytest.fixture(scope="module")
def stub(target: str) -> Iterator[Stub]:
    with grpc.insecure_channel(target, [("grpc.max_send_message_length", -1)]) as channel:
        yield Stub(channel)


@pytest.fixture
def row(penguins: Trained) -> dict[str, Any]:
    return dict(next(row for row in penguins.items if row.notna().all()))


def refused(client: Client, model: str, value: Any) -> Violation:
    """Predict, expect a refusal for one fault, and give it."""
    with pytest.raises(InvalidInput) as caught:
        client.predict(model, value)
    [violation] = caught.value.violations
    return violation


def test_a_row_of_very_many_columns_is_refused_with_field_bound_and_count(
    client: Client, row: dict[str, Any]
) -> None:
    wide = row | {f"extra{i}": 1.0 for i in range(100_000)}
    assert refused(client, "penguins", wide) == Violation(
        "row.cells",
        f"expected at most 16384 cells, got {len(wide)}; send fewer at a time, or raise "
        "--max-cells of the server",
    )


def test_a_row_of_many_columns_that_the_model_does_not_have_is_refused(
    client: Client, row: dict[str, Any]
) -> None:
    extra = {f"extra{i}": 1.0 for i in range(4096)}
    answer = client.predict("penguins", row | extra)
    assert answer.probabilities == pytest.approx(client.predict("penguins", row).probabilities)
    assert "and 4086 more" in answer.warnings[0]
    assert refused(client, "penguins", row | extra | {"one": 1.0}) == Violation(
        "row.cells",
        "expected at most 4096 columns that are not the model's, got 4097; "
        "send only those that the model has",
    )


@pytest.mark.parametrize("model", ["digits", "penguins", "sentiment"])
def test_millions_of_strings_are_refused_by_their_type_alone(model: str, stub: Stub) -> None:
    # Not one of them is well-formed: they are not looked at.
    strings = io_pb2.NdArray(
        shape=[3_000_000], data_type=io_pb2.DATA_TYPE_STRING, data=b"\xff" * 12_000_000
    )
    with pytest.raises(grpc.RpcError) as caught:
        stub.Predict(pb.PredictRequest(model=model, array=strings), timeout=60)
    assert isinstance(caught.value, grpc.Call)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    wanted = {
        "digits": "array.data_type: expected uint8, got object",
        "penguins": "row: expected a row, got an array",
        "sentiment": "text: expected a text, got an array",
    }
    assert wanted[model] in str(caught.value.details())


def test_plain_values_of_a_shape_that_the_model_does_not_take_are_not_read(stub: Stub) -> None:
    request = pb.PredictRequest(model="digits", array=io_pb2.NdArray(shape=[1, 1, 70_000]))
    request.array.values.extend(["no number"] * 70_000)
    with pytest.raises(grpc.RpcError) as caught:
        stub.Predict(request, timeout=60)
    assert isinstance(caught.value, grpc.Call)
    assert "array.shape: expected [-1, -1]" in str(caught.value.details())


def test_a_table_of_very_many_strings_is_refused(stub: Stub) -> None:
    strings = io_pb2.NdArray(
        shape=[262_145], data_type=io_pb2.DATA_TYPE_STRING, data=b"\0" * 4 * 262_145
    )
    table = io_pb2.Table(columns=[io_pb2.Column(name="island", values=strings)])
    with pytest.raises(grpc.RpcError) as caught:
        list(stub.PredictMany(pb.PredictManyRequest(model="penguins", table=table), timeout=60))
    assert isinstance(caught.value, grpc.Call)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert (
        "table.columns[0].values.data: expected at most 262144 strings in all, got 262145"
        in str(caught.value.details())
    )


def test_one_item_of_a_stream_beyond_a_bound_fails_alone(stub: Stub, row: dict[str, Any]) -> None:
    wide = predict_request("penguins", {f"c{i}": 1.0 for i in range(20_000)})
    good = predict_request("penguins", row)
    requests = [
        pb.PredictStreamRequest(id="first", request=good),
        pb.PredictStreamRequest(id="wide", request=wide),
        pb.PredictStreamRequest(id="last", request=good),
    ]
    replies = {reply.id: reply for reply in stub.PredictStream(iter(requests), timeout=60)}
    assert replies["first"].prediction == replies["last"].prediction
    error = from_status(replies["wide"].status)
    assert isinstance(error, InvalidInput)
    assert error.violations[0].field == "row.cells"
    assert "expected at most 16384 cells, got 20000" in error.violations[0].description


def test_much_that_is_within_the_bounds_is_answered_as_always(
    client: Client, stub: Stub, penguins: Trained
) -> None:
    rows = penguins.items * 30
    request = pb.PredictManyRequest(model="penguins")
    for one in rows:
        request.rows.rows.append(predict_request("penguins", one).row)
    assert request.ByteSize() > 2**15
    labels = [label for chunk in stub.PredictMany(request) for label in chunk.single_labels.labels]
    once = client.predict_many("penguins", penguins.items, errors="raise")
    assert labels == [answer.label for answer in once] * 30


def test_large_pixels_sent_by_hand_are_answered_as_data_is(client: Client, stub: Stub) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (120, 150), dtype=np.uint8)
    request = pb.PredictRequest(model="digits", array=io_pb2.NdArray(shape=pixels.shape))
    request.array.values.extend(pixels.ravel().tolist())
    answer = stub.Predict(request, timeout=60).prediction
    assert answer.single_label.label == client.predict("digits", pixels).label


def encoded(image: Image.Image, kind: str = "PNG") -> np.ndarray[Any, np.dtype[np.uint8]]:
    file = io.BytesIO()
    image.save(file, kind)
    return np.frombuffer(file.getvalue(), np.uint8)


def test_an_image_of_very_many_pixels_is_refused_by_its_header(client: Client) -> None:
    bomb = encoded(Image.new("L", (9000, 9000)))
    assert len(bomb) < 100_000
    assert refused(client, "digits", bomb) == Violation(
        "array.data",
        "expected at most 24000000 pixels, got 81000000; --max-pixels of the server says how many",
    )
    # Pillow itself refuses to open it.
    assert (
        "got 400000000"
        in refused(client, "digits", encoded(Image.new("1", (20_000, 20_000)))).description
    )


def test_pixels_are_bounded_by_their_shape(trained: dict[str, Trained]) -> None:
    with lw.serving("digits", max_pixels=10_000) as target, Client(target) as client:
        assert refused(client, "digits", np.zeros((101, 100), np.uint8)) == Violation(
            "array.shape",
            "expected at most 10000 pixels, got 10100; --max-pixels of the server says how many",
        )


def test_what_is_refused_is_let_go_before_the_garbage_collector_comes(client: Client) -> None:
    image = np.zeros((2500, 2500), np.uint8)
    refused(client, "digits", image)
    gc.disable()
    tracemalloc.start()
    try:
        for _ in range(4):
            refused(client, "digits", image)
        # The thread of the last call may not be through with it.
        assert tracemalloc.get_traced_memory()[0] < 3 * image.nbytes
    finally:
        tracemalloc.stop()
        gc.enable()


def test_pixels_are_bounded_behind_the_transforms_too(client: Client) -> None:
    for image in (np.zeros((1500, 1500), np.uint8), encoded(Image.new("L", (1500, 1500)))):
        assert refused(client, "digits", image) == Violation(
            "array",
            "expected at most 2000000 pixels after the model's transforms, got 2250000; "
            "--max-input-size of the server says how many",
        )


def test_an_image_that_a_transform_makes_smaller_may_have_as_many_pixels_as_are_decoded(
    digits: Trained,
) -> None:
    image = np.random.default_rng(0).integers(0, 256, (200, 300), dtype=np.uint8)
    learner = learner_that_resizes(digits.learner)
    lw.save_model("resized", learner)
    with lw.serving("resized", max_input_size=100) as target, Client(target) as client:
        answer = client.predict("resized", image)
    with learner.no_bar():
        expected = learner.predict(image)
    assert answer.probabilities == pytest.approx(expected[2].numpy(), abs=1e-5)


def learner_that_resizes(learner: Any) -> Any:
    """The same learner, with images brought to 28 by 28 pixels first."""
    lw.import_torchvision()
    from fastai.vision.augment import Resize

    resizing = copy.deepcopy(learner)
    for loader in resizing.dls.loaders:
        loader.after_item.add(Resize(28))
    return resizing


def test_runs_of_signs_and_capitals_are_answered_as_by_predict(
    client: Client, trained: dict[str, Trained]
) -> None:
    for text in ("!?" * 300, ":)" * 300 + "a", "AB" * 1_000 + "a", "a@" * 200):
        label, _, probabilities = trained["sentiment"].predict(text)
        answer = client.predict("sentiment", text)
        assert answer.label == label
        assert answer.probabilities == pytest.approx(probabilities, abs=1e-5)
    # learner.predict takes half an hour for this one.
    assert client.predict("sentiment", "!?" * 50_000).label in ("negative", "positive")


def test_unsealed_a_text_that_the_tokenizer_takes_too_long_for_is_refused_at_once(
    client: Client,
) -> None:
    runner = unsealed("sentiment").to_runner()
    for text, length in (("!?" * 50_000, 100_000), ("AB" * 5_000 + "a", 10_001)):
        with pytest.raises(lw.InvalidInput) as caught:
            runner.predict.run(text)
        [violation] = caught.value.violations
        assert violation.field == "text.content"
        assert f"got more in one of {length} that begins with" in violation.description
    runner.close()


def test_the_bounds_are_settings(penguins: Trained, row: dict[str, Any]) -> None:
    lw.save_model("narrow", penguins.learner)
    with (
        lw.serving("narrow", max_cells=8, max_items=3, max_extra_columns=0) as target,
        Client(target) as client,
    ):
        assert client.predict("narrow", row).label
        assert (
            "at most 8 cells, got 9"
            in refused(client, "narrow", row | {"a": 1, "b": 2}).description
        )
        assert "at most 0 columns" in refused(client, "narrow", row | {"a": 1}).description
        with pytest.raises(InvalidInput, match=r"rows\.rows: expected at most 3 items, got 4"):
            list(client.predict_many("narrow", [row] * 4))


def test_large_requests_share_their_room_and_leave_some_to_small_ones(
    trained: dict[str, Trained],
) -> None:
    came, free = threading.Semaphore(0), threading.Event()
    service = lw.Service("holding")

    @service.api(input=lw.NdArray(), output=int)
    def hold(array: Any) -> int:
        came.release()
        free.wait(60)
        return int(array.size)

    large, small = np.zeros(2**20, np.uint8), np.zeros(2**16, np.uint8)
    with (
        lw.serving(service, max_held_mib=2) as target,
        Client(target) as client,
        ThreadPoolExecutor(2) as threads,
    ):
        first = threads.submit(client.call, "hold", large)
        assert came.acquire(timeout=30)
        with pytest.raises(ResourceExhausted, match="holds 1 MiB of large requests") as caught:
            client.call("hold", large)
        assert caught.value.retry_after
        second = threads.submit(client.call, "hold", small)
        assert came.acquire(timeout=30)
        free.set()
        assert (first.result(30), second.result(30)) == (2**20, 2**16)
        assert client.call("hold", large) == 2**20


def test_a_stream_is_not_read_on_where_there_is_no_room(trained: dict[str, Trained]) -> None:
    images = [np.full((700, 700), shade, np.uint8) for shade in range(0, 240, 30)]
    with lw.serving("digits", max_held_mib=1) as target, Client(target) as client:
        expected = [client.predict("digits", image).label for image in images]
        answers: list[Any] = list(client.predict_stream("digits", images, timeout=60))
    assert [answer.label for answer in answers] == expected
