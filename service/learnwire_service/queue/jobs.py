"""A job: many items asked for together, behind all that is interactive."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from ..common.deadline import Deadline
from ..signature.answers import Outcome, Outcomes
from ..signature.columns import CheckedColumns, Columns
from ..signature.specs import TabularInput
from .engine import Engine
from .processing import Processor
from .request import Request
from .statistics import Fate

NO_DEADLINE = Deadline(None)
# After so many items others have their turn.
_TURN = 64

# A request with the future of its outcomes, or the error that an item is or makes.
_Pending = tuple[Request, asyncio.Future[Outcomes]] | Exception
_PendingInThread = tuple[Request, Future[Outcomes]] | Exception


def ask_and_wait(
    engine: Engine,
    processor: Processor,
    values: Iterable[object],
    deadline: Deadline = NO_DEADLINE,
    *,
    are_new: bool = True,
) -> list[Outcome]:
    """Predict items as they come, as a Job does, for a thread that waits.

    Raises:
        TimeoutError: the deadline passed before the last was answered.
    """
    pending: list[_PendingInThread] = []
    with _giving_up(engine, pending):
        for value in values:
            reply = Future[Outcomes]()
            request = processor.bulk_request(value, reply, is_new=are_new)
            if isinstance(request, Exception):
                pending.append(request)
                continue
            pending.append((request, reply))
            _submit(engine, request, deadline)
        answered = [
            one if isinstance(one, Exception) else (one[0], one[1].result(deadline.left))
            for one in pending
        ]
    return [one if isinstance(one, Exception) else processor.outcome(*one) for one in answered]


def ask_columns_and_wait(
    engine: Engine,
    processor: Processor,
    spec: TabularInput,
    columns: Columns,
    deadline: Deadline = NO_DEADLINE,
) -> Outcomes:
    """Predict rows as columns, as a Job does, for a thread that waits; see `ask_and_wait`."""
    warnings = processor.column_warnings(spec, columns)
    checked, fits, are_watched = processor.checked_columns(spec, columns)
    misfits = (columns.row(int(i)) for i in np.flatnonzero(~fits))
    others = ask_and_wait(engine, processor, misfits, deadline, are_new=not are_watched)
    if not fits.any():
        return others
    reply = Future[Outcomes]()
    request = processor.column_request(checked[fits], reply, warnings)
    with _giving_up(engine, [(request, reply)]):
        _submit(engine, request, deadline)
        together = processor.outcomes(request, reply.result(deadline.left))
    return _merged(fits, together, others) if others else together


def _submit(engine: Engine, request: Request, deadline: Deadline) -> None:
    while not engine.submit(request):
        engine.room(request).result(deadline.left)


class Job:
    """Submits items as there is room for them, and collects what becomes of them.

    When it is cancelled, what has not begun never will.
    """

    def __init__(self, engine: Engine, processor: Processor) -> None:
        self._engine = engine
        self._processor = processor
        self._loop = asyncio.get_running_loop()

    async def ask(self, values: Iterable[object], *, are_new: bool = True) -> list[Outcome]:
        """Predict items; one that is an exception is its own outcome.

        Args:
            values: the items.
            are_new: whether they have not been watched yet.
        """
        pending: list[_Pending] = []
        with _giving_up(self._engine, pending):
            for number, value in enumerate(values, 1):
                if number % _TURN == 0:
                    # Where all are refused, nothing else here waits.
                    await asyncio.sleep(0)
                reply: asyncio.Future[Outcomes] = self._loop.create_future()
                request = self._processor.bulk_request(value, reply, is_new=are_new)
                if isinstance(request, Exception):
                    pending.append(request)
                    continue
                pending.append((request, reply))
                await self._engine.submit_patiently(request)
            answered = [
                one if isinstance(one, Exception) else (one[0], await one[1]) for one in pending
            ]
        return [
            one if isinstance(one, Exception) else self._processor.outcome(*one) for one in answered
        ]

    async def ask_columns(self, spec: TabularInput, columns: Columns) -> Outcomes:
        """Predict all rows that fit in one request, and each of the others by itself."""
        if not columns.size:
            return []
        warnings = self._processor.column_warnings(spec, columns)
        checked, fits, are_watched = self._processor.checked_columns(spec, columns)
        if fits.all():
            return await self._ask_checked(checked, warnings)
        misfits = (columns.row(int(i)) for i in np.flatnonzero(~fits))
        others = await self.ask(misfits, are_new=not are_watched)
        if not fits.any():
            return others
        return _merged(fits, await self._ask_checked(checked[fits], warnings), others)

    async def _ask_checked(self, columns: CheckedColumns, warnings: tuple[str, ...]) -> Outcomes:
        reply: asyncio.Future[Outcomes] = self._loop.create_future()
        request = self._processor.column_request(columns, reply, warnings)
        with _giving_up(self._engine, [(request, reply)]):
            await self._engine.submit_patiently(request)
            outcomes = await reply
        return self._processor.outcomes(request, outcomes)


@contextmanager
def _giving_up(
    engine: Engine, pending: Sequence[_Pending] | Sequence[_PendingInThread]
) -> Iterator[None]:
    """Give up what is pending, where nobody waits for it any more."""
    try:
        yield
    except BaseException:  # cancelled, interrupted, or the values' own
        for one in pending:
            if not isinstance(one, Exception):
                engine.withdraw(one[0], Fate.CANCELLED)
        raise


def _merged(fits: NDArray[np.bool_], together: Outcomes, others: Sequence[Outcome]) -> Outcomes:
    """Bring the outcomes of the rows that fit, and of the others, into the rows' order."""
    answers, rest = iter(together), iter(others)
    return [next(answers) if fit else next(rest) for fit in fits.tolist()]
