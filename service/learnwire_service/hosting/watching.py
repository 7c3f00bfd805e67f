"""Following the store: what is saved is served, and what is deleted is served no longer."""

import asyncio
from collections.abc import Collection, Iterator, Sequence

from ..common.changes import CarryOut, Do, Step, updating
from ..common.errors import LearnwireError, NotInStore
from ..common.logs import get_logger
from ..rpc.lineup import Lineup
from ..store.manifest import Manifest
from ..store.reference import Reference, find
from ..store.store import ModelStore

_LOOK_SECONDS = 1.0

_log = get_logger()


def followed(served: Sequence[str]) -> list[str]:
    """Give those of what is served that a newer version may take the place of: bare names."""
    return [one for one in served if ":" not in one and not isinstance(find(one), Reference)]


async def follow(
    lineup: Lineup,
    carry_out: CarryOut,
    names: Collection[str] | None,
    tried: Collection[str] = (),
) -> None:
    """Have a server serve the newest versions of the store, for ever.

    A version that cannot be loaded is not tried again; the log and `learnwire admin list` tell why.
    While the store is away, as a disk that is not mounted, all stays as it is.

    Args:
        lineup: what this process serves.
        carry_out: changes what all processes serve.
        names: the models that are followed; None: all that the store has.
        tried: versions that cannot be loaded, as is known from before.
    """
    follower = _Follower(lineup, carry_out, names, tried)
    told = ""
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        before, told = told, ""
        try:
            await follower.look()
        except Exception as error:  # noqa: BLE001 - whatever it is, it may pass
            if (told := str(error) or repr(error)) != before:
                trace = None if isinstance(error, LearnwireError | OSError) else error
                _log.error("store not followed", problem=told, exc_info=trace)


class _Follower:
    def __init__(
        self,
        lineup: Lineup,
        carry_out: CarryOut,
        names: Collection[str] | None,
        tried: Collection[str],
    ) -> None:
        self._lineup, self._carry_out = lineup, carry_out
        self._names = None if names is None else frozenset(names)
        self._tried = set(tried)

    async def look(self) -> None:
        """Make what is served what the store holds.

        Raises:
            NotInStore: the store is away.
        """
        if self._lineup.registry.names and not (store := ModelStore()).is_there:
            raise NotInStore(store.emptiness())
        stored = await asyncio.to_thread(_stored, self._names)
        for steps in list(self._steps(stored)):
            problem = await self._carry_out(steps)
            if problem is not None and not problem.passes and steps[0].do is Do.PREPARE:
                self._tried.add(steps[0].tag)

    def _steps(self, stored: dict[str, list[Manifest]]) -> Iterator[list[Step]]:
        registry = self._lineup.registry
        for name in {*stored, *registry.names}:
            if self._names is not None and name not in self._names:
                continue
            if registry.split(name) is not None:
                continue  # somebody takes its versions out step by step
            served = registry.versions(name) if name in registry.names else []
            if (there := stored.get(name)) is None:
                if gone := [Step(Do.REMOVE, one.tag) for one in served]:
                    default = registry.default(name).tag
                    # The default goes last.
                    yield sorted(gone, key=lambda step: step.tag == default)
                continue
            if not there:
                continue
            newest = str(there[0].tag)
            if served and registry.default(name).tag == newest:
                continue
            if newest not in self._tried:
                yield updating(newest)


def _stored(names: Collection[str] | None) -> dict[str, list[Manifest]]:
    """Give the versions of models that the store has, newest first; none where none reads."""
    store = ModelStore()
    return {
        name: [v.manifest for v in store.readable(name)[0] if isinstance(v.manifest, Manifest)]
        for name in store.names()
        if names is None or name in names
    }
