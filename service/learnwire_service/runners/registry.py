"""The registry: the models that this process serves, by name and version."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from ..common.errors import ChangeRefused, InvalidTag, ModelNotFound, ModelNotReady
from ..common.spelling import meant
from ..store.tag import Tag, pick_version
from .learner import LearnerRunner
from .split import Split

_LISTED_NAMES = 10
_NO_SHARES: Mapping[str, float] = MappingProxyType({})


class Registry:
    """Finds the runner that a request means, in one event loop.

    At first the newest version of each model that has no share of its own is its default, which
    answers to the bare name.

    Args:
        runners: of the versions.
        shares: which share of the calls that name no version single versions answer, by their tags.

    Raises: InvalidTag at construction where one version is given twice.
    """

    def __init__(
        self, runners: Sequence[LearnerRunner], shares: Mapping[str, float] = _NO_SHARES
    ) -> None:
        self._shares = shares
        self._models: dict[str, dict[str, LearnerRunner]] = {}
        self._defaults: dict[str, LearnerRunner] = {}
        # What each request would otherwise parse again; no more than there are fitting prefixes.
        self._found: dict[str, LearnerRunner] = {}
        self._parts: dict[frozenset[str], Registry] = {}
        # How calls are divided, by what they call a model that names no version.
        self._splits: dict[str, Split[LearnerRunner]] = {}
        newest_first = sorted(runners, key=_age, reverse=True)
        for runner in sorted(newest_first, key=lambda one: one.tag in shares):
            self.add(runner)

    def add(self, runner: LearnerRunner) -> None:
        """Serve one more version; it is the default where it is the only one of its model.

        Raises:
            InvalidTag: it is served already.
        """
        name, version = runner.manifest.name, runner.manifest.version
        versions = self._models.get(name, {})
        if version in versions:
            raise InvalidTag(f"{runner.tag} is given twice")
        newest_first = sorted([runner, *versions.values()], key=_age, reverse=True)
        self._models[name] = {one.manifest.version: one for one in newest_first}
        self._defaults.setdefault(name, runner)
        self._forget()

    def remove(self, runner: LearnerRunner) -> None:
        """Serve a version no longer.

        Raises:
            ChangeRefused: it is the default, and others of its model are served.
        """
        name = runner.manifest.name
        if self._defaults[name] is runner:
            if len(self._models[name]) > 1:
                raise ChangeRefused(
                    f"{runner.tag} answers to the bare name: make another version the default first"
                )
            del self._defaults[name]
        del self._models[name][runner.manifest.version]
        if not self._models[name]:
            del self._models[name]
        self._forget()

    def has(self, runner: LearnerRunner) -> bool:
        """Tell whether a runner answers for its version."""
        manifest = runner.manifest
        return self._models.get(manifest.name, {}).get(manifest.version) is runner

    def default(self, name: str) -> LearnerRunner:
        """Give the version that answers to a model's bare name."""
        return self._defaults[name]

    def make_default(self, runner: LearnerRunner) -> None:
        """Have a version answer to its model's bare name."""
        self._defaults[runner.manifest.name] = runner
        self._forget()

    def only(self, names: frozenset[str] | None) -> "Registry":
        """Give the registry of those for whom no other models exist; None: all do."""
        if names is None:
            return self
        here = names.intersection(self._models)
        if (part := self._parts.get(here)) is None:
            part = self._parts[here] = Registry([], self._shares)
            part._models = {name: self._models[name] for name in here}
            part._defaults = {name: self._defaults[name] for name in here}
            part._forget()
        return part

    @property
    def names(self) -> list[str]:
        """The served models' names in order."""
        return sorted(self._models)

    @property
    def runners(self) -> list[LearnerRunner]:
        """All served versions."""
        return [runner for name in self.names for runner in self.versions(name)]

    @property
    def is_ready(self) -> bool:
        """Whether all of them can answer."""
        return all(runner.is_ready for runner in self.runners)

    def versions(self, name: str) -> list[LearnerRunner]:
        """Give the served versions of a model, newest first."""
        return list(self._models[name].values())

    def find(self, model: str) -> LearnerRunner:
        """Find a served model by what a request calls it; empty means the only one.

        Raises:
            ModelNotFound: it is not served here.
            InvalidTag: it is malformed or ambiguous.
        """
        if (found := self._found.get(model)) is None:
            found = self._found[model] = self._find(model) if model else self._only_model()
        return found

    def ready(self, model: str, draw: Callable[[str], float]) -> LearnerRunner:
        """Find the version that answers a call, and can; see `find`.

        Args:
            model: as the call says it.
            draw: gives, for the name of a model whose calls are divided, a number from 0, below 1.

        Raises:
            ModelNotReady: it is still being loaded and checked.
        """
        if self._splits and (split := self._splits.get(model)) is not None:
            return ready(split.pick(draw(split.name)))
        return ready(self.find(model))

    @property
    def is_divided(self) -> bool:
        """Whether calls of any model that name no version are divided."""
        return bool(self._splits)

    def split(self, name: str) -> Split[LearnerRunner] | None:
        """Tell how the calls of a model are divided that name no version; None: they are not."""
        return self._splits.get(name)

    def share(self, runner: LearnerRunner) -> float:
        """Tell which share of the calls that name no version a version answers."""
        if (split := self._splits.get(runner.manifest.name)) is not None:
            return split.share(runner)
        return float(self._defaults[runner.manifest.name] is runner)

    def _find(self, model: str) -> LearnerRunner:
        tag = Tag.parse(model)
        versions = self._models.get(tag.name)
        if versions is None:
            raise ModelNotFound(
                f'no model "{tag.name}" is served here, {self._listed()}'
                f"{meant(tag.name, self.names)}"
            )
        if tag.version is None:
            return self._defaults[tag.name]
        return versions[pick_version(tag, list(versions))]

    def _only_model(self) -> LearnerRunner:
        if len(self._models) != 1:
            raise InvalidTag(
                f"name the model: {len(self._models)} are served here, {self._listed()}"
            )
        return self._defaults[self.names[0]]

    def _forget(self) -> None:
        self._found, self._parts = {}, {}
        self._splits = {name: split for name in self._models if (split := self._split_of(name))}
        if len(self._models) == 1 and self._splits:
            [self._splits[""]] = self._splits.values()

    def _split_of(self, name: str) -> Split[LearnerRunner] | None:
        """Tell how a model's calls are divided; a share counts while its version is served."""
        parts = {
            tag.partition(":")[2]: share
            for tag, share in self._shares.items()
            if Tag.parse(tag).name == name
        }
        versions = self._models[name]
        if parts.keys().isdisjoint(versions):
            return None
        return Split(name, versions, parts, self._defaults[name])

    def _listed(self) -> str:
        if not self._models:
            return "nor any other"
        more = ", ..." if len(self.names) > _LISTED_NAMES else ""
        return f"only {', '.join(self.names[:_LISTED_NAMES])}{more}"


def ready(runner: LearnerRunner) -> LearnerRunner:
    """Give a runner that can answer.

    Raises:
        ModelNotReady: it is still being loaded and checked.
    """
    if not runner.is_ready:
        raise ModelNotReady(f"{runner.tag} is being loaded; try again shortly")
    return runner


def _age(runner: LearnerRunner) -> datetime:
    return runner.manifest.created
