"""The lineup: which models and services a server has, and what health says of them."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from ..common.errors import ChangeRefused, LearnwireError
from ..common.logs import get_logger
from ..common.memory import free
from ..common.settings import ServerSettings
from ..observe.counters import forget_counts
from ..observe.requests import Requests
from ..runners.base import BaseRunner
from ..runners.coming import Coming
from ..runners.learner import LearnerRunner
from ..runners.registry import Registry
from ..services.endpoints.directory import Directory
from ..store.tag import LIVENESS, Tag
from .contracts import Contracts
from .health import NOT_SERVING, SERVING, WHOLE_SERVER, Health

# So many versions that were unloaded last have their counts still, for those who read metrics now
# and then, and go on counting where they come back.
_KEPT = 8

_log = get_logger()


class Failed(NamedTuple):
    """A version that could not be loaded.

    Attributes:
        tag: which.
        at: when.
        problem: why.
    """

    tag: Tag
    at: datetime
    problem: str


class Lineup:
    """Loads, adds and removes what a server serves, in its event loop.

    Args:
        registry: the models.
        directory: the services.
        contracts: the models' own services.
        health: is told.
        requests: counts the calls of each version.
        settings: of the server.

    Attributes:
        registry: the models.
        directory: the services.
        since: since when each version has been loaded, by its tag.
        failed: those that could not be loaded when they were last tried, by their tags.
    """

    def __init__(
        self,
        registry: Registry,
        directory: Directory,
        contracts: Contracts,
        health: Health,
        requests: Requests,
        settings: ServerSettings,
    ) -> None:
        self.registry, self.directory = registry, directory
        self._contracts, self._health, self._settings = contracts, health, settings
        self._requests, self._gone = requests, dict[str, None]()
        self.since: dict[str, datetime] = {}
        self.failed: dict[str, Failed] = {}
        self._held: list[BaseRunner] = []
        self._prepared: dict[str, LearnerRunner] = {}
        self._retiring = set[asyncio.Task[None]]()
        for name in registry.names:
            self._hide(name)
        for service, endpoints in self.directory.names.items():
            health.hide(service, endpoints)

    @property
    def is_ready(self) -> bool:
        """Whether all that it has can answer."""
        return self.registry.is_ready and self.directory.is_ready

    @property
    def to_load(self) -> int:
        """How many models have yet to be loaded."""
        return len({id(one) for one in self._runners if not one.is_ready})

    @property
    def _runners(self) -> list[BaseRunner]:
        """All runners; those that are both the registry's and a service's are there twice."""
        return [*self.registry.runners, *self.directory.runners]

    async def load(self, begin: Callable[[str], None]) -> None:
        """Load and check all models, each SERVING as soon as it is ready, then start the services.

        Args:
            begin: is told the name of each that is loaded, before it is.

        Raises:
            LearnwireError: a model does not load, see `Model.load`, or a service does not start.
        """
        for one in self._runners:
            self._hold(one)
        for name in self.registry.names:
            for runner in self.registry.versions(name):
                await self._load(runner, begin)
                self.since[runner.tag] = datetime.now(UTC)
            self._say(self._names_of(name), SERVING)
        for other in self.directory.runners:
            await self._load(other, begin)
        await self.directory.start()

    async def prepare(self, runner: LearnerRunner) -> None:
        """Load and check a version that is about to be served beside those that are.

        Raises:
            ChangeRefused: its name is that of a service.
            LearnwireError: it does not load.
        """
        if runner.manifest.name in [LIVENESS, *self.directory.services]:
            raise ChangeRefused(f"{runner.manifest.name} is the name of something else here")
        # Those that ask whether its model is ready are not to wait for it.
        runner.state.gone()
        self._prepared[runner.tag] = runner
        self._gone.pop(runner.tag, None)
        self._hold(runner)
        try:
            await self._load(runner)
            await self._contracts.prepare(runner)
        except BaseException:
            await self.abandon(runner.tag)
            raise

    async def abandon(self, tag: str) -> None:
        """Put a version away that is not to be served after all."""
        if (runner := self._prepared.pop(tag, None)) is not None:
            self._contracts.abandon(runner)
            self._held.remove(runner)
            await self._retire(runner)

    async def add(self, tag: str) -> None:
        """Serve a version that has been prepared."""
        if self.serves(tag):
            return
        runner = self._prepared.pop(tag)
        self.registry.add(runner)
        self._contracts.renew(runner.manifest.name)
        self.since[tag] = datetime.now(UTC)
        self._forgive(runner.manifest.name)
        self._hide(runner.manifest.name)
        self._say(self._names_of(runner.manifest.name), SERVING)

    async def make_default(self, tag: str) -> None:
        """Have a version answer to its model's bare name.

        Raises:
            ChangeRefused: it is not served.
        """
        runner = self._found(tag)
        self.registry.make_default(runner)
        self._contracts.renew(runner.manifest.name)

    async def remove(self, tag: str) -> None:
        """Serve a version no longer; the calls that it has begun are answered meanwhile.

        Raises:
            ChangeRefused: it is not served, or something needs it.
        """
        runner = self._found(tag)
        if self._is_asked(runner):
            raise ChangeRefused(f"a service asks {tag}, and would go on without it")
        names = self._names_of(runner.manifest.name)
        self.registry.remove(runner)
        self._contracts.renew(runner.manifest.name)
        self._health.forget(set(names).difference(self._names_of(runner.manifest.name)))
        self.since.pop(tag, None)
        self._held.remove(runner)
        task = asyncio.create_task(self._retire(runner))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    async def remove_others(self, tag: str) -> None:
        """Serve no other version of a model, but for those that a service asks; see `remove`."""
        for other in self.registry.versions(Tag.parse(tag).name):
            if other.tag != tag and not self._is_asked(other):
                await self.remove(other.tag)

    def serves(self, tag: str) -> bool:
        """Tell whether it serves a version, under whichever name."""
        return self._served(tag) is not None

    def fail(self, tag: str, problem: str) -> None:
        """Say that a version could not be loaded, to whoever asks for it or health."""
        found = Tag.parse(tag)
        self.failed[tag] = Failed(found, datetime.now(UTC), problem)
        self._health.hide(tag, [found.name])
        self._health.set(tag, NOT_SERVING)

    def _forgive(self, name: str) -> None:
        """Tell no more of versions that failed, now that another one is served."""
        over = {tag for tag, one in self.failed.items() if one.tag.name == name}
        self.failed = {tag: one for tag, one in self.failed.items() if tag not in over}
        self._health.forget(over)

    def report(self, status: int, fixed: Iterable[str]) -> None:
        """Tell health of all that there is, and of a server's fixed services."""
        names = [own for name in self.registry.names for own in self._names_of(name)]
        self._say([*names, *self.directory.services, *fixed, WHOLE_SERVER], status)

    async def stop(self) -> None:
        """Stop the services, and let all models go, those that are about to be served too."""
        await self.directory.stop()
        for tag in list(self._prepared):
            await self.abandon(tag)
        if self._retiring:
            await asyncio.wait(self._retiring)
        while self._held:
            self._held.pop().release()

    def _is_asked(self, runner: LearnerRunner) -> bool:
        """Tell whether a service asks a version, and would go on without it."""
        return any(one is runner for one in self.directory.runners)

    def _served(self, tag: str) -> LearnerRunner | None:
        return next((one for one in self.registry.runners if one.tag == tag), None)

    def _found(self, tag: str) -> LearnerRunner:
        if (runner := self._served(tag)) is None:
            raise ChangeRefused(f"{tag} is not loaded")
        return runner

    def _hold(self, runner: BaseRunner) -> None:
        runner.hold(self._settings)
        self._held.append(runner)

    async def _load(
        self, runner: BaseRunner, begin: Callable[[str], None] = lambda name: None
    ) -> None:
        if not runner.is_ready:
            begin(runner.name)
        # In a thread that nobody waits for at the end, since it may never end.
        await asyncio.wrap_future(Coming(runner.load).future())

    async def _retire(self, runner: LearnerRunner) -> None:
        tag = runner.tag
        try:
            await runner.retire(self._settings.drain_seconds)
        except LearnwireError as error:
            _log.error("unloading failed", model=tag, problem=str(error))
        del runner
        # What it kept is in cycles, and would stay until many others are made.
        await asyncio.to_thread(free)
        self._give_up(tag)
        _log.info("unloaded", model=tag)

    def _give_up(self, tag: str) -> None:
        """Give up the counts of versions that went long ago, now that another one has gone."""
        if self.serves(tag) or tag in self._prepared:
            return  # it has come back
        self._gone.pop(tag, None)
        self._gone[tag] = None
        for over in list(self._gone)[:-_KEPT]:
            del self._gone[over]
            self._requests.forget(over)
            forget_counts(over)

    def _names_of(self, name: str) -> list[str]:
        """Give the names by which health knows a model; none where it is not served."""
        if name not in self.registry.names:
            return []
        return [name, *self._contracts.services(name)]

    def _hide(self, name: str) -> None:
        for one in self._names_of(name):
            self._health.hide(one, [name])

    def _say(self, names: Iterable[str], status: int) -> None:
        for name in names:
            self._health.set(name, status)
