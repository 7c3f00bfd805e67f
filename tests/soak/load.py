"""The mixed load of a soak: right calls, wrong ones, and callers who leave early."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from itertools import cycle
from random import Random
from typing import Any

from learnwire_client import (
    AsyncClient,
    CallError,
    DeadlineExceeded,
    EndpointNotFound,
    InvalidInput,
    ModelNotFound,
    ResourceExhausted,
)

from tests.control import numbers, same

_MANY, _FEW = 300, 20
_TINY = 0.002
_MOST_FAULTS = 20


@dataclass
class Load:
    """Callers of a server.

    Args:
        target: where it is.
        items: those of its models.
        versions: of one of them, each to take the place of the other again and again.

    Attributes:
        calls: how many there were of each kind.
        faults: what went otherwise than it should; not all.
    """

    target: str
    items: Mapping[str, Sequence[Any]]
    versions: Sequence[str] = ()
    calls: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    async def run(self, callers: int, stop: asyncio.Event, seed: int) -> None:
        """Call until it is time to stop."""
        async with AsyncClient(self.target, channels=2, timeout=120) as client:
            self._expected = {
                name: [numbers(await client.predict(name, item)) for item in some]
                for name, some in self.items.items()
            }
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._swap(client, stop))
                for caller in range(callers):
                    tasks.create_task(self._call(client, stop, Random(f"{seed}/{caller}")))

    async def _call(self, client: AsyncClient, stop: asyncio.Event, random: Random) -> None:
        kinds: Sequence[Callable[[AsyncClient, Random], Awaitable[None]]] = [
            *[self._predict] * 4,
            self._predict_many,
            self._predict_stream,
            self._leave_a_stream,
            self._leave_a_call,
            self._be_late,
            self._be_wrong,
            self._ask_for_nobody,
            self._call_endpoints,
            self._connect,
        ]
        while not stop.is_set():
            call = random.choice(kinds)
            try:
                await call(client, random)
            except CallError as error:
                self._fault(f"{call.__name__}: {error!r}")
            self.calls[call.__name__.strip("_")] += 1

    async def _swap(self, client: AsyncClient, stop: asyncio.Event) -> None:
        for version in cycle(self.versions):
            if stop.is_set():
                return
            try:
                await client.update(version)
            except CallError as error:
                self._fault(f"the update to {version}: {error!r}")
            self.calls["swap"] += 1

    def _fault(self, fault: str) -> None:
        if len(self.faults) < _MOST_FAULTS:
            self.faults.append(fault)

    def _compare(self, name: str, place: int, answer: Any) -> None:
        if isinstance(answer, CallError):
            self._fault(f"an item of {name}: {answer!r}")
        elif not same(numbers(answer), self._expected[name][place]):
            self._fault(f"{name} answered {answer}")

    def _chosen(self, random: Random) -> tuple[str, int]:
        name = random.choice(list(self.items))
        return name, random.randrange(len(self.items[name]))

    async def _predict(self, client: AsyncClient, random: Random) -> None:
        name, place = self._chosen(random)
        self._compare(name, place, await client.predict(name, self.items[name][place]))

    async def _predict_many(self, client: AsyncClient, random: Random) -> None:
        name, place = self._chosen(random)
        async for answer in client.predict_many(name, [self.items[name][place]] * _MANY):
            self._compare(name, place, answer)

    async def _predict_stream(self, client: AsyncClient, random: Random) -> None:
        name, place = self._chosen(random)
        async for answer in client.predict_stream(name, [self.items[name][place]] * _FEW):
            self._compare(name, place, answer)

    async def _leave_a_stream(self, client: AsyncClient, random: Random) -> None:
        name, place = self._chosen(random)

        async def endless() -> AsyncIterator[Any]:
            while True:
                yield self.items[name][place]
                await asyncio.sleep(0)

        async with aclosing(client.predict_stream(name, endless())) as answers:
            self._compare(name, place, await anext(answers))

    async def _leave_a_call(self, client: AsyncClient, random: Random) -> None:
        name, place = self._chosen(random)
        task = asyncio.create_task(client.predict(name, self.items[name][place]))
        await asyncio.sleep(random.random() * _TINY)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def _be_late(self, client: AsyncClient, random: Random) -> None:
        name, place = self._chosen(random)
        # One that would wait beyond its deadline is refused.
        with suppress(DeadlineExceeded, ResourceExhausted):
            await client.predict(name, self.items[name][place], timeout=_TINY * random.random())

    async def _be_wrong(self, client: AsyncClient, random: Random) -> None:
        name, _ = self._chosen(random)
        await self._refused(client.predict(name, {"no such column": 1.0}), InvalidInput)

    async def _ask_for_nobody(self, client: AsyncClient, random: Random) -> None:
        await self._refused(client.predict(f"nobody-{random.random()}", "text"), ModelNotFound)
        await self._refused(client.call(f"nothing-{random.random()}", "text"), EndpointNotFound)

    async def _refused(self, call: Awaitable[Any], error: type[CallError]) -> None:
        with suppress(error):
            self._fault(f"expected {error.__name__}, got {await call}")

    async def _call_endpoints(self, client: AsyncClient, random: Random) -> None:
        if await client.call("text", "two words") != "two words":
            self._fault("an endpoint answered something else")
        words = [word async for word in client.stream("words", "two words")]
        if words != ["two", "words"]:
            self._fault(f"a streaming endpoint answered {words}")

    async def _connect(self, client: AsyncClient, random: Random) -> None:
        async with AsyncClient(self.target, timeout=120) as fresh:
            await self._predict(fresh, random)
