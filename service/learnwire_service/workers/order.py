"""What a supervisor and a worker say to each other, over the socket that is the worker's stdin.

The supervisor says one line, what to serve; the worker one line, that it serves or why it cannot.
Whoever ends closes the socket, however he ends, and the other one notices.
"""

import json

from pydantic import BaseModel

from ..common.settings import ServerSettings


class Order(BaseModel, frozen=True):
    """What a worker is to serve.

    Attributes:
        served: the models, each as `name:version`, and where the services are.
        settings: with the port that all workers share.
    """

    served: tuple[str, ...]
    settings: ServerSettings

    def line(self) -> bytes:
        """Write it as a line."""
        return self.model_dump_json().encode() + b"\n"


def say(problem: str | None) -> bytes:
    """Write as a line why a worker cannot serve, or that it does: None."""
    return json.dumps(problem).encode() + b"\n"


def understand(line: bytes) -> str | None:
    """Read what `say` wrote."""
    problem: str | None = json.loads(line)
    return problem
