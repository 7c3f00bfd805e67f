"""The supervisor: starts the workers, replaces one that dies, and ends with them all.

It imports neither torch nor gRPC, so that it stays small and what they do cannot harm it.
"""

import asyncio
import os
from collections.abc import Sequence
from tempfile import TemporaryDirectory

from ..common.errors import WorkersFailed
from ..common.logs import get_logger
from ..common.settings import ServerSettings
from ..common.threads import THREADS, cores, threads_each
from ..hosting import leaving
from ..observe.memory import SHARED_FOLDER, mark_dead
from ..store.reference import Reference, find
from .order import Order
from .port import held
from .process import Worker

# A worker that lives so long has not died soon. The second and later ones in a row that do are
# replaced after a pause, which doubles up to the longest.
_SOON_SECONDS, _LONGEST_PAUSE = 60.0, 30.0

_log = get_logger()


def supervise(served: Sequence[str], settings: ServerSettings) -> None:
    """Serve with `settings.workers` processes until SIGTERM, SIGINT or SIGHUP, then drain them.

    Args:
        served: as for `hosting.serve`.
        settings: how.

    Raises:
        LearnwireError: one of them is not there, or does not load or start, or the port is taken.
    """
    # All workers serve one version, also one that is started when there is a newer one.
    found = tuple(map(_whole, served))
    with held(settings) as port, TemporaryDirectory(prefix="learnwire-") as counts:
        order = Order(served=found, settings=settings.model_copy(update={"port": port}))
        asyncio.run(_Supervisor(order, counts).run())


def _whole(served: str) -> str:
    found = find(served)
    return str(found if isinstance(found, Reference) else found.manifest.tag)


class _Supervisor:
    def __init__(self, order: Order, counts: str) -> None:
        self._order, self._settings = order, order.settings
        self._counts = counts
        self._starting = set(range(order.settings.workers))

    async def run(self) -> None:
        """Keep all workers until a signal comes, or one of the first cannot serve."""
        stop = asyncio.Event()
        for number in leaving.stopping():
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        environment = self._environment()
        kept = [asyncio.create_task(self._keep(n, environment)) for n in self._starting]
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait([*kept, stopping], return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            _log.info("draining", seconds=self._settings.drain_seconds)
        for task in [*kept, stopping]:
            task.cancel()
        for end in await asyncio.gather(*kept, return_exceptions=True):
            if isinstance(end, Exception):
                raise end

    def _environment(self) -> dict[str, str]:
        """Share the cores, where the user has not, and say where all count together."""
        workers, found = self._settings.workers, cores()
        threads = os.environ.get(THREADS) or str(threads_each(workers, found))
        _log.info("starting", workers=workers, threads_each=threads, cores=found)
        if workers > found:
            _log.warning(f"{workers} workers share {found} cores: fewer may be faster")
        return {**os.environ, THREADS: threads, SHARED_FOLDER: self._counts}

    async def _keep(self, number: int, environment: dict[str, str]) -> None:
        """Keep one worker after the other."""
        soon = 0
        while True:
            began = asyncio.get_running_loop().time()
            try:
                await self._live(number, environment)
            except WorkersFailed as error:
                if self._starting:
                    raise
                _log.error("worker failed", problem=str(error))
            except Exception as error:
                # Whatever it is, the other workers go on.
                if self._starting:
                    raise
                _log.error("worker failed", exc_info=error)
            lived = asyncio.get_running_loop().time() - began
            soon = soon + 1 if lived < _SOON_SECONDS else 0
            await asyncio.sleep(min(_LONGEST_PAUSE, 2.0 ** (soon - 2)) if soon > 1 else 0.0)

    async def _live(self, number: int, environment: dict[str, str]) -> None:
        """See a worker through its life, to which a cancellation gives a good end."""
        worker = await Worker.start(self._order, environment)
        try:
            await worker.ready()
            self._tell(number, worker)
            ended = await worker.ended()
            _log.error("worker died", pid=worker.pid, ended=ended)
        finally:
            await worker.drain(self._settings.drain_seconds)
            mark_dead(self._counts, worker.pid)

    def _tell(self, number: int, worker: Worker) -> None:
        _log.info("worker serving", pid=worker.pid)
        if self._starting == {number}:
            target = self._settings.target(self._settings.port)
            _log.info("serving", target=target, models=list(self._order.served))
        self._starting.discard(number)
