"""What is missing over a socket: refused where training had nothing missing, or told of."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import learnwire_service as lw
import numpy as np
import pandas as pd
import pytest
from fastai.learner import load_learner
from learnwire.v1 import io_pb2
from learnwire.v1 import prediction_service_pb2 as pb
from learnwire.v1 import prediction_service_pb2_grpc as pb_grpc
from learnwire_client import Client, InvalidInput
from learnwire_client.prediction import AnyPrediction
from learnwire_service import bulk
from learnwire_service.contracts.keeping import LOCK_FILE
from learnwire_service.models.contracts import contracts_of, difference
from learnwire_service.store.manifest import MANIFEST_FILE
from learnwire_service.store.store import ModelStore

from tests.end_to_end.kinds import rate
from tests.end_to_end.test_contracts import refused, status_of
from tests.end_to_end.typed import Stub, contract_of
from tests.service import small_learners as small
from tests.service.small_learners import ROW, ask

# The learners that they save, or the processes that they start, take seconds.
pytestmark = pytest.mark.slow

# Training had nulls in `shop` and `weight` alone.
OPTIONAL, REQUIRED = ["shop", "weight"], ["size", "open", "price"]
# Those that every version took null for before training was looked at.
NEW = ["size", "open"]
GONE = {"shop": None, "weight": None}
UNKNOWN = 'column "size": null was treated as missing; whether training had any is unknown'
LEFT_OUT = 'left out, and taken as null: "shop", "weight"'


@dataclass(frozen=True)
class Shops:
    """One learner saved as several versions, all of them served.

    Attributes:
        learner: it.
        target: where they are served.
        client: asks by the generic contract.
        stubs: those of each version's own contract.
    """

    learner: Any
    target: str
    client: Client
    stubs: dict[str, Stub]

    def expects(self, answer: Any, row: dict[str, Any], warnings: tuple[str, ...] = ()) -> None:
        """See that an answer is the learner's own, and comes with these warnings."""
        index, probabilities = ask(self.learner, row)
        assert answer.index == index
        np.testing.assert_allclose(answer.probabilities, probabilities, atol=1e-5)
        assert tuple(answer.warnings) == warnings


@pytest.fixture(scope="module")
def learner() -> Any:
    frame = small.shop_frame()
    return small.shop_learner(frame.assign(shop=frame["shop"].where(frame.index % 7 > 0)))


@pytest.fixture(scope="module")
def shops(learner: Any) -> Iterator[Shops]:
    """`before`, as it was saved when every category was nullable; `after`, and `allowing`."""
    _age(lw.save_model("shops:before", learner).tag)
    lw.save_model("shops:after", learner)
    lw.save_model("shops:allowing", learner, nulls="allow")
    tags = ["shops:before", "shops:after", "shops:allowing"]
    with (
        lw.serving(*tags) as target,
        Client(target) as client,
        grpc.insecure_channel(target) as channel,
    ):
        stubs = {tag.partition(":")[2]: Stub(channel, contract_of(tag)) for tag in tags}
        yield Shops(learner, target, client, stubs)
    lw.delete_model("shops")


def _age(tag: str) -> None:
    """Bring a version to the form that was written before nulls were looked for in training."""
    [version] = ModelStore().versions(tag.partition(":")[0])
    path = version.directory / MANIFEST_FILE
    manifest = json.loads(path.read_text())
    for column in manifest["signature"]["input"]["columns"]:
        column["nullable"] |= column["categories"] is not None
        del column["nulls"]
    path.write_text(json.dumps(manifest))
    (version.directory.parent / LOCK_FILE).unlink()


def _ways(client: Client, model: str, tmp_path: Path) -> list[Callable[[dict[str, Any]], Any]]:
    """Ways to ask for a row by the generic contract; each gives the answer or raises."""

    def one_of(answers: Any) -> Any:
        [answer] = answers
        if isinstance(answer, Exception):
            raise answer
        return answer

    def in_a_table(row: dict[str, Any]) -> Any:
        frame = pd.DataFrame({name: pd.Series([cell], dtype=object) for name, cell in row.items()})
        return one_of(client.predict_many(model, frame))

    runner = lw.get(model).to_runner()
    return [
        lambda row: client.predict(model, row),
        lambda row: one_of(client.predict_many(model, [row])),
        in_a_table,
        runner.predict.run,
        lambda row: one_of(runner.predict.run_batch([row])),
    ]


def _faults(call: Callable[[Any], object], item: Any) -> dict[str, str]:
    with pytest.raises((InvalidInput, lw.InvalidInput)) as caught:
        call(item)
    error: Any = caught.value
    return {
        one.field.removeprefix("row.cells").strip('[]"'): one.description
        for one in error.violations
    }


def _typed_faults(stub: Stub, request: Any, version: str = "") -> dict[str, str]:
    """Give the faults of a request, which are the same whichever way it is sent."""
    lone = refused(stub.predict, request, version)
    [many] = stub.predict_many([request], version)
    streamed = stub.predict_stream([request], version)["0"]
    for error in (lone, status_of(many), status_of(streamed)):
        assert isinstance(error, InvalidInput)
        assert error.violations == lone.violations
    assert isinstance(lone, InvalidInput)
    return {one.field: one.description for one in lone.violations}


def _typed_answers(stub: Stub, request: Any, version: str = "") -> list[Any]:
    [many] = stub.predict_many([request], version)
    streamed = stub.predict_stream([request], version)["0"]
    return [stub.predict(request, version), many.response, streamed.response]


def test_a_row_of_nothing_is_refused_by_every_version(shops: Shops, tmp_path: Path) -> None:
    for version, stub in shops.stubs.items():
        for way in _ways(shops.client, f"shops:{version}", tmp_path):
            if way.__name__ != "in_a_table":
                assert list(_faults(way, {})) == list(ROW)
        faults = _typed_faults(stub, stub.request_class(), version)
        assert list(faults) == list(ROW)
        assert all(one.endswith("got nothing: the column is missing") for one in faults.values())


def test_a_table_without_columns_is_refused(shops: Shops) -> None:
    table = pb.PredictManyRequest(model="shops:after", table=io_pb2.Table())
    with grpc.insecure_channel(shops.target) as channel:
        stub = pb_grpc.PredictionServiceStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            list(stub.PredictMany(table))
    assert "table.columns: expected the model's columns, got none" in str(caught.value)


def test_half_a_row_is_refused_by_its_required_fields(shops: Shops, tmp_path: Path) -> None:
    half = {"open": False, "price": 0.0}
    for way in _ways(shops.client, "shops:after", tmp_path):
        assert list(_faults(way, half)) == ["shop", "size", "weight"]
    stub = shops.stubs["after"]
    assert _typed_faults(stub, stub.request(half), "after") == {
        "size": "expected an integer, got nothing: the column is missing"
    }


def test_a_null_is_refused_where_training_had_none(shops: Shops, tmp_path: Path) -> None:
    for name in REQUIRED:
        for way in _ways(shops.client, "shops:after", tmp_path):
            assert [text[-8:] for text in _faults(way, ROW | {name: None}).values()] == ["got null"]
        stub = shops.stubs["after"]
        assert list(_typed_faults(stub, stub.request(ROW | {name: None}), "after")) == [name]


def test_a_null_is_taken_where_training_had_some(shops: Shops, tmp_path: Path) -> None:
    for way in _ways(shops.client, "shops:after", tmp_path):
        shops.expects(way(ROW | GONE), ROW | GONE)
    # To a contract of its own, what is null is not set.
    stub = shops.stubs["after"]
    for answer in _typed_answers(stub, stub.request(ROW | GONE), "after"):
        shops.expects(answer, ROW | GONE, (LEFT_OUT,))


def test_zero_is_no_null(shops: Shops, tmp_path: Path) -> None:
    row = ROW | {"open": False, "price": 0.0, "weight": 0.0}
    stub = shops.stubs["after"]
    for answer in _typed_answers(stub, stub.request(row), "after"):
        shops.expects(answer, row)


def test_a_version_saved_before_answers_the_null_with_a_warning(
    shops: Shops, tmp_path: Path
) -> None:
    row = ROW | {"size": None}
    for way in _ways(shops.client, "shops:before", tmp_path):
        shops.expects(way(row), row, (UNKNOWN,))
    # Of numbers it was known.
    shops.expects(
        shops.client.predict("shops:before", ROW | {"weight": None}), ROW | {"weight": None}
    )
    stub = shops.stubs["before"]
    for answer in _typed_answers(stub, stub.request(row), "before"):
        shops.expects(answer, row, ('left out, and taken as null: "size"', UNKNOWN))


def test_rows_with_and_without_nulls_keep_their_order_in_a_table(shops: Shops) -> None:
    rows = [ROW, ROW | {"size": None}, ROW | {"shop": None}, ROW | {"price": None}, ROW]
    before, after = (
        list(shops.client.predict_many(f"shops:{version}", pd.DataFrame(rows, dtype=object)))
        for version in ("before", "after")
    )
    assert [type(one) is InvalidInput for one in before] == [False, False, False, True, False]
    assert [type(one) is InvalidInput for one in after] == [False, True, False, True, False]
    warned = [len(one.warnings) for one in before if not isinstance(one, Exception)]
    assert warned == [0, 1, 1, 0]
    assert not any(one.warnings for one in after if not isinstance(one, Exception))


def test_a_file_of_rows_has_the_fault_of_each_row_and_the_warning(
    shops: Shops, tmp_path: Path
) -> None:
    lines = [ROW, ROW | {"size": None}, {}, {"price": 1.0}]
    source, out = tmp_path / "rows.jsonl", tmp_path / "answers.csv"
    source.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    bulk.predict_file(shops.client, "shops:after", source, out, progress=lambda done, total: None)
    assert pd.read_csv(out)["label"].notna().tolist() == [True, False, False, False]


@pytest.mark.slow
def test_saving_again_begins_another_contract_and_says_why(
    learner: Any, caplog: pytest.LogCaptureFixture
) -> None:
    why = '(training had no nulls there; nulls="allow" takes them)'
    reasons = [f'column "{name}" may not be null, and could be left out {why}' for name in NEW]
    try:
        _age(lw.save_model("again:before", learner).tag)
        lw.save_model("again:allowing", learner, nulls="allow")
        assert "contract" not in caplog.text
        lw.save_model("again:after", learner)
        assert (
            "again:after does not fit the stubs of again and begins contract v2: "
            + "; ".join(reasons)
        ) in caplog.text
        told = difference("again:before", "again:after")
        assert told[0].startswith("again:before speaks contract v1, again:after speaks v2.")
        assert told[1:] == [f"- {reason}" for reason in reasons]
        same = "Nothing of the contract is different."
        assert difference("again:before", "again:allowing")[-1] == same
    finally:
        lw.delete_model("again")


def test_old_stubs_reach_the_old_version_and_new_ones_the_new(shops: Shops) -> None:
    majors = {version: stub.contract.major for version, stub in shops.stubs.items()}
    assert majors == {"before": 1, "after": 2, "allowing": 2}
    for version, answered_by in (("before", "before"), ("after", "allowing")):
        request = shops.stubs[version].request(ROW)
        assert shops.stubs[version].predict(request).model_version == answered_by


def test_nulls_that_were_allowed_are_answered_with_a_warning(shops: Shops, tmp_path: Path) -> None:
    row = ROW | {"size": None}
    warning = 'column "size": null was treated as missing; training had none'
    for way in _ways(shops.client, "shops:allowing", tmp_path):
        shops.expects(way(row), row, (warning,))
        # What the learner itself takes no null for stays refused.
        assert list(_faults(way, ROW | {"price": None})) == ["price"]


def test_a_model_is_described_with_what_may_be_null(shops: Shops) -> None:
    nullable = {
        version: [
            one.name for one in shops.client.model(f"shops:{version}").input.columns if one.nullable
        ]
        for version in shops.stubs
    }
    categories = ["shop", "size", "open", "weight"]
    assert nullable == {"before": categories, "after": OPTIONAL, "allowing": categories}


@pytest.mark.slow
def test_of_an_export_nothing_is_known(
    learner: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    learner.export(tmp_path / "export.pkl")
    export = load_learner(tmp_path / "export.pkl")
    lw.save_model("exported:one", export)
    assert 'exported:one refuses null in "shop", "size", "open": ' in caplog.text
    assert 'save with nulls="allow" (learnwire save --nulls allow)' in caplog.text
    lw.save_model("exported:two", export, nulls="allow")
    assert "exported:two refuses" not in caplog.text
    try:
        strict, allowing = (lw.get(f"exported:{one}").to_runner() for one in ("one", "two"))
        assert list(_faults(strict.predict.run, ROW | {"shop": None})) == ["shop"]
        answer = allowing.predict.run(ROW | {"size": None})
        assert answer.warnings == (UNKNOWN,)
        assert answer.probabilities == pytest.approx(
            ask(learner, ROW | {"size": None})[1], abs=1e-5
        )
    finally:
        lw.delete_model("exported")


@pytest.mark.slow
def test_ids_of_collaborative_filtering_may_not_be_null_unless_allowed() -> None:
    ratings = small.collab()
    lw.save_model("films:strict", ratings)
    lw.save_model("films:allowing", ratings, nulls="allow")
    try:
        with lw.serving("films:strict", "films:allowing") as target, Client(target) as client:
            pair = {"user": 3, "film": None}
            assert list(_faults(lambda row: client.predict("films:strict", row), pair)) == ["film"]
            answer: AnyPrediction = client.predict("films:allowing", pair)
            assert answer.warnings == (
                'column "film": null was treated as missing; training had none',
            )
            [(_, expected)] = rate(ratings, pair)
            assert answer.probabilities == pytest.approx(expected, abs=1e-5)
    finally:
        lw.delete_model("films")


def test_a_text_that_is_not_set_is_refused_and_an_empty_one_is_answered() -> None:
    texts = small.text_learner()
    lw.save_model("words", texts)
    try:
        [contract] = contracts_of("words")
        with lw.serving("words") as target, grpc.insecure_channel(target) as channel:
            stub = Stub(channel, contract)
            assert list(_typed_faults(stub, stub.request_class())) == ["text"]
            _, probabilities = ask(texts, "")
            for answer in _typed_answers(stub, stub.request("")):
                np.testing.assert_allclose(answer.probabilities, probabilities, atol=1e-5)
    finally:
        lw.delete_model("words")
