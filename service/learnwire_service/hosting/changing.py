"""What a process does when what its server serves is changed."""

import asyncio
from collections.abc import Sequence

from ..common.changes import Do, Problem, Step, carry_out, late
from ..common.errors import ChangeRefused, LearnwireError, UnloadableModel
from ..common.logs import get_logger
from ..models.model import Model, get
from ..observe.states import load_failures
from ..rpc.lineup import Lineup
from ..runners.budget import Budget

_log = get_logger()


class Changes:
    """Takes the steps of changes, in the event loop of a server.

    Args:
        lineup: what the server serves.
        budget: what its models may take together; None: any memory.
        load_seconds: how long it may take to prepare a version; 0: for ever.
    """

    def __init__(self, lineup: Lineup, budget: Budget | None, load_seconds: float) -> None:
        self._lineup, self._budget, self._load_seconds = lineup, budget, load_seconds
        self._lock = asyncio.Lock()

    async def carry_out(self, steps: Sequence[Step]) -> Problem | None:
        """Take steps, where no other process serves; see `changes.carry_out`."""
        if steps[0].do is Do.DRAIN:
            return Problem("this server is part of a program, and ends with that")
        async with self._lock:
            return await carry_out(steps, self.take)

    async def take(self, step: Step) -> Problem | None:
        """Take a step; tell where that is not possible."""
        try:
            await self._take(step)
        except ChangeRefused as error:
            return Problem(str(error))
        except LearnwireError as error:
            return self._failed(step, str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, what was served is served
            _log.error("change failed", model=step.tag, step=step.do, exc_info=error)
            return self._failed(step, f"{step.tag} failed; the server's log tells more")
        return None

    async def _take(self, step: Step) -> None:
        match step.do:
            case Do.PREPARE:
                await self._prepare_in_time(step.tag)
            case Do.ABANDON:
                await self._lineup.abandon(step.tag)
                if step.why:
                    self._lineup.fail(step.tag, step.why)
            case Do.ADD:
                await self._lineup.add(step.tag)
            case Do.DEFAULT:
                await self._lineup.make_default(step.tag)
            case Do.REMOVE:
                await self._lineup.remove(step.tag)
            case Do.REMOVE_OTHERS:
                await self._lineup.remove_others(step.tag)
        _log.info("model changed", model=step.tag, step=step.do)

    async def _prepare_in_time(self, tag: str) -> None:
        limit = asyncio.timeout(self._load_seconds or None)
        try:
            async with limit:
                await self._prepare(tag)
        except TimeoutError:
            if not limit.expired():
                raise
            # What never ends is left behind in a thread of its own.
            raise UnloadableModel(late(tag, self._load_seconds)) from None

    async def _prepare(self, tag: str) -> None:
        if self._lineup.serves(tag):
            return
        model = await asyncio.to_thread(get, tag)
        if not isinstance(model, Model):
            raise ChangeRefused(f"{tag} is a PyTorch model, served from the start only")
        runner = model.to_runner()
        runner.keep_within(self._budget)
        await self._lineup.prepare(runner)

    def _failed(self, step: Step, problem: str) -> Problem:
        if step.do is Do.PREPARE:
            load_failures(step.name).inc()
        _log.error("model not changed", model=step.tag, step=step.do, problem=problem)
        return Problem(problem, is_failure=step.do is Do.PREPARE)
