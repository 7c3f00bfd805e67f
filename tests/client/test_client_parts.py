from collections.abc import Iterator
from itertools import count, islice
from typing import Any

import grpc
import numpy as np
import pandas as pd
import pytest
from learnwire_client import InvalidInput, ResourceExhausted
from learnwire_client.arrays import decode_array
from learnwire_client.fitting import opened
from learnwire_client.pace import FIRST_ROWS, MAX_ROWS
from learnwire_client.parts import MAX_ITEMS, Part, cut
from learnwire_client.rows import decode_row
from learnwire_client.source import check_values

MIB = 2**20


def parts_of(values: Any, max_bytes: int = 64 * MIB) -> list[Part]:
    return list(cut("m", opened(values), max_bytes))


def only_part(values: Any) -> Part:
    [part] = parts_of(values)
    return part


def test_values_of_each_kind_keep_their_order() -> None:
    texts = only_part(["a", "b"]).request
    rows = only_part([{"x": 1}, pd.Series({"x": 2})]).request
    arrays = only_part([np.zeros(1), np.ones((2, 2))]).request
    several = only_part([(np.zeros(1), np.zeros(2)), (np.zeros(3),)]).request
    assert texts.texts.contents == ["a", "b"]
    assert [decode_row(row)["x"] for row in rows.rows.rows] == [1, 2]
    assert [list(array.shape) for array in arrays.arrays.arrays] == [[1], [2, 2]]
    assert [len(item.arrays) for item in several.arrays_list.items] == [2, 1]
    assert {request.model for request in (texts, rows, arrays, several)} == {"m"}


def test_a_series_of_texts_a_stack_of_arrays_and_a_generator_are_several_values() -> None:
    assert only_part(pd.Series(["a", "b"])).request.texts.contents == ["a", "b"]
    assert len(only_part(np.zeros((3, 2, 2))).request.arrays.arrays) == 3
    assert len(only_part({"x": i} for i in range(2)).request.rows.rows) == 2


@pytest.mark.parametrize(
    ("length", "sizes"),
    [
        (0, []),
        (1, [1]),
        (MAX_ITEMS - 1, [MAX_ITEMS - 1]),
        (MAX_ITEMS, [MAX_ITEMS]),
        (MAX_ITEMS + 1, [MAX_ITEMS, 1]),
        (2 * MAX_ITEMS + 1, [MAX_ITEMS, MAX_ITEMS, 1]),
    ],
)
def test_a_part_has_so_many_items_at_most(length: int, sizes: list[int]) -> None:
    parts = parts_of([str(i) for i in range(length)])
    assert [len(part.request.texts.contents) for part in parts] == sizes
    assert [part.first for part in parts] == [sum(sizes[:i]) for i in range(len(sizes))]
    assert [text for part in parts for text in part.request.texts.contents] == [
        str(i) for i in range(length)
    ]


@pytest.mark.parametrize(
    "length", [0, 1, FIRST_ROWS - 1, FIRST_ROWS, FIRST_ROWS + 1, 3 * FIRST_ROWS]
)
def test_a_frame_is_cut_into_tables_by_its_rows(length: int) -> None:
    parts = parts_of(pd.DataFrame({"x": np.arange(length), "y": "a"}))
    columns = [decode_array(part.request.table.columns[0].values) for part in parts]
    assert [x for column in columns for x in column.tolist()] == list(range(length))
    assert all(len(column) <= FIRST_ROWS for column in columns)
    assert [part.faults for part in parts] == [[None] * len(column) for column in columns]
    assert [part.first for part in parts] == [i * FIRST_ROWS for i in range(len(parts))]


@pytest.mark.parametrize(("seconds", "rows"), [(0.001, MAX_ROWS), (1, FIRST_ROWS)])
def test_a_frame_goes_on_in_longer_tables_where_the_first_were_answered_fast(
    seconds: float, rows: int
) -> None:
    parts = cut("m", opened(pd.DataFrame({"x": np.arange(2 * MAX_ROWS)})), MIB)
    first, second = next(parts), next(parts)
    first.answered_in(seconds)
    third = next(parts)
    assert [part.sent for part in (first, second, third)] == [FIRST_ROWS, FIRST_ROWS, rows]
    assert third.first == 2 * FIRST_ROWS


@pytest.mark.parametrize("max_bytes", [1000, MIB // 4, MIB, 64 * MIB])
@pytest.mark.parametrize("kind", ["texts", "rows", "arrays", "frame"])
def test_a_request_is_smaller_than_the_limit_of_the_channel_and_of_any_server(
    kind: str, max_bytes: int
) -> None:
    lengths = [int(max_bytes * share) // 8 for share in (0.1, 0.9, 5, 0.5, 3.9, 0, 0.3)] * 9
    lengths = [min(length, MIB // 9) for length in lengths]
    values: dict[str, Any] = {
        "texts": ["x" * length for length in lengths],
        "rows": [{"x": "x" * length} for length in lengths],
        "arrays": [np.zeros(length, np.uint8) for length in lengths],
        "frame": pd.DataFrame({"x": ["x" * length for length in lengths], "y": 1}),
    }
    parts = parts_of(values[kind], max_bytes)
    assert all(part.request.ByteSize() <= min(max_bytes, MIB) for part in parts)
    assert sum(part.sent for part in parts) == len(lengths)


@pytest.mark.parametrize("kind", ["texts", "frame"])
def test_an_item_larger_than_a_part_goes_alone(kind: str) -> None:
    texts = ["a", "x" * 2 * MIB, "b"]
    parts = parts_of(texts if kind == "texts" else pd.DataFrame({"x": texts}))
    assert [part.sent for part in parts] == [1, 1, 1]


@pytest.mark.parametrize("kind", ["texts", "frame"])
def test_an_item_larger_than_the_channel_takes_fails_alone_with_the_next_step(kind: str) -> None:
    texts = ["a", "x" * 2000, "b"]
    parts = parts_of(texts if kind == "texts" else pd.DataFrame({"x": texts}), 1000)
    first, fault, last = (fault for part in parts for fault in part.faults)
    assert first is last is None
    assert isinstance(fault, ResourceExhausted)
    assert "max_message_bytes" in fault.message


def test_a_value_that_cannot_be_sent_is_left_out_and_its_fault_is_kept() -> None:
    part = only_part([{"x": 1}, {"x": []}, {"x": 3}])
    assert [decode_row(row)["x"] for row in part.request.rows.rows] == [1, 3]
    first, fault, last = part.faults
    assert first is last is None
    assert fault is not None
    assert fault.violations[0].field == 'row.cells["x"]'


@pytest.mark.parametrize(("value", "hint"), [(None, "NoneType"), ({1}, "set"), (1.5, "float")])
def test_a_value_of_another_type_fails_alone(value: Any, hint: str) -> None:
    first, fault, last = only_part(["a", value, "b"]).faults
    assert first is last is None
    assert isinstance(fault, InvalidInput)
    assert fault.code is grpc.StatusCode.INVALID_ARGUMENT
    assert hint in fault.message


def test_a_value_of_another_kind_than_the_first_fails_alone() -> None:
    values: list[Any] = ["a"] * MAX_ITEMS + [{"x": 1}, "b", np.zeros(1)]
    part = parts_of(values)[-1]
    assert part.request.texts.contents == ["b"]
    assert [fault and str(fault.violations[0]) for fault in part.faults] == [
        "row: expected text as before, got row",
        None,
        "array: expected text as before, got array",
    ]


def test_a_bad_cell_of_a_frame_fails_alone() -> None:
    frame = pd.DataFrame({"x": pd.Series([1, b"", None, "a"], dtype=object), "y": [1, 2, 3, 4]})
    part = only_part(frame)
    assert [decode_row(row) for row in part.request.rows.rows] == [
        {"x": 1, "y": 1},
        {"x": None, "y": 3},
        {"x": "a", "y": 4},
    ]
    fault = part.faults[1]
    assert fault is not None
    assert fault.violations[0].field == 'row.cells["x"]'


def test_only_the_rows_around_a_bad_cell_go_one_by_one() -> None:
    parts = parts_of(pd.DataFrame({"x": [*range(FIRST_ROWS - 1), b""]}, dtype=object))
    assert [part.first for part in parts if part.request.HasField("rows")] == [
        FIRST_ROWS - MAX_ITEMS
    ]
    faults = [fault for part in parts for fault in part.faults]
    assert faults[:-1] == [None] * (FIRST_ROWS - 1)
    assert isinstance(faults[-1], InvalidInput)
    assert faults[-1].index == FIRST_ROWS - 1


@pytest.mark.parametrize("values", ["text", b"text", {"x": 1}, 5, None, np.array(1)])
def test_one_value_is_not_taken_for_many(values: Any) -> None:
    with pytest.raises(TypeError):
        check_values(values)


def test_values_are_read_only_when_a_part_is_asked_for() -> None:
    read = count()
    parts = cut("m", (str(next(read)) for _ in count()), MIB)
    assert next(read) == 0
    assert len(list(islice(parts, 2))) == 2
    assert next(read) <= 2 * MAX_ITEMS + 2


def test_what_reading_the_values_raises_is_kept_behind_those_read_before() -> None:
    def values() -> Iterator[str]:
        yield from ["a", "b"]
        raise OSError("the file is gone")

    part = only_part(values())
    assert part.request.texts.contents == ["a", "b"]
    assert isinstance(part.failure, OSError)
