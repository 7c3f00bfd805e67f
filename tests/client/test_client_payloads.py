"""What goes into endpoints and comes out of them: there, over the wire, and back."""

import sys
from typing import Any

import hypothesis.extra.numpy as npst
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from learnwire.v1 import endpoint_service_pb2 as pb
from learnwire.v1 import io_pb2
from learnwire_client import InvalidInput, Mask, MultiLabel, Prediction, Regression, SingleLabel
from learnwire_client.arrays import encode_array
from learnwire_client.errors import FieldError
from learnwire_client.payloads import decode_payload, encode_payload, filled
from learnwire_client.prediction import Points, Several

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
CELLS = st.one_of(
    *(st.none(), st.booleans(), st.integers(-(2**53), 2**53), WORDS),
    st.floats(allow_nan=False, allow_infinity=False),
)
ARRAYS = st.sampled_from(["?", "i1", "u8", "f2", "f8"]).flatmap(
    lambda name: npst.arrays(name, npst.array_shapes(min_dims=0, max_side=4))
)
COLUMNS: dict[str, st.SearchStrategy[Any]] = {
    "string": WORDS | st.none(),
    "boolean": st.booleans() | st.none(),
    "bool": st.booleans(),
    "Int64": st.integers(-(2**63), 2**63 - 1) | st.none(),
    "int16": st.integers(-(2**15), 2**15 - 1),
    "float32": st.floats(width=32),
    "float64": st.floats(),
}
PROBABILITIES = np.array([0.25, 0.75], np.float32)
IMAGE = np.array([[0, 1, 1]])
LABEL = SingleLabel("yes", 1, PROBABILITIES)
PREDICTIONS: list[Prediction[Any, Any]] = [
    SingleLabel("no", 0, PROBABILITIES).signed("m", "v1", warnings=("ignored: x",)),
    MultiLabel(("b",), np.array([False, True]), PROBABILITIES),
    Regression.of(PROBABILITIES),
    Mask(IMAGE, IMAGE, np.zeros((2, 1, 3), np.float32)),
    Points(*np.ones((3, 2, 2), np.float32)),
    Several.of([LABEL, Regression.of(PROBABILITIES)]),
]


def round_trip(value: Any) -> Any:
    sent = encode_payload(value).SerializeToString()
    return decode_payload(pb.Payload.FromString(sent), lambda tag: ())


@settings(deadline=None)
@given(WORDS)
def test_a_text_comes_back(text: str) -> None:
    assert round_trip(text) == text


@settings(deadline=None)
@given(st.dictionaries(WORDS, CELLS, max_size=4))
def test_a_row_comes_back(row: dict[str, Any]) -> None:
    back = round_trip(row)
    assert list(back.items()) == list(row.items())
    assert {name: type(cell) for name, cell in back.items()} == {
        name: type(cell) for name, cell in row.items()
    }


@settings(deadline=None)
@given(ARRAYS)
def test_an_array_comes_back_and_may_be_written_to(array: np.ndarray[Any, Any]) -> None:
    back = round_trip(array)
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)
    assert back.flags.writeable


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    size = draw(st.integers(0, 4))
    kinds = draw(st.dictionaries(WORDS, st.sampled_from(sorted(COLUMNS)), min_size=1, max_size=4))
    return pd.DataFrame(
        {
            name: pd.Series(draw(st.lists(COLUMNS[k], min_size=size, max_size=size)), dtype=k)
            for name, k in kinds.items()
        }
    )


@settings(deadline=None)
@given(frames())
def test_a_table_comes_back_with_its_types_and_nulls(frame: pd.DataFrame) -> None:
    back = round_trip(frame)
    for name, column in frame.items():
        pd.testing.assert_series_equal(
            back[name].astype(object), column.astype(object), check_exact=True
        )
        if column.notna().any():
            # Without nulls among them, integers and bools need no nullable type.
            plain = {"Int64": "int64", "boolean": "bool"} if column.notna().all() else {}
            assert back[name].dtype == plain.get(str(column.dtype), column.dtype)


@pytest.mark.parametrize(
    "index",
    [
        pd.RangeIndex(2),
        pd.RangeIndex(3, 1, -1),
        pd.Index([7, 7], name="id"),
        pd.RangeIndex(2, name="n"),
        pd.Index(["b", "a"]),
        pd.Index([0.5, 2.0]),
        pd.Index([2**64 - 1, 0]),
    ],
)
def test_a_tables_index_comes_back(index: "pd.Index[Any]") -> None:
    frame = pd.DataFrame({"a": [1, 2]}, index)
    pd.testing.assert_frame_equal(round_trip(frame), frame, check_index_type="equiv")
    is_default = index.name is None and index.equals(pd.RangeIndex(2))
    assert encode_payload(frame).table.HasField("index") != is_default


@pytest.mark.parametrize(
    ("index", "problem"),
    [
        (pd.MultiIndex.from_tuples([(1, 2), (1, 3)]), "got several levels"),
        (pd.date_range("2024-05-31", periods=2), "got datetime64"),
        (pd.Index(["a", None]), "got"),
        (pd.Index([1, "a"]), "got mixed-integer"),
    ],
)
def test_an_index_that_would_be_lost_is_refused(index: "pd.Index[Any]", problem: str) -> None:
    with pytest.raises(FieldError, match=rf"table.index: .*{problem}.*reset_index\(\)"):
        encode_payload(pd.DataFrame({"a": [1, 2]}, index))


def test_an_index_that_is_none_is_refused() -> None:
    message = encode_payload(pd.DataFrame({"a": [1, 2]}, ["x", "y"]))
    message.table.index.values.CopyFrom(encode_array(np.array([1])))
    with pytest.raises(FieldError, match=r"table.index.values: expected a label for each of 2"):
        decode_payload(message, lambda tag: ())


def test_a_table_as_pandas_makes_it_comes_back() -> None:
    frame = pd.DataFrame({"a": ["x", None], "day": [pd.Timestamp("2024-05-31"), None]})
    back = round_trip(frame)
    assert back["a"].fillna("null").tolist() == ["x", "null"]
    assert back["day"].fillna("null").tolist() == ["2024-05-31T00:00:00", "null"]


def test_a_table_needs_pandas_and_says_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = encode_payload(pd.DataFrame({"a": [1]}))
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"pip install learnwire\[pandas\]"):
        decode_payload(sent, lambda tag: ())


@pytest.mark.parametrize("prediction", PREDICTIONS, ids=lambda one: type(one).__name__)
def test_a_prediction_comes_back(prediction: Prediction[Any, Any]) -> None:
    back = round_trip(prediction)
    assert type(back) is type(prediction)
    assert repr(back) == repr(prediction)
    if not isinstance(prediction, Several):
        for got, sent in zip(back, prediction, strict=True):
            np.testing.assert_array_equal(got, sent)


def test_a_series_is_a_row_and_its_nan_is_null() -> None:
    assert round_trip(pd.Series({"a": np.nan, "b": 1.5})) == {"a": None, "b": 1.5}


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ("\ud800", "text.content"),
        ({"a": [1]}, 'row.cells["a"]'),
        (pd.DataFrame({"a": [1], 2: [3]}), "table.columns[1].name"),
        (np.zeros(2, "M8[s]"), "array.data_type"),
    ],
)
def test_what_has_no_form_on_the_wire_is_refused_with_its_place(value: Any, field: str) -> None:
    with pytest.raises(InvalidInput) as one:
        filled(pb.CallRequest(), value, None)
    assert [violation.field for violation in one.value.violations] == [f"input.{field}"]
    with pytest.raises(InvalidInput) as named:
        filled(pb.CallStreamRequest(), ..., {"good": "a", "bad": value})
    assert named.value.violations[0].field == f"inputs.bad.{field}"


@pytest.mark.parametrize("value", [None, 1j, {1}])
def test_a_value_of_no_kind_is_a_type_error_that_names_its_place(value: Any) -> None:
    with pytest.raises(TypeError, match=r"^input: expected a str .* got "):
        filled(pb.CallRequest(), value, None)
    with pytest.raises(TypeError, match=r"^inputs\.row: expected a str .* got "):
        filled(pb.CallRequest(), ..., {"row": value})


def test_one_input_and_inputs_by_name_are_refused_together() -> None:
    with pytest.raises(TypeError, match="got both"):
        filled(pb.CallRequest(), "a", {"b": "c"})


def column(name: str, *values: float, **fields: Any) -> io_pb2.Column:
    return io_pb2.Column(name=name, values=encode_array(np.array(values)), **fields)


@pytest.mark.parametrize(
    ("columns", "field"),
    [
        ([column("a", 1, 2), column("b", 1)], "columns[1].values"),
        ([column("a", 1), column("a", 1)], "columns[1].name"),
        ([column("a", 1, valid=encode_array(np.ones(2, np.bool_)))], "columns[0].valid"),
        ([column("a", 1, valid=encode_array(np.ones(1)))], "columns[0].valid"),
        ([io_pb2.Column(name="a", values=encode_array(np.eye(2)))], "columns[0].values.shape"),
        ([io_pb2.Column(name="a")], "columns[0].values.data_type"),
    ],
)
def test_a_table_that_contradicts_itself_cannot_be_read(
    columns: list[io_pb2.Column], field: str
) -> None:
    with pytest.raises(FieldError) as caught:
        decode_payload(pb.Payload(table=io_pb2.Table(columns=columns)), lambda tag: ())
    assert caught.value.violation.field == f"table.{field}"


def test_an_answer_of_an_unknown_kind_cannot_be_read() -> None:
    with pytest.raises(FieldError, match="this client knows"):
        decode_payload(pb.Payload(), lambda tag: ())
