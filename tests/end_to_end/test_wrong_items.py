"""Wrong items of each kind: the right code and field, and no harm to their neighbours."""

from collections.abc import Iterator
from typing import Any

import grpc
import learnwire_service as lw
import numpy as np
import pytest
from learnwire.v1 import prediction_service_pb2 as pb
from learnwire.v1 import prediction_service_pb2_grpc as pb_grpc
from learnwire_client import Client, InvalidInput

from tests.service import small_learners as small
from tests.service import small_networks as networks

ROW = small.ROW
IMAGE = networks.images()[0]
ARRAY = np.ones(4, np.float32)
RATING = {"user": 1, "film": 2}
TITLED = {"title": "good", "text": "good and slow"}

LEARNERS: dict[str, Any] = {
    "rows": small.shop_learner,
    "ratings": small.collab,
    "titled": lambda: small.text_learner(["title", "text"]),
    "images": networks.image_learner,
    "arrays": networks.array_learner,
    "pairs": lambda: networks.array_learner(2),
}
WRONG: list[tuple[str, Any, Any, str]] = [
    ("rows", ROW, ROW | {"price": None}, 'row.cells["price"]'),
    ("rows", ROW, ROW | {"size": "2"}, 'row.cells["size"]'),
    ("rows", ROW, ROW | {"open": 1}, 'row.cells["open"]'),
    ("rows", ROW, {"shop": "north"}, 'row.cells["size"]'),
    ("ratings", RATING, RATING | {"user": "1"}, 'row.cells["user"]'),
    ("ratings", RATING, RATING | {"film": 2.5}, 'row.cells["film"]'),
    ("ratings", RATING, {"user": 1}, 'row.cells["film"]'),
    ("titled", TITLED, TITLED | {"title": None}, 'row.cells["title"]'),
    ("titled", TITLED, {"text": "good"}, 'row.cells["title"]'),
    ("titled", TITLED, TITLED | {"text": "x" * 100_001}, 'row.cells["text"]'),
    ("images", IMAGE, np.frombuffer(b"\x89PNG\r\n\x1a\nbroken", np.uint8), "array.data"),
    ("images", IMAGE, np.frombuffer(b"no image at all", np.uint8), "array.data"),
    ("images", IMAGE, np.frombuffer(b"%!PS-Adobe-3.0 EPSF-3.0\n", np.uint8), "array.data"),
    ("images", IMAGE, IMAGE[..., :1], "array.shape"),
    ("images", IMAGE, IMAGE[..., 0], "array.shape"),
    ("images", IMAGE, IMAGE.astype(np.float32), "array.data_type"),
    ("images", IMAGE, np.zeros(0, np.uint8), "array.shape"),
    ("arrays", ARRAY, ARRAY[:3], "array.shape"),
    ("arrays", ARRAY, ARRAY > 0, "array.data_type"),
    ("arrays", ARRAY, np.full(ARRAY.shape, 1e300), "array.data"),
    ("pairs", (ARRAY, ARRAY), (ARRAY,), "arrays"),
    ("pairs", (ARRAY, ARRAY), (ARRAY, ARRAY[:2]), "arrays.arrays[1].shape"),
]


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """A client of a server of all these kinds."""
    for name, make in LEARNERS.items():
        lw.save_model(name, make())
    with lw.serving(*LEARNERS) as target, Client(target, timeout=120) as connected:
        yield connected
    for name in LEARNERS:
        lw.delete_model(name)


@pytest.mark.parametrize(("name", "good", "wrong", "field"), WRONG)
def test_a_wrong_item_is_refused_at_its_field_and_alone(
    name: str, good: Any, wrong: Any, field: str, client: Client
) -> None:
    with pytest.raises(InvalidInput) as caught:
        client.predict(name, wrong)
    assert field in [violation.field for violation in caught.value.violations]
    expected = client.predict(name, good)
    before, fault, after = client.predict_many(name, [good, wrong, good])
    assert isinstance(fault, InvalidInput)
    assert fault.violations == caught.value.violations
    for answer in (before, after):
        assert isinstance(answer, tuple)
        assert answer.probabilities == pytest.approx(expected.probabilities, abs=1e-5)


@pytest.mark.parametrize("number", [np.nan, np.inf, -1e30])
def test_an_array_in_which_the_model_may_overflow_is_refused_alone(
    client: Client, number: float
) -> None:
    poisoned = np.array([number, 1, 2, 3], np.float32)
    with pytest.raises(InvalidInput, match=r"array\.data: expected numbers from"):
        client.predict("arrays", poisoned)
    before, fault, after = client.predict_many("arrays", [ARRAY, poisoned, ARRAY])
    assert isinstance(fault, InvalidInput)
    assert isinstance(before, tuple)
    assert isinstance(after, tuple)


def test_no_items_are_no_answers_and_no_inputs_are_refused(client: Client) -> None:
    assert list(client.predict_many("rows", [])) == []


@pytest.mark.parametrize(("name", "field"), [("rows", "rows"), ("pairs", "arrays_list")])
def test_a_bulk_call_without_inputs_names_the_field(name: str, field: str, client: Client) -> None:
    with grpc.insecure_channel(client._target) as channel:
        call = pb_grpc.PredictionServiceStub(channel).PredictMany(pb.PredictManyRequest(model=name))
        with pytest.raises(grpc.RpcError) as caught:
            next(call)
    assert isinstance(caught.value, grpc.Call)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert field in str(caught.value.details())


def test_an_item_of_another_kind_fails_in_its_place(client: Client) -> None:
    before, fault, after = client.predict_many("rows", [ROW, "text", ROW])
    assert isinstance(before, tuple)
    assert isinstance(fault, InvalidInput)
    assert isinstance(after, tuple)


def test_the_wrong_kind_of_items_fails_each_of_them(client: Client) -> None:
    faults = list(client.predict_many("rows", ["a text", "another"]))
    assert [type(fault) for fault in faults] == [InvalidInput, InvalidInput]
