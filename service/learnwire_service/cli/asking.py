"""Commands that ask a server: one that is up, or one for the local store's model."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from learnwire_client import (
    CallError,
    ChannelOptions,
    Client,
    EndpointStatistics,
    InvalidInput,
    ModelStatistics,
    NotFound,
)
from learnwire_client.inputs import Value

from ..common.defaults import HOST
from ..common.extras import can_serve
from .commands import fail, reported
from .connecting import Connection
from .printing import print_answer


@contextmanager
def connected(model: str, target: str | None, connection: Connection) -> Iterator[Client]:
    """Give a client of the given server, or of one for the local store's model; see `reported`."""
    options = ChannelOptions() if target is None else connection.options(target)
    with (
        reported(CallError),
        _server(model, target) as address,
        Client(address, options=options) as client,
    ):
        yield client


def predict_one(model: str, target: str | None, connection: Connection, value: Value) -> None:
    """Predict an item and print the answer as JSON, its warnings apart."""
    with connected(model, target, connection) as client:
        print_answer(client.predict(model, value))


def statistics_of(client: Client, name: str) -> list[ModelStatistics | EndpointStatistics]:
    """Ask for the statistics of the model and of the endpoint of this name: one of them, or both.

    Fails where there is neither.
    """
    # What there is, is listed: to ask for what is not would be an error in the server's log.
    endpoints = [one.name for one in client.endpoints() if one.name == name]
    if endpoints and name not in {one.name for one in client.models()}:
        return [client.endpoint_statistics(name)]
    try:
        found = client.statistics(name)
    except (NotFound, InvalidInput) as error:
        fail(f"{error.message}; no endpoint has that name either")
    return [found, *map(client.endpoint_statistics, endpoints)]


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
    from ..hosting.serving import serving
    from ..models.model import get_learner

    # Whatever the environment says of servers for others.
    alone: dict[str, Any] = dict.fromkeys(("tls_cert", "tls_key", "tls_client_ca"))
    with serving(get_learner(model).tag, host=HOST, **alone) as local:
        yield local
