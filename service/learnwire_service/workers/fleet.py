"""The workers as one: a change of what is served is made in all of them, or in none."""

import asyncio
import json
from collections.abc import Mapping, Sequence

from ..common.changes import Do, Step, carry_out
from ..common.logs import get_logger
from .process import Worker

_log = get_logger()


class Fleet:
    """Has all workers take the steps of changes, one change after the other.

    Args:
        workers: those that live, by their places.
        order: the line that tells a fresh worker what to serve.
    """

    def __init__(self, workers: Mapping[int, Worker], order: str) -> None:
        self._workers = workers
        self._order = json.loads(order)
        # Held while a change is made: a worker that begins meanwhile would miss it.
        self.still = asyncio.Lock()

    def order(self, place: int) -> str:
        """Give the line that tells a fresh worker what is served now; the first one watches."""
        watches = self._order.get("watches", False) and place == 0
        return json.dumps({**self._order, "watches": watches}) + "\n"

    async def change(self, steps: Sequence[Step]) -> str | None:
        """Have all workers take steps; give a sentence where that is not possible."""
        async with self.still:
            for worker in list(self._workers.values()):
                await worker.settled.wait()
            return await carry_out(steps, self._tell)

    async def _tell(self, step: Step) -> str | None:
        serving = [worker for worker in self._workers.values() if worker.serves]
        if not serving:
            return "no worker serves; try again shortly"
        if step.do is Do.PREPARE:
            # It may end who loads it, which is then not to be all of them.
            first, *serving = serving
            if (problem := await self._ask([first], step)) is not None:
                return problem
        if (problem := await self._ask(serving, step)) is None:
            self._note(step)
        return problem

    async def _ask(self, workers: Sequence[Worker], step: Step) -> str | None:
        problems = await asyncio.gather(*(worker.take(step) for worker in workers))
        if step.do is Do.PREPARE and any(worker.is_gone for worker in workers):
            _log.error("a version ended who loaded it", model=step.tag)
            # Who follows the store may have gone, too, and would try it again.
            self._order.setdefault("tried", []).append(step.tag)
        return next(filter(None, problems), None)

    def _note(self, step: Step) -> None:
        """Have fresh workers serve what the others do."""
        served, defaults = self._order["served"], self._order.setdefault("defaults", {})
        match step.do:
            case Do.ADD:
                served.append(step.tag)
                defaults.setdefault(step.name, step.tag)
            case Do.DEFAULT:
                defaults[step.name] = step.tag
            case Do.REMOVE:
                served.remove(step.tag)
                if defaults.get(step.name) == step.tag:
                    del defaults[step.name]
