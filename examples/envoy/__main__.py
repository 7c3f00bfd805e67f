"""Serves a model behind Envoy, and shows what callers see when they ask for too much.

Usage: `python -m examples.envoy`, from the root of the repository.
"""

import asyncio
import os
import sys
import warnings
from collections import Counter
from typing import Any

import learnwire_service as lw
import rich
from learnwire_client import AsyncClient, CallError, ChannelOptions, ResourceExhausted
from learnwire_service.rpc.probe import health_of

from ..demo.compare import Way, compare
from ..demo.data import CACHE
from ..demo.errors import DemoError
from ..demo.recipes import RECIPES
from ..demo.report import table_of
from ..demo.trained import prepare
from ..secure.commands import served
from .front import in_front_of

_MODEL = "penguins"
_RECIPE = next(one for one in RECIPES if one.name == _MODEL)
_AT_ONCE = 1000
_ONE_TRY = ChannelOptions(retries=0)


def main() -> None:
    """Run the demo; exit with 0 only if all went as it should."""
    warnings.filterwarnings("ignore", category=UserWarning)
    CACHE.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("LEARNWIRE_HOME", str(CACHE.with_name("store")))
    try:
        learner = prepare(_RECIPE).load()
        with served(_MODEL, "--port", 0) as target, in_front_of(target) as front:
            _show(front.target, learner)
    except (DemoError, lw.LearnwireError) as error:
        sys.exit(f"The demo stopped: {error}")


def _show(target: str, learner: Any) -> None:
    items = list(_RECIPE.items())
    comparisons = list(compare(Way(target), _MODEL, learner, items))
    rich.print(f"[bold]{_MODEL}[/] behind Envoy at {target}", table_of(comparisons))
    if not all(one.agrees for one in comparisons):
        raise DemoError("answers disagree, marked ✗ above")
    outcomes, health = asyncio.run(_flood(target, items[0].value))
    rich.print(f"{_AT_ONCE} calls at once: {outcomes['answered']} answered")
    for refusal, count in outcomes.items():
        if isinstance(refusal, str):
            continue
        name, message, seconds = refusal
        rich.print(f"[yellow]{count}[/]: {name}: {message}; again after {seconds} s")
        if (name, seconds) != (ResourceExhausted.__name__, 0.2):
            raise DemoError("a refusal is none of Learnwire's own")
    if len(outcomes) < 2:
        raise DemoError("nobody was refused")
    rich.print(f"health meanwhile: {health}")
    rich.print("[bold green]All as it should be.[/] docs/overload.md tells more.")


async def _flood(target: str, item: Any) -> tuple[Counter[Any], str]:
    """Ask for more at once than the server takes; tell what callers saw, and its health."""
    seen = Counter[Any]()
    async with AsyncClient(target, options=_ONE_TRY) as client:

        async def ask() -> None:
            try:
                await client.predict(_MODEL, item)
                seen["answered"] += 1
            except CallError as error:
                seen[type(error).__name__, error.message, error.retry_after] += 1

        calls = [asyncio.create_task(ask()) for _ in range(_AT_ONCE)]
        health = await asyncio.to_thread(health_of, "", target, _ONE_TRY)
        await asyncio.gather(*calls)
    return seen, health


if __name__ == "__main__":
    main()
