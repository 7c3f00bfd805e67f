"""What a supervisor is told when it begins."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from ..common.logs import LogFormat, LogLevel

_FILE = "plan.json"


@dataclass(frozen=True)
class Plan:
    """What a supervisor sees to.

    Attributes:
        order: the line that tells each worker what to serve.
        workers: how many there are to be.
        first: the number of the worker that has begun already, and what it is talked to with.
        ops: the sockets that listen for those who operate the server.
        holders: the sockets that hold the port.
        target: where clients connect to.
        shares_port: whether several workers can listen there.
        models: what is served.
        drain_seconds: how long calls in flight may take.
        patience: for how many seconds a worker may say nothing; 0: for ever.
        load_seconds: how long a worker may take to prepare a version; 0: for ever.
        is_guarded: whether callers have to show who they are.
        certificate: the PEM files of the server's certificate and key; None: it speaks no TLS.
        home: a store that ends with the server; "" where it serves another.
        log_format: as `logs.configure` takes it.
        log_level: as `logs.configure` takes it.
    """

    order: str
    workers: int
    first: tuple[int, int]
    ops: tuple[int, ...]
    holders: tuple[int, ...]
    target: str
    shares_port: bool
    models: tuple[str, ...]
    drain_seconds: float
    patience: float
    load_seconds: float
    is_guarded: bool
    certificate: tuple[str, str] | None
    home: str
    log_format: LogFormat
    log_level: LogLevel

    def write(self, folder: Path) -> None:
        """Write it into a folder; see `read`."""
        (folder / _FILE).write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read what `write` wrote."""
        return cls(**json.loads((folder / _FILE).read_text()))
