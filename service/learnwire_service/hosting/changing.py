"""What a process does when what its server serves is changed."""

import asyncio
from collections.abc import Sequence

from ..common.changes import Do, Step, carry_out
from ..common.errors import ChangeRefused, LearnwireError
from ..common.logs import get_logger
from ..models.model import Model, get
from ..rpc.lineup import Lineup
from ..runners.budget import Budget

_log = get_logger()


class Changes:
    """Takes the steps of changes, in the event loop of a server.

    Args:
        lineup: what the server serves.
        budget: what its models may take together; None: any memory.
    """

    def __init__(self, lineup: Lineup, budget: Budget | None) -> None:
        self._lineup, self._budget = lineup, budget
        self._lock = asyncio.Lock()

    async def carry_out(self, steps: Sequence[Step]) -> str | None:
        """Take steps, where no other process serves; see `changes.carry_out`."""
        async with self._lock:
            return await carry_out(steps, self.take)

    async def take(self, step: Step) -> str | None:
        """Take a step; give a sentence where that is not possible."""
        try:
            await self._take(step)
        except ChangeRefused as error:
            return str(error)
        except LearnwireError as error:
            return self._failed(step, str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, what was served is served
            _log.error("change failed", model=step.tag, step=step.do, exc_info=error)
            return self._failed(step, f"{step.tag} failed; the server's log tells more")
        return None

    async def _take(self, step: Step) -> None:
        match step.do:
            case Do.PREPARE:
                model = await asyncio.to_thread(get, step.tag)
                if not isinstance(model, Model):
                    raise ChangeRefused(
                        f"{step.tag} is a PyTorch model, served from the start only"
                    )
                runner = model.to_runner()
                runner.keep_within(self._budget)
                await self._lineup.prepare(runner)
            case Do.ABANDON:
                await self._lineup.abandon(step.tag)
            case Do.ADD:
                await self._lineup.add(step.tag)
            case Do.DEFAULT:
                await self._lineup.make_default(step.tag)
            case Do.REMOVE:
                await self._lineup.remove(step.tag)
        _log.info("model changed", model=step.tag, step=step.do)

    def _failed(self, step: Step, problem: str) -> str:
        if step.do is Do.PREPARE:
            self._lineup.fail(step.tag, problem)
        _log.error("model not changed", model=step.tag, step=step.do, problem=problem)
        return problem
