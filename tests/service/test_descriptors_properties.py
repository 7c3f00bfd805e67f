"""Whatever values come, a descriptor gives what it promises or refuses them by path."""

from typing import Any

import learnwire_service as lw
import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

DTYPES = ["int8", "uint16", "int64", "float16", "float32", "float64", "bool"]
COLUMN_TYPES = [*DTYPES, "Int32", "boolean", "str", "datetime64[ns]"]
cells = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(),
    st.text(st.characters(codec="utf-8"), max_size=8),
    st.datetimes().map(lambda time: time.isoformat()),
)
any_array = arrays.arrays(
    st.sampled_from([np.dtype(name) for name in DTYPES]),
    arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
)


@given(any_array, st.sampled_from(DTYPES))
def test_an_array_is_cast_without_loss_or_refused(array: Any, dtype: str) -> None:
    found, paths = checked(lw.NdArray(dtype), array)
    if paths:
        assert (paths, array.size > 0) == ({"array"}, True)
        return
    assert (found.dtype, found.shape) == (np.dtype(dtype), array.shape)
    if found.dtype.kind == array.dtype.kind == "f":
        assert (np.isfinite(found) == np.isfinite(array)).all()
        np.testing.assert_allclose(found, array, rtol=1e-3, atol=1e-4)
    else:
        # As Python's numbers, of any size.
        assert found.ravel().tolist() == array.ravel().tolist()


@given(any_array, st.lists(st.integers(-1, 3), max_size=3))
def test_a_shape_is_matched_size_by_size(array: Any, shape: list[int]) -> None:
    fits = len(shape) == array.ndim and all(
        wanted in (-1, size) for wanted, size in zip(shape, array.shape, strict=True)
    )
    _, paths = checked(lw.NdArray(shape=shape, enforce_shape=True), array)
    assert paths == (set() if fits else {"array.shape"})


@given(st.text(st.characters(), max_size=8), st.integers(1, 5))
def test_a_text_is_whole_and_within_its_bound(text: str, most: int) -> None:
    found, paths = checked(lw.Text(max_chars=most), text)
    fits = len(text) <= most and not any("\ud800" <= one <= "\udfff" for one in text)
    assert (found, paths) == ((text, set()) if fits else (None, {"text.content"}))


@given(st.lists(cells, min_size=1, max_size=4), st.sampled_from(COLUMN_TYPES))
def test_rows_and_tables_agree_on_what_fits(column: list[Any], dtype: str) -> None:
    table = lw.Table(dtypes={"c": dtype})
    rows = [{"c": cell} for cell in column]
    alone = [fitting(lw.TabularRow(dtypes={"c": dtype}), row) for row in rows]
    together = fitting(table, rows)
    assert (together is None) == any(one is None for one in alone)
    framed = fitting(table, pd.DataFrame({"c": pd.Series(column, dtype=object)}))
    assert (framed is None) == (together is None)
    if together is not None and framed is not None:
        pd.testing.assert_frame_equal(together, framed)
        assert str(together["c"].dtype) == dtype
        same = [row["c"] for row in alone if row is not None]
        pd.testing.assert_series_equal(together["c"], pd.Series(same, dtype=dtype, name="c"))


@given(st.lists(st.floats() | st.integers(-(2**53), 2**53), min_size=1), st.sampled_from(DTYPES))
def test_numbers_fit_at_once_as_they_do_one_by_one(column: list[Any], dtype: str) -> None:
    numbers = pd.Series(column)
    table = lw.Table(dtypes={"c": dtype})
    at_once = fitting(table, pd.DataFrame({"c": numbers}))
    one_by_one = fitting(table, pd.DataFrame({"c": numbers.astype(object)}))
    assert (at_once is None) == (one_by_one is None)
    if at_once is not None and one_by_one is not None:
        pd.testing.assert_frame_equal(at_once, one_by_one)


def fitting(descriptor: Any, value: object) -> Any:
    """Give the checked row or frame, or None where it is refused."""
    found, paths = checked(descriptor, value)
    assert all(path.startswith(("row.", "rows.", "table.")) for path in paths)
    return found


def checked(descriptor: Any, value: object) -> tuple[Any, set[str]]:
    """Give the checked value, or None and the paths of what is wrong."""
    try:
        return descriptor.check(value), set()
    except lw.InvalidInput as error:
        return None, {violation.field for violation in error.violations}
