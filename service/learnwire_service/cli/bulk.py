"""`learnwire predict --file`: check the paths, show the progress, say how it ended."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from .. import bulk
from .asking import connected
from .commands import fail
from .connecting import Connection

_EXIT_BAD_ROWS = 3
# After so many objects that can be in a cycle.
_SELDOM = 100_000


def predict_file(
    model: str,
    target: str | None,
    connection: Connection,
    file: Path,
    output: Path | None,
    column: str | None,
    chunk_rows: int,
    restart: bool,
) -> None:
    """Predict a whole file, or a folder of images; see `learnwire predict --help`."""
    output = _checked_output(file, output)
    try:
        with (
            _seldom_collected(),
            bulk.ended_by_interrupt(),
            connected(model, target, connection) as client,
            bulk.shown_progress() as progress,
        ):
            done = bulk.predict_file(
                client,
                model,
                file,
                output,
                progress=progress,
                column=column,
                chunk_rows=chunk_rows,
                restart=restart,
            )
    except OSError as error:
        fail(str(error))
    refused = f", {done.bad} refused: see {bulk.errors_path(output)}" if done.bad else ""
    print(f"learnwire: {done.rows} rows in {output}{refused}", file=sys.stderr)
    if done.bad:
        raise typer.Exit(_EXIT_BAD_ROWS)


@contextmanager
def _seldom_collected() -> Iterator[None]:
    """Spare a million rows, in which there are no cycles, Python's collector."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_SELDOM, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _checked_output(file: Path, output: Path | None) -> Path:
    if not file.is_dir() and file.suffix.lower() not in bulk.INPUT_SUFFIXES:
        raise typer.BadParameter(
            f"--file is a folder or one of {', '.join(bulk.INPUT_SUFFIXES)}, got {file}"
        )
    if output is None or output.suffix.lower() not in bulk.OUTPUT_SUFFIXES:
        raise typer.BadParameter(f"--file needs -o with one of {', '.join(bulk.OUTPUT_SUFFIXES)}")
    if file.resolve() in (output.resolve(), bulk.errors_path(output).resolve()):
        raise typer.BadParameter(f"-o would overwrite {file}")
    return output
