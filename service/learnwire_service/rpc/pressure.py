"""What a server refuses while its memory runs short: new streams first, then all new calls."""

import asyncio
import time
from collections.abc import Mapping
from enum import IntEnum
from typing import NoReturn

from ..common.errors import MemoryShort
from ..common.logs import get_logger
from ..common.memory import trim
from ..common.mib import MIB
from ..observe.counters import Counters
from ..observe.memory_limit import Held, Measure
from ..runners.budget import Budget

_LOOK_SECONDS = 0.2
# How often memory is given back while it is short.
_GIVE_BACK_SECONDS = 1.0
# What was not called for so long is unloaded while memory is short.
_UNUSED_SECONDS = 60.0

_log = get_logger()


class Stage(IntEnum):
    """What is refused."""

    NOTHING = 0
    STREAMS = 1
    CALLS = 2


# The shares of the limit above which a stage begins, and down to which it lasts: a server that is
# near a bound would go to and fro.
_BOUNDS: Mapping[Stage, tuple[float, float]] = {
    Stage.NOTHING: (-1.0, -1.0),
    Stage.STREAMS: (0.85, 0.80),
    Stage.CALLS: (0.92, 0.87),
}
_REFUSED = {Stage.NOTHING: "nothing", Stage.STREAMS: "new streams", Stage.CALLS: "new calls"}


def stage_at(share: float, before: Stage) -> Stage:
    """Give the stage where this share of the limit is held, after another one."""
    return max(
        one
        for one, (begins, ends) in _BOUNDS.items()
        if share > (ends if one <= before else begins)
    )


class Pressure:
    """Looks at a server's memory again and again, and tells what is to be refused.

    Args:
        measure: tells what is held.

    Attributes:
        stage: what is refused now.
        budget: has models that can be unloaded; None: none can.
    """

    def __init__(self, measure: Measure) -> None:
        self._measure = measure
        self.stage = Stage.NOTHING
        self.budget: Budget | None = None
        self._give_back_at = 0.0
        self._knows = True
        self._counters = counters = Counters("learnwire_memory", {})
        self._held = counters.gauge(
            "held_bytes", "What is held of the limit, without files in memory.", "livemax"
        )
        self._limit = counters.gauge("limit_bytes", "What the server may hold.", "livemax")
        self._stage = counters.gauge(
            "stage", "What is refused: 0 nothing, 1 new streams, 2 new calls.", "livemax"
        )
        self._refusals = counters.counter(
            "refusals", "Calls and items of streams that were refused since memory was short."
        )

    def refuse(self) -> NoReturn:
        """Refuse a call.

        Raises:
            MemoryShort: always.
        """
        self._refusals.inc()
        raise MemoryShort(
            f"the server's memory is short, it takes no {_REFUSED[self.stage]}; try again shortly"
        )

    async def watch(self) -> None:
        """Look at the memory again and again; while that cannot be done, nothing is refused."""
        while True:
            try:
                await self._look()
                self._knows = True
            except Exception as error:  # noqa: BLE001 - whatever it is, the next look may succeed
                if self._knows:  # to tell it at each look would fill the log
                    _log.error("memory is not known, nothing is refused", exc_info=error)
                self._knows, self.stage = False, Stage.NOTHING
            await asyncio.sleep(_LOOK_SECONDS)

    def read(self) -> tuple[Held, Stage]:
        """Tell what is held, and what the process of the server refuses that refuses most."""
        counts = self._counters.read()
        held, limit, stage = (
            int(counts.value(one)) for one in ("held_bytes", "limit_bytes", "stage")
        )
        return Held(held, limit), Stage(stage)

    async def _look(self) -> None:
        held = self._measure()
        stage = stage_at(held.share, self.stage)
        if stage and time.monotonic() >= self._give_back_at:
            await asyncio.to_thread(self._give_back)
            self._give_back_at = time.monotonic() + _GIVE_BACK_SECONDS
            held = self._measure()
            stage = stage_at(held.share, self.stage)
        self._held.set(held.held)
        self._limit.set(held.limit)
        self._stage.set(stage)
        if stage is not self.stage:
            self.stage = stage
            self._tell(held)

    def _give_back(self) -> None:
        """Give back what nobody needs: models that are not called, and what the C library keeps."""
        if self.budget is not None:
            self.budget.unload_unused(time.monotonic() - _UNUSED_SECONDS)
        trim()

    def _tell(self, held: Held) -> None:
        tell = _log.warning if self.stage else _log.info
        tell(
            "memory is short" if self.stage else "memory suffices again",
            refused=_REFUSED[self.stage],
            held_mib=held.held // MIB,
            limit_mib=held.limit // MIB,
        )
