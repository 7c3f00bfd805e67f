"""Whatever the table: rows of its own types pass unchanged, and any wrong cell is named."""

import datetime
import json
from typing import Any, Literal, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from learnwire_service import InvalidInput
from learnwire_service.signature.specs import CellType, Column, TabularInput
from learnwire_service.signature.validation import check

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
VALUES: dict[CellType, st.SearchStrategy[Any]] = {
    CellType.STRING: TEXT,
    CellType.INTEGER: st.integers(-(2**53), 2**53),
    CellType.FLOAT: st.floats(-1e30, 1e30),
    CellType.BOOL: st.booleans(),
    CellType.TIMESTAMP: st.datetimes().map(datetime.datetime.isoformat),
}
FRACTIONS = st.floats(-1e6, 1e6).filter(lambda x: not x.is_integer())
NO_CELLS = st.sampled_from([[], {}, b"", 1j, float("nan")])
WRONG: dict[CellType, st.SearchStrategy[Any]] = {
    CellType.STRING: VALUES[CellType.INTEGER] | FRACTIONS | st.booleans() | NO_CELLS,
    CellType.INTEGER: TEXT | FRACTIONS | st.booleans() | NO_CELLS,
    CellType.FLOAT: TEXT | st.booleans() | NO_CELLS,
    CellType.BOOL: TEXT | VALUES[CellType.INTEGER] | FRACTIONS | NO_CELLS,
    CellType.TIMESTAMP: TEXT | VALUES[CellType.INTEGER] | FRACTIONS | st.booleans() | NO_CELLS,
}


class Case(NamedTuple):
    """A table, a row that fits it, and one column's name with a cell that does not fit there."""

    table: TabularInput
    row: dict[str, Any]
    name: str
    wrong: Any


@st.composite
def cases(draw: st.DrawFn) -> Case:
    names = draw(st.lists(TEXT, min_size=1, max_size=5, unique=True))
    columns = tuple(draw(_columns(name)) for name in names)
    row = {column.name: draw(_cells(column)) for column in columns}
    column = draw(st.sampled_from(columns))
    wrong = draw(WRONG[column.type] if column.nullable else WRONG[column.type] | st.none())
    policy: Literal["warn", "refuse"] = draw(st.sampled_from(["warn", "refuse"]))
    return Case(TabularInput(columns=columns, unknown_categories=policy), row, column.name, wrong)


@st.composite
def _columns(draw: st.DrawFn, name: str) -> Column:
    cell_type = draw(st.sampled_from(CellType))
    known = draw(st.none() | st.lists(VALUES[cell_type], min_size=1, max_size=3, unique=True))
    categories = None if known is None else tuple(known)
    nullable = draw(st.booleans())
    nulls: Literal["seen", "unseen"] = "seen" if nullable else "unseen"
    return Column(name=name, type=cell_type, categories=categories, nullable=nullable, nulls=nulls)


def _cells(column: Column) -> st.SearchStrategy[Any]:
    known = column.categories
    cells = VALUES[column.type] if known is None else st.sampled_from(known)
    return cells | st.none() if column.nullable else cells


@given(cases(), st.randoms(use_true_random=False))
def test_a_row_of_the_tables_own_types_passes_unchanged(case: Case, random: Any) -> None:
    shuffled = list(case.row.items())
    random.shuffle(shuffled)
    checked = check(case.table, dict(shuffled), max_text_chars=100)
    assert isinstance(checked.item, dict)
    assert list(checked.item.items()) == list(case.row.items())
    assert [type(cell) for cell in checked.item.values()] == [
        type(cell) for cell in case.row.values()
    ]
    assert checked.warnings == ()


@given(cases())
def test_a_single_cell_of_a_wrong_type_is_the_only_violation(case: Case) -> None:
    with pytest.raises(InvalidInput) as caught:
        check(case.table, case.row | {case.name: case.wrong}, max_text_chars=100)
    [violation] = caught.value.violations
    assert violation.field == f"row.cells[{json.dumps(case.name, ensure_ascii=False)}]"
    assert violation.description.startswith("expected ")


@given(cases())
def test_a_single_missing_column_is_the_only_violation(case: Case) -> None:
    rest = {name: cell for name, cell in case.row.items() if name != case.name}
    with pytest.raises(InvalidInput, match="the column is missing") as caught:
        check(case.table, rest, max_text_chars=100)
    assert len(caught.value.violations) == 1


@given(cases(), TEXT)
def test_an_extra_column_is_dropped_with_a_warning(case: Case, extra: str) -> None:
    row = {extra: "anything"} | case.row
    checked = check(case.table, row, max_text_chars=100)
    assert checked.item == case.row
    assert len(checked.warnings) == len(row) - len(case.row)
