"""Frames as a model takes them: without the columns that it does not have."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .answers import Answer
from .errors import CallError, Violation, below
from .frames import Frame, PandasFrame, library_of
from .inputs import refused_below
from .rows import cell_path
from .tables import checked_name, is_table

if TYPE_CHECKING:
    from .model import Model


def opened(values: Any) -> Any:
    """Give a frame of any library as a `Frame`, its column as a list, and all else as it is.

    Raises:
        InvalidInput: a frame has several columns of one name, where its library minds.
    """
    if is_table(values):
        return PandasFrame(values)
    if library_of(values, frames=True):
        # Callers without such a frame do without narwhals.
        from .narwhals_frames import NarwhalsFrame

        with refused_below("table"):
            return NarwhalsFrame.of(values)
    match library_of(values, frames=False):
        case "polars":
            return values.to_list()
        case "pyarrow":
            return values.to_pylist()
    return values


@dataclass(frozen=True)
class Fitted:
    """A frame as a model takes it.

    Attributes:
        frame: without the columns that the model does not have.
        hints: what to do about a column whose cells are of the wrong type, by the field that an
            error of such a cell has.
        repeating: the columns of which the server takes each string once.
    """

    frame: Frame
    hints: Mapping[str, str] = field(default_factory=dict)
    repeating: frozenset[str] = frozenset()

    def hinted(self, error: Answer) -> Answer:
        """Give a row's error with the hints for its cells, and an answer as it is."""
        if not isinstance(error, CallError):
            return error
        message, violations = error.message, []
        for fault in error.violations:
            hinted = Violation(fault.field, fault.description + self.hints.get(fault.field, ""))
            message = message.replace(str(fault), str(hinted))
            violations.append(hinted)
        code, _, *others = error.args
        others[1] = tuple(violations)
        told = type(error)(code, message, *others)
        told.index = error.index
        return told


def fitted(frame: Frame, model: "Model") -> Fitted:
    """Drop the columns that a model does not have, whatever is in them.

    A frame that has none of the model's keeps all, and is refused with those that are missing.

    Raises:
        InvalidInput: a column that is left has no name as str, or that of another one.
    """
    types = {column.name: column.type for column in model.input.columns}
    names = frame.names
    kept = [i for i, name in enumerate(names) if name in types] or list(range(len(names)))
    seen: set[str] = set()
    with refused_below("table"):
        for i in kept:
            with below(f"columns[{i}]"):
                checked_name(names[i], seen)
    texts = [i for i in kept if types.get(names[i]) == "string"]
    numbers = {names[i]: frame.number_type(i) for i in texts}
    hints = {f"row.{cell_path(name)}": _hint(name, kind) for name, kind in numbers.items() if kind}
    repeating = frozenset(names[i] for i in texts if model.input.takes_indices)
    return Fitted(frame if len(kept) == len(names) else frame.only(kept), hints, repeating)


def _hint(name: str, kind: str) -> str:
    return f"; the column is {kind}: read it as text, with dtype={{{name!r}: str}}"
