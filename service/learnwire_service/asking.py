"""Commands that ask a server: one that is up, or one for the local store's model."""

from collections.abc import Iterator
from contextlib import contextmanager

from learnwire_client import CallError, Client
from learnwire_client.inputs import Value

from .commands import fail, reported
from .extras import can_serve
from .printing import print_answer


@contextmanager
def connected(model: str, target: str | None) -> Iterator[Client]:
    """Give a client of the given server, or of one for the local store's model; see `reported`."""
    with reported(CallError), _server(model, target) as address, Client(address) as client:
        yield client


def predict_one(model: str, target: str | None, value: Value) -> None:
    """Predict an item and print the answer as JSON, its warnings apart."""
    with connected(model, target) as client:
        print_answer(client.predict(model, value))


@contextmanager
def _server(model: str, target: str | None) -> Iterator[str]:
    if target is not None:
        yield target
        return
    if not can_serve():
        fail(
            "to ask a server, give --target HOST:PORT; to ask the store's models, "
            "pip install 'learnwire[serve]'"
        )
    from .hosting import serving
    from .models import get_learner

    with serving(get_learner(model).tag) as local:
        yield local
