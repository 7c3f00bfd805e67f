"""A trial: a service called without a socket, for its tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from ..common.settings import ServerSettings
from ..rpc.server import Server
from ..rpc.unwired import UnwiredCalls
from ..runners.registry import Registry
from ..services.endpoints.directory import Directory
from ..services.endpoints.endpoint import Endpoint
from ..services.endpoints.service import Service
from .serving import beside

if TYPE_CHECKING:
    from collections.abc import Callable


class Trial:
    """Has the endpoints of a service as methods.

    Each takes its input by place, or several by name, as clients send them, and gives what they
    get; one that streams gives an iterator. Errors are those of clients.

    Usage: `with svc.test() as test: test.classify_text("fine")`
    """

    def __init__(self, service: Service, calls: UnwiredCalls) -> None:
        self._service = service
        self._calls = calls

    def __getattr__(self, name: str) -> "Callable[..., Any]":
        endpoints = self._service.endpoints
        if name not in endpoints:
            raise AttributeError(
                f"the service {self._service.name} has no endpoint {name}, only "
                + (", ".join(endpoints) or "none")
            )
        return partial(self._call, endpoints[name])

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._service.endpoints]

    def _call(self, endpoint: Endpoint, /, *value: Any, **inputs: Any) -> Any:
        if len(value) > 1:
            raise TypeError(f"{endpoint.name}: expected one input, or several by their names")
        ask = self._calls.stream if endpoint.streams else self._calls.call
        return ask(endpoint.name, *value, inputs=inputs or None)


@contextmanager
def trial(service: Service, **settings: Any) -> Iterator[Trial]:
    """Start a service, and end it afterwards; see Service.test."""
    chosen = ServerSettings(**{"workers": 1, **settings})
    directory: list[Directory] = []

    def make() -> Server:
        directory.append(Directory([service], chosen))
        return Server(Registry([]), chosen, directory[0])

    async def come_up(server: Server) -> Trial:
        await server.load()
        return Trial(service, UnwiredCalls(directory[0], chosen))

    with beside(make, come_up, chosen) as there:
        yield there
