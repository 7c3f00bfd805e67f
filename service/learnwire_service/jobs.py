"""A job: many items asked for together, behind all that is interactive."""

import asyncio
from collections.abc import Iterable, Sequence
from concurrent.futures import Future

import numpy as np
from numpy.typing import NDArray

from .answers import Outcome, Outcomes
from .columns import CheckedColumns, Columns, check_columns
from .engine import Engine
from .processing import Processor
from .request import Request
from .signature import TabularInput
from .statistics import Fate
from .validation import extra_columns

_Future = asyncio.Future[Outcomes]


def ask_and_wait(engine: Engine, processor: Processor, values: Iterable[object]) -> list[Outcome]:
    """Predict items as they come, as a Job does, for a thread that waits."""
    pending: list[tuple[Request, Future[Outcomes]] | Exception] = []
    try:
        for value in values:
            reply = Future[Outcomes]()
            request = processor.bulk_request(value, reply)
            if isinstance(request, Exception):
                pending.append(request)
                continue
            pending.append((request, reply))
            while not engine.submit(request):
                engine.room(request).result()
        answered = [
            one if isinstance(one, Exception) else (one[0], one[1].result()) for one in pending
        ]
    except BaseException:  # of the values themselves, or nobody waits any more
        for one in pending:
            if not isinstance(one, Exception):
                engine.withdraw(one[0], Fate.CANCELLED)
        raise
    return [one if isinstance(one, Exception) else processor.outcome(*one) for one in answered]


class Job:
    """Submits items as there is room for them, and collects what becomes of them.

    When it is cancelled, what has not begun never will.
    """

    def __init__(self, engine: Engine, processor: Processor) -> None:
        self._engine = engine
        self._processor = processor
        self._loop = asyncio.get_running_loop()

    async def ask(self, values: Sequence[object]) -> list[Outcome]:
        """Predict items; one that is an exception is its own outcome."""
        pending: list[tuple[Request, _Future] | Exception] = []
        for value in values:
            reply: _Future = self._loop.create_future()
            request = self._processor.bulk_request(value, reply)
            pending.append(request if isinstance(request, Exception) else (request, reply))
        good = [one for one in pending if not isinstance(one, Exception)]
        outcomes = iter(await self._answered(good))
        return [
            one if isinstance(one, Exception) else self._processor.outcome(one[0], next(outcomes))
            for one in pending
        ]

    async def ask_columns(self, spec: TabularInput, columns: Columns) -> Outcomes:
        """Predict all rows that fit in one request, and each of the others by itself."""
        if not columns.size:
            return []
        checked, fits = check_columns(spec, columns)
        warnings = extra_columns(spec, columns.cells)
        if fits.all():
            return await self._ask_checked(checked, warnings)
        others = await self.ask([columns.row(int(i)) for i in np.flatnonzero(~fits)])
        if not fits.any():
            return others
        return _merged(fits, await self._ask_checked(checked[fits], warnings), others)

    async def _ask_checked(self, columns: CheckedColumns, warnings: tuple[str, ...]) -> Outcomes:
        reply: _Future = self._loop.create_future()
        request = self._processor.column_request(columns, reply, warnings)
        [outcomes] = await self._answered([(request, reply)])
        return self._processor.outcomes(request, outcomes)

    async def _answered(self, pending: Sequence[tuple[Request, _Future]]) -> list[Outcomes]:
        try:
            for request, _ in pending:
                while not self._engine.submit(request):
                    await asyncio.wrap_future(self._engine.room(request))
            return [await reply for _, reply in pending]
        except asyncio.CancelledError:
            for request, _ in pending:
                self._engine.withdraw(request, Fate.CANCELLED)
            raise


def _merged(fits: NDArray[np.bool_], together: Outcomes, others: Sequence[Outcome]) -> Outcomes:
    """Bring the outcomes of the rows that fit, and of the others, into the rows' order."""
    answers, rest = iter(together), iter(others)
    return [next(answers) if fit else next(rest) for fit in fits.tolist()]
