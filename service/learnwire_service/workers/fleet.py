"""The workers as one: a change of what is served is made in all of them, or in none."""

import asyncio
import json
from collections.abc import Awaitable, Iterable, Mapping, Sequence

from ..common.changes import Do, Problem, Step, carry_out, late
from ..common.logs import get_logger
from .line import GONE
from .process import Worker

# A worker that is told to prepare a version keeps the time by itself, and then has so much more.
_MORE_SECONDS = 10.0

_STARTING = Problem("a worker is still starting; try again shortly", passes=True)
_NOBODY = Problem("no worker serves; try again shortly", passes=True)

_log = get_logger()


class Fleet:
    """Has all workers take the steps of changes, one change after the other.

    Args:
        workers: those that live, by their places.
        order: the line that tells a fresh worker what to serve.
        load_seconds: how long a worker may take to prepare a version; 0: for ever.
    """

    def __init__(self, workers: Mapping[int, Worker], order: str, load_seconds: float) -> None:
        self._workers, self._load_seconds = workers, load_seconds
        self._order = json.loads(order)
        self._defaults: dict[str, str] = self._order.setdefault("defaults", {})
        self._versions = set[str]()
        # Held while a change is made: a worker that begins meanwhile would miss it.
        self.still = asyncio.Lock()

    def order(self, place: int, *, relieves: bool = False) -> str:
        """Give the line that tells a fresh worker what is served now; the first one watches."""
        watches = self._order.get("watches", False) and place == 0
        return json.dumps({**self._order, "watches": watches, "relieves": relieves}) + "\n"

    def learn(self, worker: Worker) -> None:
        """Take in what a worker serves, also the versions that services bring."""
        self._versions.update(worker.versions)
        for name, tag in worker.defaults.items():
            self._defaults.setdefault(name, tag)

    async def change(self, steps: Sequence[Step]) -> Problem | None:
        """Have all workers take steps; tell where that is not possible."""
        async with self.still:
            if not await self._settled():
                return _STARTING
            return await carry_out(steps, self._tell)

    async def _settled(self) -> bool:
        """Wait until no worker is about to serve, but not for longer than one may take."""
        try:
            async with asyncio.timeout(self._load_seconds or None):
                for worker in list(self._workers.values()):
                    await worker.settled.wait()
        except TimeoutError:
            return False
        return True

    async def _tell(self, step: Step) -> Problem | None:
        serving = [worker for worker in self._workers.values() if worker.serves]
        if not serving:
            return _NOBODY
        if step.do is not Do.PREPARE:
            problem = await _of_all(worker.take(step) for worker in serving)
        else:
            # It may end who loads it, which is then not to be all of them.
            first, *others = serving
            problem = await self._prepare(first, step) or await _of_all(
                self._prepare(worker, step) for worker in others
            )
        if problem is None:
            self._note(step)
        return problem

    async def _prepare(self, worker: Worker, step: Step) -> Problem | None:
        if worker.is_gone:
            return GONE
        most = self._load_seconds + _MORE_SECONDS if self._load_seconds else None
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(most):
                problem = await worker.take(step)
        except TimeoutError:
            # It cannot even tell.
            problem = Problem(late(step.tag, self._load_seconds))
            worker.kill()
        if problem is None:
            return None
        if worker.is_gone:
            problem = Problem(f"{step.tag} ended the process that loaded it")
        elif 0 < self._load_seconds <= loop.time() - began:
            # A thread still does what took too long.
            worker.hangs.set()
        else:
            return problem
        _log.error("a version ended who loaded it", model=step.tag, problem=problem.told)
        # Who follows the store may be gone, too, and would try it again.
        self._order.setdefault("tried", []).append(step.tag)
        return problem._replace(is_failure=True)

    def _note(self, step: Step) -> None:
        """Have fresh workers serve what the others do."""
        served: list[str] = self._order["served"]
        match step.do:
            case Do.ADD:
                if step.tag not in served:
                    served.append(step.tag)
                self._versions.add(step.tag)
                self._defaults.setdefault(step.name, step.tag)
            case Do.DEFAULT:
                self._defaults[step.name] = step.tag
            case Do.REMOVE:
                self._remove(step.tag)
            case Do.REMOVE_OTHERS:
                for tag in [one for one in self._versions if Step(step.do, one).name == step.name]:
                    if tag != step.tag:
                        self._remove(tag)

    def _remove(self, tag: str) -> None:
        served, step = self._order["served"], Step(Do.REMOVE, tag)
        self._order["served"] = [one for one in served if one != tag]
        self._versions.discard(tag)
        if self._defaults.get(step.name) == tag:
            del self._defaults[step.name]


async def _of_all(taken: Iterable[Awaitable[Problem | None]]) -> Problem | None:
    """Wait until workers have taken a step, and give one of their problems."""
    return next(filter(None, await asyncio.gather(*taken)), None)
