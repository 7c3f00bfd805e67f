"""The finished parts of a job, kept beside its output until all are there."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from filelock import FileLock, Timeout
from pyarrow import parquet

from .errors import BulkRefused
from .records import images


@dataclass(frozen=True)
class Identity:
    """What must be the same for two runs to be one job.

    Attributes:
        input: the file or folder, absolute.
        state: a digest of the name, size and time of the file, or of each image.
        model: name and version.
        column: that of the texts, where one was asked for.
        chunk_rows: how many rows a part has.
    """

    input: str
    state: str
    model: str
    column: str | None
    chunk_rows: int

    @classmethod
    def of(cls, path: Path, model: str, column: str | None, chunk_rows: int) -> Self:
        """Make the identity of a job that begins now."""
        files = images(path) if path.is_dir() else [path]
        digest = hashlib.sha256()
        for file in files:
            status = file.stat()
            digest.update(
                f"{file}\0{status.st_size}\0{status.st_mtime_ns}\n".encode(errors="replace")
            )
        return cls(str(path.resolve()), digest.hexdigest(), model, column, chunk_rows)

    def differences(self, kept: dict[str, Any]) -> list[str]:
        """Say what is not as in the manifest of an earlier run."""
        mine = asdict(self)
        told = [
            f"{name} was {kept.get(name)} and is {value}"
            for name, value in mine.items()
            if name != "state" and kept.get(name) != value
        ]
        return told or ["the input has changed since"] * (kept.get("state") != self.state)


class Parts:
    """The directory of parts of one output, `out.csv.parts`; see `kept_parts`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._manifest = directory / "manifest.json"

    def __iter__(self) -> Iterator[Path]:
        return iter(sorted(self._directory.glob("part-*.parquet")))

    def has(self, number: int) -> bool:
        """Tell whether that part is finished."""
        return self._path(number).exists()

    def add(self, number: int, table: Any) -> None:
        """Keep a part; it is there as a whole or not at all."""
        self.write(self._path(number), lambda path: parquet.write_table(table, path))

    def write(self, target: Path, write: Callable[[Path], object]) -> None:
        """Let `write` make a file, and put it in its place once it is safe on the disk."""
        draft = self._directory / f"{target.name}.draft"
        write(draft)
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        draft.replace(target)

    def claim(self, identity: Identity) -> None:
        """Make the directory this job's, or see that it is.

        Raises:
            BulkRefused: it holds parts of another one.
        """
        if not self._manifest.exists():
            text = json.dumps(asdict(identity), indent=2)
            self.write(self._manifest, lambda path: path.write_text(text))
        elif different := identity.differences(json.loads(self._manifest.read_text())):
            raise BulkRefused(
                f"{self._directory} holds the finished parts of another run "
                f"({'; '.join(different)}): repeat that run, or start anew with --restart"
            )

    def clear(self) -> None:
        """Remove all parts. The manifest goes last: no part is ever without it."""
        for part in self:
            part.unlink()
        self._manifest.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove the directory too."""
        self.clear()
        shutil.rmtree(self._directory)

    def _path(self, number: int) -> Path:
        return self._directory / f"part-{number:08}.parquet"


@contextmanager
def kept_parts(output: Path, identity: Identity, restart: bool) -> Iterator[Parts]:
    """Open the parts of an output for one run, which alone has them.

    Raises:
        BulkRefused: they belong to another job, or another run has them.
    """
    directory = output.with_name(f"{output.name}.parts")
    directory.mkdir(exist_ok=True)
    parts = Parts(directory)
    try:
        with FileLock(directory / "lock", timeout=0):
            if restart:
                parts.clear()
            parts.claim(identity)
            yield parts
    except Timeout:
        raise BulkRefused(f"another run is writing {output}: wait for its end") from None
