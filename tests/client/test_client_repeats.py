"""Columns that have each of their strings once: encoded, decoded, and refused."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from learnwire.v1 import io_pb2
from learnwire.v1 import model_service_pb2 as models_pb
from learnwire.v1.prediction_service_pb2 import PredictManyRequest, PredictManyResponse
from learnwire_client import Client
from learnwire_client.arrays import decode_array, encode_array
from learnwire_client.errors import FieldError
from learnwire_client.fitting import opened
from learnwire_client.tables import decode_cells

from tests.client.echo import chunk, told
from tests.client.serving import Models, serving

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=3)
LIBRARIES: dict[str, Callable[[Any], Any]] = {
    "pandas": lambda cells: pd.DataFrame({"x": pd.Series(cells, dtype="str")}),
    "pandas, objects": lambda cells: pd.DataFrame({"x": pd.Series(cells, dtype=object)}),
    "pandas, categories": lambda cells: pd.DataFrame({"x": pd.Categorical(cells)}),
    "polars": lambda cells: pl.DataFrame({"x": cells}, schema={"x": pl.String}),
    "polars, categories": lambda cells: pl.DataFrame({"x": cells}, schema={"x": pl.Categorical}),
    "pyarrow": lambda cells: LIBRARIES["polars"](cells).to_arrow(),
}


def encoded(library: str, cells: Sequence[str | None]) -> io_pb2.Column:
    column: io_pb2.Column
    [column] = opened(LIBRARIES[library](cells)).encoded({"x"}).columns
    return column


def decoded(column: io_pb2.Column) -> list[str | None]:
    cells, valid = decode_cells(column)
    pairs = zip(cells.tolist(), valid.tolist(), strict=True)
    return [cell if is_valid else None for cell, is_valid in pairs]


@pytest.mark.parametrize("library", LIBRARIES)
@settings(deadline=None, max_examples=30)
@given(cells=st.lists(st.sampled_from(["", "a", "b", "🐧", None]) | TEXT, min_size=1, max_size=40))
def test_a_column_comes_back_as_it_was(library: str, cells: Sequence[str | None]) -> None:
    column = encoded(library, cells)
    assert decoded(column) == cells
    if column.HasField("indices"):
        strings = decode_array(column.values).tolist()
        assert len(strings) == len(set(strings)) <= len(cells) / 2


@pytest.mark.parametrize("library", LIBRARIES)
def test_each_string_is_sent_once_where_that_pays_off(library: str) -> None:
    repeating = encoded(library, ["ab", "c"] * 50)
    assert sorted(decode_array(repeating.values).tolist()) == ["ab", "c"]
    assert repeating.indices.data_type == io_pb2.DATA_TYPE_UINT8
    assert not encoded(library, ["a", "b", "c"]).HasField("indices")


@pytest.mark.parametrize("cells", [[1, 1, 1, 1], [True, None, True, True], [date(2024, 5, 31)] * 4])
def test_what_is_no_column_of_strings_is_sent_as_before(cells: list[Any]) -> None:
    frame = opened(pd.DataFrame({"x": pd.Series(cells, dtype=object)}))
    assert frame.encoded({"x"}) == frame.encoded()


@pytest.mark.parametrize("cells", [["a", 1, "a", "a"], [["a"], "a", "a", "a"]])
def test_strings_beside_other_cells_are_refused(cells: list[Any]) -> None:
    frame = opened(pd.DataFrame({"x": pd.Series(cells, dtype=object)}))
    with pytest.raises(FieldError, match="expected strings, numbers, bools or dates"):
        frame.encoded({"x"})


def test_indices_are_as_small_as_they_can_be() -> None:
    for distinct, data_type in ((256, io_pb2.DATA_TYPE_UINT8), (257, io_pb2.DATA_TYPE_UINT16)):
        column = encoded("pandas", [str(i) for i in range(distinct)] * 2)
        assert column.indices.data_type == data_type
        assert decoded(column) == [str(i) for i in range(distinct)] * 2


def column(values: Any, indices: Any, **fields: Any) -> io_pb2.Column:
    values, indices = (encode_array(np.array(one)) for one in (values, indices))
    return io_pb2.Column(name="x", values=values, indices=indices, **fields)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (column(["a", "b"], [0, 2]), "indices: expected indices of the 2 values, got 2 in row 1"),
        (column(["a"], [0, -1]), "indices: expected indices of the 1 values, got -1 in row 1"),
        (
            column(["a"], np.array([2**64 - 1], np.uint64)),
            "indices: expected indices of the 1 values, got 18446744073709551615 in row 0",
        ),
        (column(["a"], [0.0]), "indices.data_type: expected integers, got float64"),
        (column(["a"], [True]), "indices.data_type: expected integers, got bool"),
        (column(["a"], [[0]]), "indices.shape: expected one dimension, got 2"),
        (column(["a", "b", "a"], [0]), 'values: expected each string once, got "a" 2 times'),
        (column([1, 2], [0]), "values.data_type: expected strings, as there are indices"),
        (
            column(["a"], [0], valid=encode_array(np.array([True, False]))),
            "valid: expected 1 as in indices, got 2",
        ),
    ],
)
def test_wrong_indices_are_refused(wrong: io_pb2.Column, message: str) -> None:
    with pytest.raises(FieldError) as caught:
        decode_cells(wrong)
    assert message in str(caught.value.violation)


def test_the_index_of_a_null_is_ignored() -> None:
    valid = encode_array(np.array([True, False, False]))
    assert decoded(column(["a"], [0, 7, -7], valid=valid)) == ["a", None, None]
    none = encode_array(np.zeros(2, np.bool_))
    assert decoded(column(np.empty(0, object), [0, 0], valid=none)) == [None, None]


@pytest.mark.parametrize("takes_indices", [False, True])
def test_only_a_server_that_says_so_gets_indices(takes_indices: bool) -> None:
    sent: list[io_pb2.Column] = []

    def many(request: PredictManyRequest, context: object) -> Iterator[PredictManyResponse]:
        sent.extend(request.table.columns)
        yield chunk(0, [0.0] * 8)

    def get_model(name: str) -> models_pb.Model:
        column = models_pb.ColumnSpec(name="x", type=models_pb.COLUMN_TYPE_STRING)
        described = models_pb.TabularInput(columns=[column], takes_indices=takes_indices)
        regression = models_pb.RegressionOutput(targets=["y"])
        return models_pb.Model(name="m", version="v1", tabular=described, regression=regression)

    frame = pd.DataFrame({"x": ["a", None] * 4})
    with serving(many=many, models=Models((), get_model)) as target, Client(target) as client:
        assert client.predict_frame("m", frame)["y"].tolist() == [0.0] * 8
        assert list(map(told, client.predict_many("m", frame))) == [0.0] * 8
    assert [one.HasField("indices") for one in sent] == [takes_indices] * 2
    assert [decoded(one) for one in sent] == [["a", None] * 4] * 2
