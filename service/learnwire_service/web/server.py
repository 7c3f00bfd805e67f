"""A gRPC server that has an HTTP port beside its own."""

from ..common.logs import get_logger
from ..common.settings import ServerSettings
from ..rpc.server import Server
from ..runners.registry import Registry
from ..services.endpoints.directory import Directory
from .port import Port

_log = get_logger()


class WebServer(Server):
    """A server whose calls also come over HTTP; see Server."""

    def __init__(
        self,
        registry: Registry,
        settings: ServerSettings,
        directory: Directory | None = None,
        *,
        shares_port: bool = False,
    ) -> None:
        super().__init__(registry, settings, directory, shares_port=shares_port)
        self._port = Port(self, settings, shares_port=shares_port)

    async def start(self) -> str:
        """Listen on both ports; see Server."""
        target = await super().start()
        _log.info("http listening", target=await self._port.start())
        return target

    async def _drain(self) -> None:
        self._port.close()
        await super()._drain()
        await self._port.ended()
