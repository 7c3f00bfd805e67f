"""Columns that have each of their strings once, answered as `learner.predict` does."""

from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np
import pandas as pd
import pytest
from google.protobuf import json_format
from learnwire.v1 import io_pb2
from learnwire.v1 import prediction_service_pb2 as pb
from learnwire.v1.prediction_service_pb2_grpc import PredictionServiceStub
from learnwire_client import Client, SingleLabel
from learnwire_client.arrays import decode_array, encode_array
from learnwire_client.tables import encode_table

from tests.conftest import Trained

TEXTS = ("island", "sex")


@pytest.fixture(scope="module")
def stub(target: str) -> Iterator[PredictionServiceStub]:
    with grpc.insecure_channel(target) as channel:
        yield PredictionServiceStub(channel)


@pytest.fixture(scope="module")
def items(penguins: Trained) -> "list[pd.Series[Any]]":
    """Rows of which the first ones have a null."""
    return sorted(penguins.items, key=lambda row: bool(row.notna().all()))[:20]


@pytest.fixture(scope="module")
def rows(items: "list[pd.Series[Any]]") -> pd.DataFrame:
    return pd.DataFrame(items).reset_index(drop=True).infer_objects()


def ask(stub: PredictionServiceStub, table: io_pb2.Table) -> list[pb.PredictManyResponse]:
    request = pb.PredictManyRequest(model="penguins", table=table)
    return list(stub.PredictMany(request, timeout=60))


def refusal(stub: PredictionServiceStub, table: io_pb2.Table) -> str:
    with pytest.raises(grpc.RpcError) as caught:
        ask(stub, table)
    assert isinstance(caught.value, grpc.Call)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    return str(caught.value.details())


def test_answers_are_those_of_the_learner_and_have_the_bits_of_a_lone_call(
    stub: PredictionServiceStub,
    client: Client,
    items: "list[pd.Series[Any]]",
    rows: pd.DataFrame,
    penguins: Trained,
) -> None:
    table = encode_table(rows, TEXTS)
    assert [one.name for one in table.columns if one.HasField("indices")] == list(TEXTS)
    [answered] = ask(stub, table)
    columns, indices = answered.single_labels, decode_array(answered.single_labels.indices)
    probabilities = decode_array(columns.probabilities)
    assert rows["sex"].isna().any(), "there are nulls among them"
    for i, row in enumerate(items):
        label, index, expected = penguins.predict(row)
        assert (columns.labels[i], indices[i]) == (label, index)
        np.testing.assert_allclose(probabilities[i], expected, atol=1e-5)
        alone = client.predict("penguins", row)
        assert probabilities[i].tobytes() == np.asarray(alone.probabilities).tobytes()


def test_a_frame_of_many_rows_is_answered_row_by_row(
    client: Client, items: "list[pd.Series[Any]]", rows: pd.DataFrame, penguins: Trained
) -> None:
    many = pd.concat([rows] * 20, ignore_index=True)
    frame = client.predict_frame("penguins", many)
    assert frame["label"].tolist() == [penguins.predict(row)[0] for row in items] * 20
    answers = list(client.predict_many("penguins", many))
    for answer, (_, row) in zip(answers, frame.iterrows(), strict=True):
        assert isinstance(answer, SingleLabel)
        assert answer.label == row["label"]
        assert answer.probabilities.tolist() == [row[f"p_{name}"] for name in answer.classes]


def test_unknown_categories_and_bad_cells_are_told_with_row_and_column(
    client: Client, rows: pd.DataFrame
) -> None:
    frame = pd.concat([rows.dropna()] * 2, ignore_index=True).astype({"year": "float64"})
    frame.loc[3, "island"], frame.loc[5, "island"] = "Atlantis", None
    frame.loc[7, "year"] = 2007.5
    answers: list[Any] = list(client.predict_many("penguins", frame))
    frames = client.predict_frame("penguins", frame)
    assert frames["error"].notna().tolist() == [i in (5, 7) for i in range(len(frame))]
    assert "Atlantis" in answers[3].warnings[0] == frames["warnings"][3]
    assert frames["warnings"].notna().tolist() == [i == 3 for i in range(len(frame))]
    for row, column in ((5, "island"), (7, "year")):
        assert answers[row].index == row
        [violation] = answers[row].violations
        assert violation.field == f'row.cells["{column}"]'
        assert violation.field in frames["error"][row]


@pytest.mark.parametrize(
    ("column", "told"),
    [
        ({"indices": np.array([0, 3])}, "columns[1].indices: expected indices of the 3 values"),
        ({"indices": np.array([0, 1, 1])}, "columns[1].indices: expected 2 cells as in the first"),
        ({"indices": np.array([0.0, 1.0])}, "columns[1].indices.data_type: expected integers"),
        ({"valid": np.array([True])}, "columns[1].valid: expected 2 as in indices, got 1"),
        ({"values": np.array(["a", "a"])}, "columns[1].values: expected each string once"),
        ({"values": np.array([1, 2])}, "columns[1].values.data_type: expected strings"),
    ],
)
def test_wrong_indices_are_refused_with_their_path(
    stub: PredictionServiceStub, column: dict[str, Any], told: str
) -> None:
    good = {"values": np.array(["a", "b", "c"]), "indices": np.array([0, 1])}
    columns = [{"values": np.array([2007, 2008])}, good | column]
    table = io_pb2.Table(
        columns=[
            io_pb2.Column(name=name, **{field: encode_array(one) for field, one in fields.items()})
            for name, fields in zip(("year", "island"), columns, strict=True)
        ]
    )
    assert f"table.{told}" in refusal(stub, table)


def test_a_table_typed_by_hand_may_have_indices(
    stub: PredictionServiceStub, rows: pd.DataFrame
) -> None:
    whole = rows.dropna().head(2)
    table = encode_table(whole)
    [place] = [i for i, one in enumerate(table.columns) if one.name == "island"]
    islands = dict.fromkeys(whole["island"])
    indices = [list(islands).index(island) for island in whole["island"]]
    by_hand = {"name": "island", "values": {"values": [*islands, "Atlantis"]}}
    table.columns[place].Clear()
    json_format.ParseDict(by_hand | {"indices": {"values": indices}}, table.columns[place])
    [answered], [expected] = ask(stub, table), ask(stub, encode_table(whole))
    assert answered == expected


def test_a_column_of_very_many_distinct_strings_is_taken(
    stub: PredictionServiceStub, rows: pd.DataFrame
) -> None:
    whole = rows.dropna().head(2)
    table = encode_table(whole)
    [column] = [one for one in table.columns if one.name == "island"]
    strings = [*map(str, range(5000)), *whole["island"]]
    column.values.CopyFrom(encode_array(np.array(strings)))
    column.indices.CopyFrom(encode_array(np.array([5000, 5001])))
    if strings[5000] == strings[5001]:
        column.values.CopyFrom(encode_array(np.array(strings[:-1])))
        column.indices.CopyFrom(encode_array(np.array([5000, 5000])))
    assert ask(stub, table) == ask(stub, encode_table(whole))
