"""Answers as a table of the output's columns."""

from collections.abc import Iterator, Sequence
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from learnwire_client import CallError
from learnwire_client.answer_columns import number, probability
from learnwire_client.collected import Collected
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

    def build(self, first: int, records: Sequence[Record], answers: Collected) -> Any:
        """Make the table of some records' answers, the first of which is row `first`."""
        return pa.Table.from_arrays(
            list(self._columns(first, records, answers)), schema=self.schema
        )

    def _columns(self, first: int, records: Sequence[Record], answers: Collected) -> Iterator[Any]:
        failed = answers.failed
        yield pa.array(np.arange(first, first + len(records)))
        if self._folder is not None:
            yield pa.array([self._file(record) for record in records], pa.string())
        if self._kind == "single_label":
            yield pa.array(answers.labels.as_objects(), pa.string())
        elif self._kind == "multi_label":
            labels = [";".join(compress(self._names, mask)) for mask in answers.masks.tolist()]
            yield pa.array(np.array(labels, object), pa.string(), mask=failed)
        for numbers in answers.numbers.T:
            yield pa.array(np.ascontiguousarray(numbers), mask=failed)
        yield pa.array(answers.warnings.as_objects(), pa.string())
        faults = {row: _fault(error) for row, error in answers.errors.items()}
        for i in range(1 + len(FAULT_COLUMNS)):
            told = np.full(len(records), None, object)
            for row, fault in faults.items():
                told[row] = fault[i]
            yield pa.array(told, pa.string())

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

    def _file(self, record: Record) -> str:
        assert self._folder is not None  # noqa: S101 - see above
        assert isinstance(record, Path)  # noqa: S101 - so are all records of a folder
        # Linux takes names that no text can hold.
        name = record.relative_to(self._folder).as_posix()
        return name.encode(errors="backslashreplace").decode()


def _fault(error: CallError) -> tuple[str, ...]:
    """Give the whole error, its fields' paths, and what is wrong there."""
    fields = "; ".join(violation.field for violation in error.violations)
    reasons = "; ".join(violation.description for violation in error.violations)
    whole = "; ".join(map(str, error.violations)) or error.message
    return whole, fields, reasons or error.message
