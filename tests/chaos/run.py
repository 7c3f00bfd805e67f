"""One fault after the other under a load, each until the server is back to normal."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import cycle

from learnwire_client import CallError

from .checker import Window
from .fault import Fault, Problem
from .load import Caller, load
from .models import Oracle
from .site import Site

# Calls must go well for so long before all is normal, and it must be so by then.
_QUIET, BOUND = 2.0, 45.0
_LOOKS = 0.05


@dataclass
class Log:
    """What was done.

    Attributes:
        windows: when each fault was on.
        skipped: the faults that could not be injected here, and why.
        problems: what the server did otherwise than a fault allows.
        lag: the longest time, in seconds, that the callers' event loop did not run.
    """

    windows: list[Window] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    lag: float = 0.0


async def under_faults(
    site: Site,
    oracle: Oracle,
    faults: Sequence[Fault],
    seconds: float,
    seed: int,
    tell: Callable[[str], None],
) -> Log:
    """Inject faults for so long, at least each once, and call all the while."""
    log, stop = Log(), asyncio.Event()
    checker = site.checker
    callers = [
        Caller(target, target == site.relay.target, site.options, oracle, checker)
        for target in (site.server.target, site.relay.target)
    ]
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_measure(log, stop))
        for caller in callers:
            tasks.create_task(load(caller, stop, seed))
        try:
            await _inject_all(site, faults, log, seconds, tell)
        finally:
            stop.set()
    checker.finish()
    return log


async def _inject_all(
    site: Site, faults: Sequence[Fault], log: Log, seconds: float, tell: Callable[[str], None]
) -> None:
    end = time.monotonic() + seconds
    await asyncio.sleep(_QUIET)
    for number, fault in enumerate(cycle(faults)):
        if number >= len(faults) and time.monotonic() > end:
            return
        if why := fault.skipped(site):
            log.skipped[fault.name] = why
            continue
        window = await _inject(site, fault, log)
        failed = dict(site.checker.under(window))
        tell(f"{fault.name}: normal {window.normal - window.begun:.1f} s later, failed: {failed}")


async def _inject(site: Site, fault: Fault, log: Log) -> Window:
    window = Window(fault.name, fault.codes, fault.is_of_proxy)
    site.checker.windows.append(window)
    log.windows.append(window)
    try:
        try:
            await asyncio.to_thread(fault.inject, site)
            await asyncio.sleep(fault.seconds)
        finally:
            await asyncio.to_thread(fault.lift, site)
    except (CallError, Problem) as error:
        log.problems.append(f"{fault.name}: {error!r}")
    window.lifted = time.monotonic()
    window.normal = await _normal(site, window, log)
    return window


async def _normal(site: Site, window: Window, log: Log) -> float:
    """Wait until all workers serve and no call fails any more; tell since when."""
    checker, since = site.checker, window.lifted
    failed = len(checker.failed)
    while time.monotonic() < max(since, window.lifted) + _QUIET:
        await asyncio.sleep(_LOOKS)
        if len(checker.failed) > failed or not site.is_whole():
            failed, since = len(checker.failed), time.monotonic()
        if time.monotonic() > window.lifted + BOUND:
            log.problems.append(f"{window.fault}: not normal after {BOUND:.0f} s")
            return time.monotonic()
    return since


async def _measure(log: Log, stop: asyncio.Event) -> None:
    while not stop.is_set():
        begun = time.monotonic()
        await asyncio.sleep(_LOOKS)
        log.lag = max(log.lag, time.monotonic() - begun - _LOOKS)
