import datetime
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from learnwire_client.errors import Violation
from learnwire_service import InvalidInput
from learnwire_service.signature.specs import (
    ArrayInput,
    ArraysInput,
    CellType,
    Column,
    InputSpec,
    TabularInput,
    TextInput,
)
from learnwire_service.signature.validation import check

MORNING = "2026-01-01T08:00:00"
TABLE = TabularInput(
    columns=(
        Column(
            name="shop",
            type=CellType.STRING,
            categories=("north", "south"),
            nullable=True,
            nulls="seen",
        ),
        Column(name="size", type=CellType.INTEGER, categories=(1, 2, 3), nullable=False),
        Column(
            name="open", type=CellType.BOOL, categories=(False, True), nullable=True, nulls="seen"
        ),
        Column(name="price", type=CellType.FLOAT, nullable=False),
        Column(name="weight", type=CellType.FLOAT, nullable=True),
        Column(name="count", type=CellType.INTEGER, nullable=False),
        Column(name="day", type=CellType.TIMESTAMP, categories=(MORNING,), nullable=False),
        Column(name="note", type=CellType.STRING, nullable=False),
    )
)
STRICT = TABLE.model_copy(update={"unknown_categories": "refuse"})
ROW: dict[str, Any] = {
    "shop": "north", "size": 2, "open": True, "price": 1.5, "weight": None, "count": 7,
    "day": MORNING, "note": "",
}  # fmt: skip
GREY = ArrayInput(shape=(-1, -1), dtype="uint8", axes=("height", "width"))
PAIR = ArraysInput(arrays=(GREY, ArrayInput(shape=(2,), dtype="float32", axes=("a",))))


def violations(spec: InputSpec, value: object, max_text_chars: int = 100) -> list[Violation]:
    with pytest.raises(InvalidInput) as caught:
        check(spec, value, max_text_chars=max_text_chars)
    return list(caught.value.violations)


def checked(spec: InputSpec, value: object) -> tuple[Any, tuple[str, ...]]:
    found = check(spec, value, max_text_chars=100)
    return found.item, found.warnings


def test_a_row_that_fits_passes_as_it_is_in_the_columns_order() -> None:
    shuffled = {name: ROW[name] for name in reversed(ROW)}
    for row in (ROW, shuffled, MappingProxyType(shuffled), pd.Series(shuffled, dtype=object)):
        item, warnings = checked(TABLE, row)
        assert list(item.items()) == list(ROW.items())
        assert [type(cell) for cell in item.values()] == [type(cell) for cell in ROW.values()]
        assert warnings == ()


@pytest.mark.parametrize(
    ("name", "cell", "description"),
    [
        ("day", 20260101, "expected a timestamp, got the number 20260101"),
        ("day", "tomorrow", "expected an ISO 8601 timestamp such as 2024-05-31T12:00:00, got the "
         'string "tomorrow"'),
        ("day", "2026-02-30", "expected an ISO 8601 timestamp such as 2024-05-31T12:00:00, got the "
         'string "2026-02-30"'),
        ("size", "2", 'expected an integer, got the string "2"; send the number without quotes'),
        ("price", "1.5", 'expected a float, got the string "1.5"; send the number without quotes'),
        ("price", "", 'expected a float, got the string ""; send the number without quotes'),
        ("shop", 1, "expected a string or null, got the number 1"),
        ("shop", True, "expected a string or null, got true"),
        ("open", 1, "expected a bool or null, got the number 1"),
        ("open", "true", 'expected a bool or null, got the string "true"'),
        ("size", True, "expected an integer, got true"),
        ("price", False, "expected a float, got false"),
        ("price", np.True_, "expected a float, got true"),
        ("size", 2.5, "expected an integer within 2^53, got 2.5"),
        ("count", 2**53 + 1, f"expected an integer within 2^53, got {2**53 + 1}"),
        ("count", -1e300, "expected an integer within 2^53, got -1e+300"),
        ("price", float("inf"), "expected a finite number, got inf"),
        ("price", float("-inf"), "expected a finite number, got -inf"),
        ("price", float("nan"), "expected a finite number, got nan"),
        ("weight", float("nan"),
         "expected a finite number, got nan; a missing value is null"),
        ("count", float("inf"), "expected a finite number, got inf"),
        ("price", None, "expected a float, got null"),
        ("size", None, "expected an integer, got null"),
    ],
)  # fmt: skip
def test_a_cell_that_fastai_would_take_for_something_else_is_refused(
    name: str, cell: object, description: str
) -> None:
    assert violations(TABLE, ROW | {name: cell}) == [Violation(f'row.cells["{name}"]', description)]


@pytest.mark.parametrize(
    "cell", [[], {}, b"north", 1j, object(), np.array(1.5), np.timedelta64(1, "ns"), np.zeros(2)]
)
@pytest.mark.parametrize("name", ["shop", "price", "count", "day"])
def test_what_is_no_cell_at_all_is_refused_by_its_type(name: str, cell: object) -> None:
    [violation] = violations(TABLE, ROW | {name: cell})
    assert violation.field == f'row.cells["{name}"]'
    assert violation.description.startswith("expected a ")
    assert violation.description.endswith(f"got {type(cell).__name__}")


@pytest.mark.parametrize(
    "day",
    [
        pd.Timestamp(MORNING),
        datetime.datetime.fromisoformat(MORNING),
        np.datetime64(MORNING, "ns"),
    ],
)
def test_a_timestamp_as_libraries_hold_it_is_taken_where_one_is_expected(day: object) -> None:
    for row in (ROW | {"day": day}, pd.Series(ROW | {"day": day}, dtype=object)):
        assert checked(TABLE, row)[0] == ROW
    [violation] = violations(TABLE, ROW | {"price": day})
    assert violation.description.startswith("expected a float, got")


@pytest.mark.parametrize("cell", [3.5e38, 1e39, -1e300])
def test_a_number_that_is_infinite_to_the_model_is_refused(cell: float) -> None:
    [violation] = violations(TABLE, ROW | {"price": cell})
    assert violation.field == 'row.cells["price"]'


@pytest.mark.parametrize(
    ("name", "cell", "taken"),
    [
        ("size", 2.0, 2),
        ("size", np.int8(2), 2),
        ("count", float(2**53), 2**53),
        ("count", -(2**53), -(2**53)),
        ("price", 3, 3.0),
        ("price", np.float32(0.5), 0.5),
        ("price", 1e38, 1e38),
        ("open", np.False_, False),
        ("shop", np.str_("south"), "south"),
        ("weight", None, None),
        ("shop", None, None),
        ("day", "2026-01-01 08:00", MORNING),
        ("day", "20260101T08", MORNING),
        ("note", "anything", "anything"),
    ],
)
def test_a_cell_is_brought_to_its_columns_own_type(name: str, cell: object, taken: object) -> None:
    item, warnings = checked(TABLE, ROW | {name: cell})
    assert item == ROW | {name: taken}
    assert isinstance(item[name], type(taken))
    assert warnings == ()


@pytest.mark.parametrize("missing", [np.nan, pd.NA, pd.NaT, None])
def test_what_pandas_calls_missing_is_null_in_a_series(missing: object) -> None:
    item, _ = checked(TABLE, pd.Series(ROW | {"weight": missing}, dtype=object))
    assert item["weight"] is None


@pytest.mark.parametrize("name", list(ROW))
def test_a_missing_column_is_named_with_what_was_expected(name: str) -> None:
    [violation] = violations(TABLE, {other: ROW[other] for other in ROW if other != name})
    assert violation.field == f'row.cells["{name}"]'
    assert violation.description.startswith("expected a")
    assert violation.description.endswith("got nothing: the column is missing")


def test_every_faulty_cell_of_a_row_is_named() -> None:
    found = violations(TABLE, ROW | {"shop": 1, "size": None, "price": "1", "note": "x" * 101})
    assert [violation.field for violation in found] == [
        f'row.cells["{name}"]' for name in ("shop", "size", "price", "note")
    ]
    assert found[-1].description == "expected at most 100 characters, got 101"


def test_an_extra_column_is_ignored_with_a_warning() -> None:
    item, warnings = checked(TABLE, ROW | {"colour": "red"})
    assert item == ROW
    assert warnings == ('ignored, not among the model\'s columns: "colour"',)


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("shop", "east"),
        ("shop", "North"),
        ("shop", "#na#"),
        ("size", 4),
        ("day", "2026-01-02T00:00:00"),
    ],
)
def test_an_unknown_category_warns_or_is_refused_as_the_model_was_saved(
    name: str, cell: object
) -> None:
    item, [warning] = checked(TABLE, ROW | {name: cell})
    assert item[name] == cell
    assert warning.startswith(f'column "{name}": the ')
    assert str(cell) in warning
    assert "was treated as missing" in warning
    [violation] = violations(STRICT, ROW | {name: cell})
    assert violation.field == f'row.cells["{name}"]'
    assert violation.description.startswith("expected one of")


def test_many_categories_are_not_all_listed() -> None:
    column = Column(name="id", type=CellType.INTEGER, categories=tuple(range(1000)), nullable=False)
    spec = TabularInput(columns=(column,), unknown_categories="refuse")
    [violation] = violations(spec, {"id": 1000})
    assert violation.description.endswith("the number 9 and 990 more, got the number 1000")


def test_a_text_passes_as_it_is_up_to_the_longest() -> None:
    for text in ("", "a" * 100, "😀" * 100, "xxpad"):
        assert checked(TextInput(), text) == (text, ())


def test_a_longer_text_is_refused() -> None:
    assert violations(TextInput(), "😀" * 101) == [
        Violation("text.content", "expected at most 100 characters, got 101")
    ]


@pytest.mark.parametrize(
    ("spec", "field", "wanted"),
    [
        (TextInput(), "text", "a text"),
        (TABLE, "row", "a row"),
        (GREY, "array", "an array"),
        (PAIR, "arrays", "2 arrays"),
    ],
)
def test_another_kind_of_value_is_refused(spec: InputSpec, field: str, wanted: str) -> None:
    values: dict[str, tuple[str, object]] = {
        "a text": ("a text", "good"),
        "a row": ("a row", ROW),
        "an array": ("an array", np.zeros((2, 2), np.uint8)),
        "null": ("NoneType", None),
        "bytes": ("bytes", b"good"),
        "a number": ("int", 1),
        "a frame": ("DataFrame", pd.DataFrame([ROW])),
    }
    values.pop(wanted, None)
    for got, value in values.values():
        [violation] = violations(spec, value)
        # Behind a semicolon the next step is told, where there is a likely one.
        told = violation.description.partition(";")[0]
        assert (violation.field, told) == (field, f"expected {wanted}, got {got}")


def test_a_row_may_be_any_mapping() -> None:
    row: Mapping[str, Any] = MappingProxyType(ROW)
    assert checked(TABLE, row)[0] == ROW
