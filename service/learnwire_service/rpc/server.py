"""The server: servicers, health and reflection on one port."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import grpc
from google.protobuf.descriptor import FileDescriptor, ServiceDescriptor
from grpc_health.v1 import health, health_pb2_grpc
from learnwire.v1 import (
    admin_service_pb2,
    admin_service_pb2_grpc,
    endpoint_service_pb2,
    endpoint_service_pb2_grpc,
    model_service_pb2,
    model_service_pb2_grpc,
    prediction_service_pb2,
    prediction_service_pb2_grpc,
)

from ..common.errors import CannotListen, ServiceClash
from ..common.logs import get_logger
from ..common.mib import MIB
from ..common.open_files import connections_allowed
from ..common.ports import check_free, check_private
from ..common.settings import ServerSettings
from ..observe.memory_limit import measure_for
from ..runners.registry import Registry
from ..services.endpoints.directory import Directory
from ..store.tag import LIVENESS
from ..trust.access import Access
from .address import make_room
from .admin_servicer import AdminServicer
from .calls import Calls, Unseen, WatchedServer
from .catalogue import Catalogue
from .contracts import Contracts
from .credentials import check_files, credentials_of
from .door import Door, ShortOfMemory
from .endpoint_servicer import EndpointServicer
from .gate import Gate
from .handlers import Handlers, KeptServer
from .health import NOT_SERVING, SERVING, WHOLE_SERVER, Health
from .inference.messages import INFERENCE, SERVICE
from .inference.servicer import InferenceServicer
from .lineup import Lineup
from .model_servicer import ModelServicer
from .prediction_servicer import PredictionServicer
from .pressure import Pressure
from .reflection import add_reflection
from .strangers import Strangers

_PING_MS, _KEEPALIVE_MS = 50, 60_000
# Who connects and says nothing takes the place of others for so long.
_HANDSHAKE_MS = 20_000
# Time for those who watch to be told before their streams end.
_WATCH_SECONDS = 0.2

_log = get_logger()


class Server:
    """A gRPC server for models and services, on the running event loop.

    Args:
        registry: the models.
        settings: where it listens, and what it accepts.
        directory: the services; None: without any.
        shares_port: whether other processes listen on the same port.

    Attributes:
        handlers: answer its calls, whichever way they come.
        catalogue: tells callers what they may call.
        lineup: what it serves.
        admin: changes that.
        pressure: tells what is refused while memory is short; None: it has no limit.

    Raises:
        ServiceClash: a model or a service has the name by which health calls the process.
    """

    def __init__(
        self,
        registry: Registry,
        settings: ServerSettings,
        directory: Directory | None = None,
        *,
        shares_port: bool = False,
    ) -> None:
        self._settings = settings
        self._shares_port = shares_port
        directory = directory or Directory([], settings)
        if LIVENESS in [*registry.names, *directory.services]:
            raise ServiceClash(f'"{LIVENESS}" is how health calls the process: give another name')
        self._access = Access(settings)
        gate = Gate(self._access)
        self._health = Health(gate)
        measure = measure_for(settings.memory_limit)
        self.pressure = None if measure is None else Pressure(measure)
        self._calls = Calls(settings, gate, self.pressure)
        self._contracts = Contracts(registry, self._calls)
        self.catalogue = Catalogue(gate, _services(), self._contracts.live)
        self.lineup = Lineup(
            registry, directory, self._contracts, self._health, self._calls.requests, settings
        )
        interceptors = [Door(self._calls)] if gate.asks_for_tokens else []
        self.handlers = Handlers(interceptors)
        self._server = grpc.aio.server(
            interceptors=interceptors,
            options=[
                # Two servers on one port share its callers between them, unseen.
                ("grpc.so_reuseport", int(shares_port)),
                ("grpc.max_receive_message_length", settings.max_message_mib * MIB),
                ("grpc.max_send_message_length", -1),
                *_connection_options(settings),
                # Calls that wait there are answered too late, and not refused but then.
                ("grpc.server.max_pending_requests", settings.max_pending),
                ("grpc.server.max_pending_requests_hard_limit", 2 * settings.max_pending),
            ],
        )
        self.admin = AdminServicer(self.lineup, settings.drain_seconds)
        self._watching: asyncio.Task[None] | None = None
        self._predictions = PredictionServicer(registry, settings.bounds)
        self._add_services()

    async def start(self) -> str:
        """Listen, and report NOT_SERVING where the models are still to be loaded.

        Returns: the target that clients connect to, `host:port`.

        Raises:
            CannotListen: the port is in use, or the address is not this machine's, or others would
                reach it who are not meant to.
            BadFile: a file that it is to speak TLS with does not read.
        """
        credentials = credentials_of(self._settings)
        if credentials is None:
            check_private(self._settings)
        self._health.set(LIVENESS, SERVING)
        self._report(SERVING if self.lineup.is_ready else NOT_SERVING)
        address = self._settings.target(self._settings.port)
        if self._settings.is_unix:
            make_room(address)
        elif not self._shares_port:
            # gRPC would write lines of its own.
            check_free(self._settings)
        try:
            if credentials is None:
                port = self._server.add_insecure_port(address)
            else:
                port = self._server.add_secure_port(address, credentials)
        except RuntimeError:
            port = 0
        if port == 0:
            raise CannotListen(address)
        await self._server.start()
        if self.pressure is not None:
            self._watching = asyncio.create_task(self.pressure.watch())
        return self._settings.target(port)

    async def load(self, begin: Callable[[str], None] = lambda name: None) -> None:
        """Load and check all models, each SERVING as soon as it is ready, then start the services.

        Args:
            begin: is told the name of each that is loaded, before it is.

        Raises:
            LearnwireError: a model does not load, see `Model.load`, or a service does not start.
        """
        await self.lineup.load(begin)
        self._report(SERVING)

    def reread(self) -> None:
        """Read again who may call, and what it speaks TLS with; what is wrong changes nothing."""
        self._access.reread()
        check_files(self._settings)
        _log.info("files read again")

    async def _drain(self) -> None:
        """Refuse new calls, and wait for those in flight, for as long as they may take."""
        draining = asyncio.create_task(self._server.stop(self._settings.drain_seconds))
        idle = asyncio.create_task(self._calls.none())
        # Calls also come without gRPC's port.
        await asyncio.wait([idle], timeout=self._settings.drain_seconds)
        idle.cancel()
        await self._server.stop(_WATCH_SECONDS)
        await draining

    async def lost(self) -> None:
        """Wait until it no longer serves, also where gRPC has ended it by itself."""
        ended = asyncio.create_task(self._server.wait_for_termination())
        # Some releases raise what ended it, at a call whose path is no text for example. Who no
        # longer waits must not cancel what gRPC itself waits for.
        with suppress(Exception):
            await asyncio.shield(ended)

    @property
    def in_flight(self) -> int:
        """How many calls are being answered, without those of probes."""
        return self._calls.in_flight

    @property
    def to_load(self) -> int:
        """How many models have yet to be loaded."""
        return self.lineup.to_load

    async def stop(self) -> None:
        """Report NOT_SERVING, refuse new calls, and let those in flight end.

        Health watches, which never end by themselves, are ended once there are no others.
        """
        self._report(NOT_SERVING)
        self._predictions.end()
        await self._drain()
        self._calls.write_log()
        if self._watching is not None:
            self._watching.cancel()
        await self.lineup.stop()

    def _is_serving(self) -> bool:
        return self._health.status(WHOLE_SERVER) == SERVING

    def _report(self, status: int) -> None:
        self.lineup.report(status, _service_names())

    def _add_services(self) -> None:
        bounds = self._settings.bounds
        registry, directory = self.lineup.registry, self.lineup.directory
        # Generated code asks for a whole server, and calls nothing else of it.
        kept: Any = KeptServer(self._server, self.handlers)
        if self.pressure is not None:
            kept.add_generic_rpc_handlers((ShortOfMemory(self.pressure, self._calls),))
        watched: Any = WatchedServer(kept, self._calls)
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
            self._predictions, watched
        )
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(
            ModelServicer(
                registry,
                self._calls.requests,
                self.pressure,
                max_text_chars=bounds.max_text_chars,
            ),
            watched,
        )
        endpoint_service_pb2_grpc.add_EndpointServiceServicer_to_server(
            EndpointServicer(directory, bounds), watched
        )
        admin_service_pb2_grpc.add_AdminServiceServicer_to_server(self.admin, watched)
        inference = InferenceServicer(
            registry, self.admin, self._is_serving, self._calls.requests, bounds
        )
        watched.add_registered_method_handlers(SERVICE.full_name, inference.handlers())
        unseen: Any = WatchedServer(kept, Unseen(self._calls))
        unseen.add_registered_method_handlers(SERVICE.full_name, inference.probes())
        health_pb2_grpc.add_HealthServicer_to_server(self._health, unseen)
        kept.add_generic_rpc_handlers((self._contracts,))
        names = [*_service_names(), health.SERVICE_NAME]
        if self._settings.reflection:
            add_reflection(unseen, names, [INFERENCE], self._contracts.live)
        strangers = Strangers(self._calls.gate, self._calls.requests, self._calls.ids)
        kept.add_generic_rpc_handlers((strangers,))


def _connection_options(settings: ServerSettings) -> list[tuple[str, int]]:
    options = [
        ("grpc.max_allowed_incoming_connections", connections_allowed()),
        # Pings of clients, as often as our own client sends them at most, and half of that.
        ("grpc.http2.min_ping_interval_without_data_ms", _PING_MS),
        ("grpc.keepalive_permit_without_calls", 1),
        # A client that is no more is noticed, and what it watched is ended.
        ("grpc.keepalive_time_ms", _KEEPALIVE_MS),
        ("grpc.keepalive_timeout_ms", _KEEPALIVE_MS),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.server_handshake_timeout_ms", _HANDSHAKE_MS),
        ("grpc.max_concurrent_streams", settings.max_streams),
        # Between the two gRPC would refuse some calls, by chance.
        ("grpc.max_metadata_size", settings.max_header_kib * 1024),
        ("grpc.absolute_max_metadata_size", settings.max_header_kib * 1024),
    ]
    if settings.max_connection_age:
        grace = int(settings.max_connection_age_grace * 1000)
        options += [
            ("grpc.max_connection_age_ms", max(1, int(settings.max_connection_age * 1000))),
            ("grpc.max_connection_age_grace_ms", grace),
        ]
    return options


def _services() -> list[ServiceDescriptor]:
    files: list[FileDescriptor] = [
        prediction_service_pb2.DESCRIPTOR,
        model_service_pb2.DESCRIPTOR,
        endpoint_service_pb2.DESCRIPTOR,
        admin_service_pb2.DESCRIPTOR,
    ]
    services = [service for file in files for service in file.services_by_name.values()]
    return [*services, SERVICE]


def _service_names() -> list[str]:
    return [service.full_name for service in _services()]
