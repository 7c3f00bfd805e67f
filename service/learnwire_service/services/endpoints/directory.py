"""The directory: the services that this process serves, and their endpoints by name."""

import inspect
from collections.abc import Callable, Sequence
from copy import copy
from functools import partial

from ...common.errors import EndpointNotFound, ServiceClash, ServiceFailed, ServiceNotReady
from ...common.logs import get_logger
from ...common.settings import ServerSettings
from ...common.spelling import meant
from ...runners.base import BaseRunner
from .live import LiveEndpoint
from .service import Service
from .threads import Threads

_LISTED_NAMES = 10

_log = get_logger()


class Directory:
    """Starts services, finds the endpoint that a call means, and ends services.

    Raises: ServiceClash at construction where two share a name, or their endpoints do.
    """

    def __init__(self, services: Sequence[Service], settings: ServerSettings) -> None:
        self._services: dict[str, Service] = {}
        self._endpoints: dict[str, LiveEndpoint] = {}
        self._started: list[Service] = []
        for service in services:
            if service.name in self._services:
                raise ServiceClash(f"two services are named {service.name}")
            self._services[service.name] = service
            for endpoint in service.endpoints.values():
                if (other := self._endpoints.get(endpoint.name)) is not None:
                    raise ServiceClash(
                        f"the services {other.endpoint.service} and {service.name} both have an "
                        f"endpoint {endpoint.name}"
                    )
                self._endpoints[endpoint.name] = LiveEndpoint(endpoint, settings)

    def only(self, names: frozenset[str] | None) -> "Directory":
        """Give the directory of those for whom no other endpoints exist; None: all do."""
        if names is None:
            return self
        part = copy(self)
        part._endpoints = {name: one for name, one in self._endpoints.items() if name in names}
        return part

    @property
    def services(self) -> list[str]:
        """The services' names."""
        return list(self._services)

    @property
    def names(self) -> dict[str, list[str]]:
        """The names of each service's endpoints, by the service's."""
        return {
            name: [one.name for one in service.endpoints.values()]
            for name, service in self._services.items()
        }

    @property
    def runners(self) -> list[BaseRunner]:
        """The services' runners, each once."""
        runners = [runner for service in self._services.values() for runner in service.runners]
        return list({id(runner): runner for runner in runners}.values())

    @property
    def endpoints(self) -> list[LiveEndpoint]:
        """All endpoints in the order of their names."""
        return [self._endpoints[name] for name in sorted(self._endpoints)]

    @property
    def is_ready(self) -> bool:
        """Whether all services have started."""
        return len(self._started) == len(self._services)

    def find(self, name: str) -> LiveEndpoint:
        """Find an endpoint.

        Raises:
            EndpointNotFound: there is none of that name.
        """
        found = self._endpoints.get(name)
        if found is None:
            raise EndpointNotFound(
                f'no endpoint "{name}" is served here, {self._listed()}'
                f"{meant(name, self._endpoints)}"
            )
        return found

    def ready(self, name: str) -> LiveEndpoint:
        """Find an endpoint that can answer; see `find`.

        Raises:
            ServiceNotReady: its service is still starting.
        """
        found = self.find(name)
        if self._services[found.endpoint.service] not in self._started:
            raise ServiceNotReady(f"{found.endpoint.service} is starting; try again shortly")
        return found

    async def start(self) -> None:
        """Start the services, whose runners have been loaded.

        Raises:
            ServiceFailed: what a service does at its start raised.
        """
        for service in self._services.values():
            await service.life.begin(partial(_start, service))
            self._started.append(service)

    async def stop(self) -> None:
        """End the services that have started, the last one first."""
        while self._started:
            service = self._started.pop()
            await service.life.end(partial(_stop, service))
        for endpoint in self._endpoints.values():
            endpoint.close()

    def _listed(self) -> str:
        names = sorted(self._endpoints)
        more = ", ..." if len(names) > _LISTED_NAMES else ""
        if not names:
            return "nor any other; a model is asked with Predict, in Python client.predict"
        return f"only {', '.join(names[:_LISTED_NAMES])}{more}"


async def _start(service: Service) -> None:
    for function in service.startup:
        try:
            await _awaited(function)
        except (Exception, SystemExit) as error:
            _log.error("startup failed", service=service.name, exc_info=error)
            problem = f"{type(error).__name__}: {error}"
            raise ServiceFailed(f"{service.name} does not start: {problem}") from error


async def _stop(service: Service) -> None:
    for function in service.shutdown:
        try:
            await _awaited(function)
        except Exception as error:  # noqa: BLE001 - the others are to end as well
            _log.error("shutdown failed", service=service.name, exc_info=error)


async def _awaited(function: Callable[[], object]) -> None:
    """Call a function in a thread, or await a coroutine function."""
    if inspect.iscoroutinefunction(function):
        await function()
        return
    # Not the event loop's own threads: they would keep the process, whatever the function does.
    thread = Threads(getattr(function, "__name__", "hook"), 1)
    try:
        await thread.run(function)
    finally:
        thread.close()
