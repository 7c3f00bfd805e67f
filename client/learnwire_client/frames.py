"""Frames of pandas, polars and pyarrow: what a job of rows asks of them."""

import sys
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, Self

from learnwire.v1 import io_pb2

from .tables import encode_table, is_table, rows_of

if TYPE_CHECKING:
    import pandas as pd

# The libraries whose frames and columns narwhals opens, and what these are called there.
_FRAMES = {"polars": "DataFrame", "pyarrow": "Table"}
_SERIES = {"polars": ("Series",), "pyarrow": ("ChunkedArray", "Array")}


class ArrowFrame(Protocol):
    """Gives itself as Arrow's columns, as the frames of polars and pyarrow do."""

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """Give them."""


def is_frame(value: object) -> bool:
    """Tell a DataFrame of pandas or polars, or a Table of pyarrow, from all else."""
    return is_table(value) or library_of(value, frames=True) != ""


def library_of(value: object, *, frames: bool) -> str:
    """Give "polars" or "pyarrow" where a frame, or else a column, is theirs, and else "".

    Neither is ever imported for it.
    """
    name = type(value).__module__.partition(".")[0]
    library = sys.modules.get(name)
    if library is None or name not in _FRAMES:
        return ""
    kinds = (_FRAMES[name],) if frames else _SERIES[name]
    return name if isinstance(value, tuple(getattr(library, kind) for kind in kinds)) else ""


class Frame(ABC):
    """Rows, by column."""

    @property
    @abstractmethod
    def names(self) -> Sequence[Any]:
        """The columns' names, which may be no str."""

    @abstractmethod
    def __len__(self) -> int:
        """Tell how many rows there are."""

    @abstractmethod
    def __iter__(self) -> Iterator[Any]:
        """Give the rows one by one, each as `rows.is_row` knows it."""

    @abstractmethod
    def part(self, start: int, stop: int) -> Self:
        """Give a run of rows."""

    @abstractmethod
    def only(self, positions: Sequence[int]) -> Self:
        """Give all rows, with the columns at these places."""

    @abstractmethod
    def number_type(self, position: int) -> str:
        """Give the type of the column at that place where it is one of numbers, else ""."""

    @abstractmethod
    def encoded(self, repeating: Collection[str] = ()) -> io_pb2.Table:
        """Encode it; see `encode_table`."""


class PandasFrame(Frame):
    """A DataFrame of pandas; see `Frame`."""

    def __init__(self, frame: "pd.DataFrame") -> None:
        self._frame = frame

    @property
    def names(self) -> Sequence[Any]:
        """See `Frame`."""
        return list(self._frame.columns)

    def __len__(self) -> int:
        return len(self._frame)

    def __iter__(self) -> "Iterator[pd.Series[Any]]":
        return rows_of(self._frame)

    def part(self, start: int, stop: int) -> "PandasFrame":
        """See `Frame`."""
        return PandasFrame(self._frame.iloc[start:stop])

    def only(self, positions: Sequence[int]) -> "PandasFrame":
        """See `Frame`."""
        return PandasFrame(self._frame.iloc[:, list(positions)])

    def number_type(self, position: int) -> str:
        """See `Frame`."""
        dtype = self._frame.dtypes.iloc[position]
        return str(dtype) if dtype.kind in "iuf" else ""

    def encoded(self, repeating: Collection[str] = ()) -> io_pb2.Table:
        """See `Frame`."""
        return encode_table(self._frame, repeating)
