"""The runner of a torch module: its methods, on arrays."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..common.limits import Limits
from ..common.settings import ServerSettings
from ..queue.engine import Engine
from ..runners.methods import LoadedMethods, MethodsRunner, RunnerMethod
from ..store.manifest import TorchManifest
from .signatures import bind

if TYPE_CHECKING:
    from .calls import ModuleCalls


class TorchRunner(MethodsRunner):
    """Calls the methods of one module, in this process.

    Usage: `logits = get("digits_module").to_runner().run(images)`

    Methods take arrays by position, and give an array or a tuple of them. `run` and `async_run`
    are those of `__call__`; another method is an attribute, `runner.<method>.run(...)`. Calls
    of a batchable method that wait at the same time are made as one.

    Args:
        manifest: what is known of the model.
        load: loads it, by the settings and for as many rows as it is given.
        limits: what bounds batches, in rows, and queue; None: as the settings say.

    Attributes:
        manifest: what is known of the model.
    """

    def __init__(
        self,
        manifest: TorchManifest,
        load: "Callable[[ServerSettings, int], ModuleCalls]",
        *,
        limits: Limits | None = None,
    ) -> None:
        binds = {name: bind(name, method) for name, method in manifest.methods.items()}
        super().__init__(manifest.name, binds, manifest.version)
        self.manifest = manifest
        self._read = load
        self._limits = limits

    def within(self, seconds: float) -> RunnerMethod:
        """Give `__call__`, whose calls are given up after so many seconds."""
        return self._forward().within(seconds)

    def run(self, *arrays: Any) -> Any:
        """Call the module and wait; see RunnerMethod.run."""
        return self._forward().run(*arrays)

    async def async_run(self, *arrays: Any) -> Any:
        """Call the module without blocking the event loop; see RunnerMethod.async_run."""
        return await self._forward().async_run(*arrays)

    def _forward(self) -> RunnerMethod:
        return self.__getattr__("__call__")

    def _load(self, settings: ServerSettings) -> LoadedMethods:
        limits = self._limits or settings.limits
        calls = self._read(settings, limits.max_batch_size)
        engine = Engine(
            self.name, calls, limits, self.statistics, quick=False, timeout=settings.model_timeout
        )
        return LoadedMethods(engine, calls.encode)
