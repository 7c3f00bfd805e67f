"""The supervisor: sees to the workers, replaces one that dies, and ends with them all.

It imports neither torch nor gRPC nor what serves, so that it stays small and what they do cannot
harm it. It has the port of those who operate the server, and answers there by itself.
"""

import asyncio
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

if __name__ == "__main__":
    # structlog would import it for traces that nobody has drawn: 5 MB of 40.
    sys.modules["rich"] = None  # type: ignore[assignment]  # typeshed knows only modules

from ..common import logs
from ..common.changes import Do, Problem, Step
from ..common.errors import LearnwireError, WorkersFailed
from ..common.signals import obeyed, rereading, stopping
from ..observe.memory import mark_dead
from .fleet import Fleet
from .plan import Plan
from .process import Worker
from .silence import silence

# A worker that lives so long has not died soon. The second and later ones in a row that do are
# replaced after a pause, which doubles up to the longest.
_SOON_SECONDS, _LONGEST_PAUSE = 60.0, 30.0

_STDERR = 2

_log = logs.get_logger()


def main(folder: str) -> int:
    """See to what the plan in a folder says until a signal comes; give the exit code."""
    plan = Plan.read(Path(folder))
    for number in (plan.first[1], *plan.ops, *plan.holders):
        os.set_inheritable(number, False)
    logs.configure(plan.log_format, plan.log_level)
    try:
        return asyncio.run(Supervisor(plan, folder).run())
    except LearnwireError as error:
        sys.stderr.write(f"learnwire: {error}\n")
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if plan.home:
            shutil.rmtree(plan.home, ignore_errors=True)


class Supervisor:
    """Sees to the workers of a server.

    Args:
        plan: what it sees to.
        folder: where the workers count.

    Attributes:
        folder: where the workers count.
        workers: those that live, by their places.
        deaths: how many have died.
        ends: whether it has been told to.
    """

    def __init__(self, plan: Plan, folder: str) -> None:
        self._plan, self.folder = plan, folder
        self._starting = set(range(plan.workers))
        self.workers: dict[int, Worker] = {}
        # Those that hang and serve on, by the places of those that will take theirs.
        self._hung: dict[int, _Life] = {}
        self._fleet = Fleet(self.workers, plan.order, plan.load_seconds)
        self.deaths = 0
        self.ends = False
        self._well = True
        self._stop = asyncio.Event()

    @property
    def serves(self) -> bool:
        """Whether a worker serves."""
        return any(worker.serves for worker in self.workers.values())

    @property
    def silent_seconds(self) -> float:
        """For how long none of the workers has been heard that ever were."""
        heard = [one.heard_at for one in self.workers.values() if one.heard_at is not None]
        return time.monotonic() - max(heard) if heard else 0.0

    async def run(self) -> int:
        """Keep all workers until a signal comes, or one of the first cannot serve.

        Returns: the exit code: 0, but where a worker did not end well.
        """
        stop = self._stop
        loop = asyncio.get_running_loop()
        for number in stopping():
            loop.add_signal_handler(number, self._told_to_stop)
        for number in rereading():
            loop.add_signal_handler(number, self._hung_up, os.isatty(_STDERR))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, obeyed())
        kept = [asyncio.create_task(self._keep(number)) for number in self._starting]
        stopped = asyncio.create_task(stop.wait())
        async with AsyncExitStack() as stack:
            if self._plan.ops:
                from .ops import answering

                sockets = [socket.socket(fileno=number) for number in self._plan.ops]
                await stack.enter_async_context(answering(self, self._plan, sockets))
            await asyncio.wait([*kept, stopped], return_when=asyncio.FIRST_COMPLETED)
            self.ends = True
            if stop.is_set():
                _log.info("draining", seconds=self._plan.drain_seconds)
            for task in [*kept, stopped]:
                task.cancel()
            ends = await asyncio.gather(*kept, return_exceptions=True)
        for end in ends:
            if isinstance(end, Exception):
                raise end
        _log.info("stopped")
        return 0 if self._well else 1

    def _told_to_stop(self) -> None:
        """Drain; who is told twice ends at once."""
        if self._stop.is_set():
            _log.warning("ended at once, with calls in flight")
            for worker in [*self.workers.values(), *(one.worker for one in self._hung.values())]:
                worker.kill()
        self._stop.set()

    async def _change(self, steps: Sequence[Step]) -> Problem | None:
        """Do what a worker asks for."""
        if steps[0].do is not Do.DRAIN:
            return await self._fleet.change(steps)
        self._stop.set()
        return None

    def _hung_up(self, had_terminal: bool) -> None:
        """Have the workers read files again; drain where it is the terminal that has gone."""
        if had_terminal and not os.isatty(_STDERR):
            self._stop.set()
            return
        # Those that load read what there is; some of them do not listen yet, and would end.
        for worker in self.workers.values():
            if worker.serves:
                worker.signal(signal.SIGHUP)

    async def _keep(self, number: int) -> None:
        """Keep one worker after the other."""
        begun = self._plan.first if number == 0 else None
        try:
            await self._keep_on(number, begun)
        finally:
            await self._end_hung(number)

    async def _keep_on(self, number: int, begun: tuple[int, int] | None) -> None:
        soon = 0
        while True:
            began = asyncio.get_running_loop().time()
            try:
                await self._live(number, begun)
            except WorkersFailed as error:
                if self._starting:
                    raise
                _log.error("worker failed", problem=str(error))
            except Exception as error:
                # Whatever it is, the other workers go on.
                if self._starting:
                    raise
                _log.error("worker failed", exc_info=error)
            begun = None
            lived = asyncio.get_running_loop().time() - began
            soon = soon + 1 if lived < _SOON_SECONDS else 0
            await asyncio.sleep(min(_LONGEST_PAUSE, 2.0 ** (soon - 2)) if soon > 1 else 0.0)

    async def _live(self, number: int, begun: tuple[int, int] | None) -> None:
        """See a worker through its life, to which a cancellation gives a good end."""
        if begun:
            pid, line = begun
            worker = await Worker.begun(pid, socket.socket(fileno=line))
        else:
            async with self._fleet.still:
                worker = await Worker.start(
                    self._fleet.order(number, relieves=number in self._hung)
                )
                self.workers[number] = worker
        self.workers[number] = worker
        life = _Life(worker, [asyncio.create_task(self._heed(worker))])
        try:
            await worker.ready()
            self._fleet.learn(worker)
            life.tasks.append(asyncio.create_task(worker.listen(self._change)))
            self._tell(number, worker)
            await self._end_hung(number)
            if await worker.over():
                self.deaths += 1
                _log.error("worker died", pid=worker.pid, ended=await worker.ended())
            else:
                _log.error("worker hangs", pid=worker.pid)
                if self._plan.shares_port:
                    # It serves until another one does.
                    self._hung[number] = life
        finally:
            if self._hung.get(number) is not life:
                await self._end(number, life)

    async def _end(self, number: int, life: "_Life") -> None:
        """Have a worker drain and end; one that hangs in its place goes on meanwhile."""
        for task in life.tasks[:1]:
            task.cancel()
        well = await life.worker.drain(self._plan.drain_seconds)
        for task in life.tasks:
            task.cancel()
        self._well = self._well and (well or not self.ends)
        if self.workers.get(number) is life.worker:
            del self.workers[number]
            if (hung := self._hung.get(number, life)) is not life:
                self.workers[number] = hung.worker
        mark_dead(self.folder, life.worker.pid)

    async def _end_hung(self, number: int) -> None:
        """Have a worker that hangs end, now that another one is in its place."""
        if (life := self._hung.get(number)) is not None:
            await self._end(number, life)
            del self._hung[number]
            self.deaths += 1
            _log.error("worker died", pid=life.worker.pid, ended=await life.worker.ended())

    async def _heed(self, worker: Worker) -> None:
        """End a worker that falls silent: its port and its connections go with it."""
        patience = self._plan.patience
        problem = await silence(self.folder, worker, patience)
        _log.error("worker silent", pid=worker.pid, problem=problem)
        worker.give_up()

    def _tell(self, number: int, worker: Worker) -> None:
        _log.info("worker serving", pid=worker.pid)
        if self._starting == {number}:
            _log.info("serving", target=self._plan.target, models=list(self._plan.models))
        self._starting.discard(number)


@dataclass
class _Life:
    """A worker, and what is done while it lives: first, to see that it is not silent."""

    worker: Worker
    tasks: list[asyncio.Task[None]]


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
