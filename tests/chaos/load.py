"""The load under faults: real clients of all kinds of calls, each on connections of its own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import numpy as np
from learnwire_client import AsyncClient, CallError, ChannelOptions, Client

from .checker import HUNG, OK, Call, Checker
from .models import MODEL, Oracle

_FEW, _MANY = 20, 200
# Deadlines, in seconds.
_SHORT, _LONG = 5.0, 10.0
# A call that has not even ended by so long after its deadline is given up.
_GIVEN_UP = 20.0
_PAUSE = 0.03


@dataclass(frozen=True)
class Caller:
    """Somebody who calls again and again.

    Args:
        target: the server, or the proxy in front of it.
        is_proxied: whether it is the proxy.
        options: how to reach it.
        oracle: what to ask for.
        checker: what looks at the calls.
    """

    target: str
    is_proxied: bool
    options: ChannelOptions
    oracle: Oracle
    checker: Checker

    async def run(self, kind: str, stop: asyncio.Event, seed: str) -> None:
        """Make calls of a kind until it is time to stop."""
        random = Random(seed)
        make: Callable[[Random, Any], Awaitable[None]] = getattr(self, f"_{kind}")
        async with AsyncClient(self.target, options=self.options) as client:
            with Client(self.target, options=self.options) as plain:
                while not stop.is_set():
                    await make(random, plain if kind == "blocking" else client)
                    await asyncio.sleep(_PAUSE * 2 * random.random())

    def _chosen(self, random: Random, count: int) -> list[int]:
        return [random.randrange(len(self.oracle.items)) for _ in range(count)]

    def _items(self, places: Sequence[int]) -> list[Any]:
        return [self.oracle.items[place] for place in places]

    async def _call(
        self,
        kind: str,
        places: Sequence[int],
        seconds: float,
        make: Callable[[Call, list[Any]], Awaitable[None]],
    ) -> None:
        call = self.checker.begin(kind, places, seconds, is_proxied=self.is_proxied)
        code, message = OK, ""
        try:
            async with asyncio.timeout(seconds + _GIVEN_UP):
                await make(call, self._items(places))
        except CallError as error:
            code, message = error.code.name, error.message
        except TimeoutError:
            code = HUNG
        except Exception as error:  # noqa: BLE001 - a client raises nothing else
            code, message = type(error).__name__, str(error)
        self.checker.end(call, code, message)

    async def _unary(self, random: Random, client: AsyncClient) -> None:
        async def make(call: Call, items: list[Any]) -> None:
            [item] = items
            self.checker.take(call, await client.predict(MODEL, item, timeout=call.seconds))

        await self._call("unary", self._chosen(random, 1), _SHORT, make)

    async def _connecting(self, random: Random, _: AsyncClient) -> None:
        async def make(call: Call, items: list[Any]) -> None:
            [item] = items
            async with AsyncClient(self.target, options=self.options) as fresh:
                self.checker.take(call, await fresh.predict(MODEL, item, timeout=call.seconds))

        await self._call("unary, connecting anew", self._chosen(random, 1), _SHORT, make)

    async def _blocking(self, random: Random, client: Client) -> None:
        async def make(call: Call, items: list[Any]) -> None:
            [item] = items
            answer = await asyncio.to_thread(client.predict, MODEL, item, timeout=call.seconds)
            self.checker.take(call, answer)

        await self._call("unary, blocking client", self._chosen(random, 1), _SHORT, make)

    async def _stream(self, random: Random, client: AsyncClient) -> None:
        async def make(call: Call, items: list[Any]) -> None:
            async for answer in client.predict_stream(MODEL, _slowly(items), timeout=call.seconds):
                self.checker.take(call, answer)

        await self._call("stream", self._chosen(random, _FEW), _LONG, make)

    async def _bulk(self, random: Random, client: AsyncClient) -> None:
        async def make(call: Call, items: list[Any]) -> None:
            async for answer in client.predict_many(MODEL, items, timeout=call.seconds):
                self.checker.take(call, answer)

        await self._call("bulk", self._chosen(random, _MANY), _LONG, make)

    async def _endpoint(self, random: Random, client: AsyncClient) -> None:
        async def make(call: Call, _: list[Any]) -> None:
            values = np.array([random.randrange(100)], np.float32)
            answer = await client.call("double", values, timeout=call.seconds)
            self.checker.compare(call, answer, 2 * values)

        await self._call("endpoint", [], _SHORT, make)


async def _slowly(items: Sequence[Any]) -> AsyncIterator[Any]:
    for item in items:
        yield item
        await asyncio.sleep(_PAUSE)


KINDS = ("unary", "unary", "connecting", "blocking", "stream", "stream", "bulk", "endpoint")


async def load(caller: Caller, stop: asyncio.Event, seed: int) -> None:
    """Have callers of all kinds; the first of each is told of every failure at once."""
    once = replace(caller, options=replace(caller.options, retries=0))
    async with asyncio.TaskGroup() as tasks:
        for number, kind in enumerate(KINDS):
            is_first = kind not in KINDS[:number]
            one = once if is_first and not caller.is_proxied else caller
            tasks.create_task(one.run(kind, stop, f"{seed}/{caller.is_proxied}/{number}"))
