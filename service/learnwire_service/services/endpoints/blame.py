"""Blame: whether what a runner refused stands in the caller's message, and where there."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from learnwire_client.errors import FieldError, Violation
from learnwire_client.images import is_pil_image
from learnwire_client.rows import cell_path, is_row, to_cells
from learnwire_client.tables import is_table, rows_of

from ...common.errors import Asked, InvalidInput
from ..descriptors.arrays import NdArray
from ..descriptors.base import Descriptor, Text
from ..descriptors.images import Image
from ..descriptors.tabular import Table, TabularRow
from .endpoint import Endpoint, path_of

if TYPE_CHECKING:
    import pandas as pd


def as_callers(
    refused: InvalidInput, endpoint: Endpoint, sent: Mapping[str, object]
) -> InvalidInput | None:
    """Give the error as its caller can read it, with paths in the message that he sent.

    Args:
        refused: what a runner raised.
        endpoint: asked that runner.
        sent: the caller's inputs, decoded once more: the function may have changed its own.

    Returns: None where the runner was asked with something that the caller did not send so.
    """
    assert refused.asked is not None  # noqa: S101 - a runner raised it
    try:
        checked = endpoint.checked_inputs(sent, max_text_chars=None)
    except InvalidInput:  # pragma: no cover - they have been taken before
        return None
    places = [
        place
        for name, value in checked.items()
        for place in _places(endpoint.inputs[name], path_of(name), value, sent[name])
    ]
    found = [_moved(violation, refused.asked, places) for violation in refused.violations]
    moved = [violation for violation in found if violation is not None]
    return endpoint.misfit(moved) if moved and len(moved) == len(found) else None


@dataclass(frozen=True)
class _Place:
    """Somewhere in the caller's message.

    Attributes:
        path: where that is.
        kind: the kind of message there.
        value: what it holds.
        note: put before descriptions, where the path alone does not tell.
        columns: where the columns of a table are, by the paths of its rows' cells; None elsewhere.
    """

    path: str
    kind: str
    value: Any
    note: str = ""
    columns: Mapping[str, str] | None = None

    def below(self, rest: str, description: str) -> Violation:
        """Make a fault of what stands here, whose path goes on so."""
        if self.columns is not None:
            rest = self.columns.get(rest, ".columns")
        return Violation(self.path + rest, self.note + description)

    def holds(self, value: object) -> bool:
        """Tell whether just that stands here."""
        if is_pil_image(self.value):
            return is_pil_image(value) and value == self.value
        if isinstance(self.value, dict):
            return is_row(value) and _cells(value) == self.value
        if isinstance(self.value, np.ndarray):
            return isinstance(value, np.ndarray) and _equal(value, self.value)
        if is_table(self.value):
            return is_table(value) and value.equals(self.value)
        return isinstance(value, str) and value == self.value


def _moved(violation: Violation, asked: Asked, places: Sequence[_Place]) -> Violation | None:
    """Move a fault's path to where the value stands in the caller's message."""
    for root, value in asked.values.items():
        rest = violation.field.removeprefix(root)
        if violation.field.startswith(root) and rest[:1] in ("", ".", "["):
            for place in places:
                if place.kind == (asked.kind or place.kind) and place.holds(value):
                    return place.below(rest, violation.description)
    return None


def _places(descriptor: Descriptor, path: str, value: Any, sent: Any) -> Iterator[_Place]:
    """Give the places of an input: itself first, then its rows or elements."""
    path = f"{path}.{descriptor.field}"
    match descriptor:
        case Text():
            yield _Place(path, "text", value)
        case TabularRow():
            yield _Place(path, "row", _cells(value))
        case Image():
            yield _Place(path, "array", value)
        case NdArray():
            yield _Place(path, "array", value)
            if value.ndim > 1:
                for i, element in enumerate(value):
                    yield _Place(path, "array", element, f"element {i}: ")
        case Table():
            yield _Place(path, "table", value)
            yield from _rows(path, value, sent)


def _rows(path: str, frame: "pd.DataFrame", sent: Any) -> Iterator[_Place]:
    """Give the rows of a table, which was sent as one, or row by row."""
    by_rows = path.removesuffix("table") + "rows.rows"
    names: Any = sent if is_table(sent) else ()
    columns = {f".{cell_path(name)}": f".columns[{k}].values" for k, name in enumerate(names)}
    for i, row in enumerate(rows_of(frame)):
        if is_table(sent):
            yield _Place(path, "row", _cells(row), f"row {i}: ", columns)
        else:
            yield _Place(f"{by_rows}[{i}]", "row", _cells(row))


def _cells(row: Any) -> dict[str, Any] | None:
    """Give a row's cells, with null for what is missing; None where it has others than ours."""
    try:
        cells = to_cells(row)
    except FieldError:
        return None
    return {name: None if cell != cell else cell for name, cell in cells.items()}


def _equal(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> bool:
    nan_is_equal = one.dtype.kind in "fc"
    return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=nan_is_equal)
