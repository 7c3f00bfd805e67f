"""A sliding window over counts, which several processes fill together."""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from .memory import SHARED_FOLDER, reserved

# The window holds so many of the last items, and some more.
ITEMS = 2000
_BUCKET = 200
_BUCKETS = ITEMS // _BUCKET + 2
_WHEN, _COUNT, _HEAD = 0, 1, 2
_SUFFIX = ".drift"


class Window:
    """A ring of buckets; the oldest is emptied for the newest items.

    Where several workers serve, each has its ring in a file of its own, which outlives it, and
    the window is of the last items of them all. One thread at a time may add.

    Args:
        name: of what is counted; the same in all processes.
        width: how many counts there are.
    """

    def __init__(self, name: str, width: int) -> None:
        self._name, self._shape = f"{name}.", (_BUCKETS, _HEAD + width)
        self._folder = os.environ.get(SHARED_FOLDER)
        self._path, self._ring = self._made()
        self._at = 0

    def add(self, items: int, counts: NDArray[np.float64]) -> None:
        """Add what was counted over so many items."""
        if self._ring[self._at, _COUNT] >= _BUCKET:
            self._at = (self._at + 1) % _BUCKETS
            self._ring[self._at] = 0
        bucket = self._ring[self._at]
        bucket[_WHEN] = time.monotonic()
        bucket[_COUNT] += items
        bucket[_HEAD:] += counts

    def read(self) -> tuple[int, NDArray[np.float64]]:
        """Give how many items the window holds, and what was counted over them."""
        buckets = np.concatenate([self._ring[:0], *self._rings()])
        buckets = buckets[np.argsort(-buckets[:, _WHEN])]
        enough = int(np.searchsorted(np.cumsum(buckets[:, _COUNT]), ITEMS)) + 1
        total = buckets[:enough].sum(axis=0)
        return int(total[_COUNT]), total[_HEAD:]

    def forget(self) -> None:
        """Let nobody see any more what this process has counted."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _made(self) -> tuple[Path | None, NDArray[np.float64]]:
        if self._folder is None:
            return None, np.zeros(self._shape)
        path = Path(self._folder) / f"{self._name}{uuid4().hex}{_SUFFIX}"
        with reserved(path, 8 * self._shape[0] * self._shape[1]) as file:
            return path, np.memmap(file, np.float64, "r+", shape=self._shape)

    def _rings(self) -> Iterator[NDArray[np.float64]]:
        if self._folder is None:
            yield self._ring
            return
        size = self._shape[0] * self._shape[1]
        for path in Path(self._folder).glob(f"{self._name}*{_SUFFIX}"):
            # A file that has only just been made is empty still, or it has been forgotten.
            with suppress(FileNotFoundError):
                if len(ring := np.fromfile(path, np.float64)) == size:
                    yield ring.reshape(self._shape)
