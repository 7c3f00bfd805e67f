"""DataFrames for models: rows as columns on the way in, aligned arrays on the way out."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from learnwire_client.errors import FieldError, Violation
from learnwire_client.prediction import AnyPrediction, Predictions
from learnwire_client.rows import to_cells
from learnwire_client.tables import checked_name, rows_of, to_arrays
from numpy.typing import NDArray

from ..common.errors import Asked, InvalidInput
from .answers import Outcomes, Stacked
from .columns import Cells, Columns
from .specs import (
    HeadSpec,
    MultiLabelOutput,
    OutputSpec,
    RegressionOutput,
    SeveralOutput,
    SingleLabelOutput,
)

if TYPE_CHECKING:
    import pandas as pd

# Between so many rows others have their turn.
_ROWS = 1024
# So many of the rows that do not fit are told of.
_MOST_TOLD = 10


def slices_of(frame: "pd.DataFrame") -> Iterator[Columns | list[object]]:
    """Cut a frame into runs of rows: columns, or rows where a column is none.

    Such rows are dicts; one with a cell that no model takes is its error.

    Raises:
        InvalidInput: a column's name is no str, or stands twice.
    """
    seen: set[str] = set()
    for position, name in enumerate(frame):
        try:
            checked_name(name, seen)
        except FieldError as error:
            with InvalidInput.of(Asked({"table": frame}, "table")):
                raise InvalidInput([error.below(f"table.columns[{position}]").violation]) from None
    for start in range(0, len(frame), _ROWS):
        rows = frame.iloc[start : start + _ROWS]
        try:
            cells = {str(name): Cells(*to_arrays(str(name), one)) for name, one in rows.items()}
            yield Columns(cells, len(rows))
        except FieldError:
            # One by one the rows with wrong cells fail alone.
            yield [_row(row) for row in rows_of(rows)]


def _row(row: "pd.Series[Any]") -> object:
    try:
        return to_cells(row)
    except FieldError as error:
        return InvalidInput([error.violation]).below("row")


def aligned(spec: OutputSpec, outcomes: Outcomes) -> Predictions:
    """Give answers as aligned arrays.

    Raises:
        InvalidInput: rows do not fit the model; the paths tell which.
        LearnwireError: what else became of the first row that has no answer.
    """
    if not isinstance(outcomes, Stacked):
        _raise_first([(i, one) for i, one in enumerate(outcomes) if isinstance(one, Exception)])
    answers: Sequence[Any] = outcomes
    predictions = Predictions(*_arrays(spec, answers))
    predictions.rows = answers
    return predictions


def _raise_first(failed: Sequence[tuple[int, Exception]]) -> None:
    misfits = [(i, error) for i, error in failed if isinstance(error, InvalidInput)]
    if misfits:
        told = misfits[:_MOST_TOLD]
        found = InvalidInput([_in_row(i, one) for i, error in told for one in error.violations])
        rows = {f"rows.rows[{i}]": error.asked.values["row"] for i, error in told if error.asked}
        found.asked = Asked(rows, "row")
        raise found
    for _, error in failed:
        raise error


def _in_row(row: int, violation: Violation) -> Violation:
    path = violation.field.removeprefix("row")
    return Violation(f"rows.rows[{row}]{path}", violation.description)


def _arrays(spec: OutputSpec, answers: Sequence[AnyPrediction]) -> tuple[Any, Any, Any]:
    if isinstance(spec, SeveralOutput):
        heads = [
            _head(head, [answer.heads[i] for answer in answers])  # type: ignore[attr-defined]
            for i, head in enumerate(spec.heads)
        ]
        labels, indices, probabilities = zip(*heads, strict=True)
        return labels, indices, probabilities
    return _head(spec, answers)


def _head(spec: HeadSpec, answers: Sequence[AnyPrediction]) -> tuple[Any, Any, Any]:
    match spec:
        case SingleLabelOutput(classes=classes):
            indices = _stacked(answers, "decoded", "index", np.int64, ())
            labels = np.array(classes, object)[indices]
            width = len(classes)
        case MultiLabelOutput(classes=classes):
            indices = _stacked(answers, "decoded", "index", np.bool_, (len(classes),))
            labels = np.fromiter((answer.label for answer in answers), object, len(answers))
            width = len(classes)
        case RegressionOutput(targets=targets):
            values = _stacked(
                answers, "probabilities", "probabilities", np.float32, (len(targets),)
            )
            return values, values, values
        case _:  # pragma: no cover - no model of rows answers masks or points
            raise NotImplementedError(spec)
    probabilities = _stacked(answers, "probabilities", "probabilities", np.float32, (width,))
    return labels, indices, probabilities


def _stacked(
    answers: Sequence[AnyPrediction], column: str, part: str, dtype: Any, shape: tuple[int, ...]
) -> NDArray[Any]:
    if isinstance(answers, Stacked):
        found: NDArray[Any] = getattr(answers, column).astype(dtype, copy=False)
        return found
    parts = [getattr(answer, part) for answer in answers]
    return np.array(parts, dtype).reshape(len(parts), *shape)
