"""A bulk job: read, ask, keep each finished part, put all together."""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from learnwire_client import Client
from learnwire_client.collected import Collected

from .answers import AnswerTable
from .errors import BulkRefused
from .inputs import open_source
from .outputs import assemble
from .parts import Identity, kept_parts
from .records import Record, count_records, read_records

# Told how many rows are finished and kept, and how many there are in all.
Progress = Callable[[int, int], object]


class Done(NamedTuple):
    """How a job ended: how many rows there were, and how many of them were refused."""

    rows: int
    bad: int


def predict_file(
    client: Client,
    model: str,
    path: Path,
    output: Path,
    *,
    progress: Progress,
    column: str | None = None,
    chunk_rows: int = 10_000,
    restart: bool = False,
) -> Done:
    """Predict all rows of a file, or all images of a folder, into a file.

    One version of the model answers them all. When a run is cut short, the same call
    goes on behind its last finished part.

    Args:
        client: connected to the server that has the model.
        model: the model's name.
        path: a file of one of INPUT_SUFFIXES, or a folder of images.
        output: a file of one of OUTPUT_SUFFIXES; what is there is replaced at the end.
        progress: called once at the start and after each part.
        column: that of the texts, where the file has several.
        chunk_rows: how many rows a part has.
        restart: whether to throw away the parts of an earlier run.

    Raises:
        BulkRefused: input, model and earlier parts do not fit each other.
        CallError: the server does not answer any more.
    """
    described = client.model(model)
    folder = path if path.is_dir() else None
    table = AnswerTable(described, folder)
    source = open_source(path, described, column)
    # All of it is read once ahead: what cannot be read is told before hours of asking.
    total = count_records(path)
    if folder is not None and not total:
        raise BulkRefused(f"{folder} holds no images")
    identity = Identity.of(path, described.tag, column, chunk_rows)
    with kept_parts(output, identity, restart) as parts:
        progress(0, total)
        for number, chunk in enumerate(_chunks(read_records(path), chunk_rows)):
            first = number * chunk_rows
            if not parts.has(number):
                answers = Collected(described.output, len(chunk))
                for run in source.ask(client, described, chunk):
                    answers.add_all(run)
                parts.add(number, table.build(first, chunk, answers))
            progress(first + len(chunk), total)
        bad = assemble(parts, output, table.schema)
        parts.remove()
    return Done(total, bad)


def _chunks(records: Iterator[Record], size: int) -> Iterator[list[Record]]:
    while chunk := list(islice(records, size)):
        yield chunk
