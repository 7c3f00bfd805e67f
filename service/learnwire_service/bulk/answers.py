"""Answers as a table of the output's columns."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from learnwire_client import CallError
from learnwire_client.answer_columns import number, probability
from learnwire_client.answers import Answer
from learnwire_client.model import Model

from .errors import BulkRefused
from .records import Record

# What the columns of an output's numbers are called.
_NAMES = {"single_label": probability, "multi_label": probability, "regression": number}
# They are not the output's, but the errors' file's.
FAULT_COLUMNS = ("field", "reason")


class AnswerTable:
    """Lays out answers in columns.

    Args:
        model: what answers.
        folder: where the images are, whose names have a column; None for a file's rows.

    Raises:
        BulkRefused: such answers fit in no columns.
    """

    def __init__(self, model: Model, folder: Path | None) -> None:
        output = model.output
        if output.kind not in _NAMES:
            raise BulkRefused(
                f"the answers of {model.tag} fit in no columns: "
                "ask it with predict_many of the Python client"
            )
        self._folder = folder
        self._kind = output.kind
        self._names = output.names
        self.schema = pa.schema(self._fields())

    def build(self, first: int, records: Sequence[Record], answers: Sequence[Answer]) -> Any:
        """Make the table of some records' answers, the first of which is row `first`."""
        rows = [
            [first + place, *self._file(record), *self._cells(answer)]
            for place, (record, answer) in enumerate(zip(records, answers, strict=True))
        ]
        columns = zip(*rows, strict=True)
        arrays = [pa.array(c, f.type) for c, f in zip(columns, self.schema, strict=True)]
        return pa.Table.from_arrays(arrays, schema=self.schema)

    def _fields(self) -> Iterator[Any]:
        yield pa.field("row", pa.int64())
        if self._folder is not None:
            yield pa.field("file", pa.string())
        if self._kind != "regression":
            yield pa.field("label", pa.string())
        for name in self._names:
            yield pa.field(_NAMES[self._kind](name), pa.float32())
        for name in ("warnings", "error", *FAULT_COLUMNS):
            yield pa.field(name, pa.string())

    def _file(self, record: Record) -> list[str]:
        if self._folder is None or not isinstance(record, Path):
            return []
        name = record.relative_to(self._folder).as_posix()
        # Linux takes names that no text can hold.
        return [name.encode(errors="backslashreplace").decode()]

    def _cells(self, answer: Answer) -> list[Any]:
        labels = 0 if self._kind == "regression" else 1
        if isinstance(answer, CallError):
            return [*[None] * (labels + len(self._names)), None, *_fault(answer)]
        label = answer.label if self._kind == "single_label" else ";".join(map(str, answer.label))
        warnings = "; ".join(answer.warnings) or None
        faultless = [None, None, None]
        return [*[label][:labels], *answer.probabilities.tolist(), warnings, *faultless]


def _fault(error: CallError) -> tuple[str, str, str]:
    """Give the whole error, its fields' paths, and what is wrong there."""
    fields = "; ".join(violation.field for violation in error.violations)
    reasons = "; ".join(violation.description for violation in error.violations)
    whole = "; ".join(map(str, error.violations)) or error.message
    return whole, fields, reasons or error.message
