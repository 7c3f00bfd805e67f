"""What a worker is told to serve.

It and its supervisor talk over the socket that is the worker's stdin. The worker is told one line,
what to serve, and says one line, what it serves or why it cannot; for what follows see `line`.
Whoever ends closes the socket, however he ends, and the other one notices.
"""

from pathlib import Path

from pydantic import BaseModel

from ..common.settings import ServerSettings


class Order(BaseModel, frozen=True):
    """What a worker is to serve.

    Attributes:
        served: the models, each as `name:version`, and where the services are.
        defaults: the versions that answer to their models' bare names, by these names; others are
            the newest.
        relieves: whether another worker answers until it serves.
        watches: whether it follows the store, for all workers.
        follows: the models that are followed; None: all that the store has.
        tried: versions that ended a worker when they were loaded, which are not tried again.
        settings: with the port that all workers share.
        config: the settings file, if it is not found by itself.
    """

    served: tuple[str, ...]
    defaults: dict[str, str] = {}
    relieves: bool = False
    watches: bool = False
    follows: tuple[str, ...] | None = ()
    tried: tuple[str, ...] = ()
    settings: ServerSettings
    config: Path | None = None

    def line(self) -> bytes:
        """Write it as a line."""
        # The port of a Unix socket must not be said.
        return self.model_dump_json(exclude_unset=True).encode() + b"\n"
