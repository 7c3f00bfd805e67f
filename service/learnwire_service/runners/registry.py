"""The registry: the models that this process serves, by name and version."""

from collections.abc import Sequence

from ..common.errors import InvalidTag, ModelNotFound, ModelNotReady
from ..common.spelling import meant
from ..store.tag import Tag, pick_version
from .learner import LearnerRunner

_LISTED_NAMES = 10


class Registry:
    """Finds the runner that a request means.

    Raises: InvalidTag at construction where one version is given twice.
    """

    def __init__(self, runners: Sequence[LearnerRunner]) -> None:
        newest_first = sorted(runners, key=lambda runner: runner.manifest.created, reverse=True)
        self._models: dict[str, dict[str, LearnerRunner]] = {}
        for runner in newest_first:
            versions = self._models.setdefault(runner.manifest.name, {})
            if runner.manifest.version in versions:
                raise InvalidTag(f"{runner.tag} is given twice")
            versions[runner.manifest.version] = runner
        # What each request would otherwise parse again; no more than there are fitting prefixes.
        self._found: dict[str, LearnerRunner] = {}
        self._parts: dict[frozenset[str], Registry] = {}

    def only(self, names: frozenset[str] | None) -> "Registry":
        """Give the registry of those for whom no other models exist; None: all do."""
        if names is None:
            return self
        here = names.intersection(self._models)
        if (part := self._parts.get(here)) is None:
            seen = [one for one in self.runners if one.manifest.name in here]
            part = self._parts[here] = Registry(seen)
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

    def ready(self, model: str) -> LearnerRunner:
        """Find a served model that can answer; see `find`.

        Raises:
            ModelNotReady: it is still being loaded and checked.
        """
        runner = self.find(model)
        if not runner.is_ready:
            raise ModelNotReady(f"{runner.tag} is being loaded; try again shortly")
        return runner

    def _find(self, model: str) -> LearnerRunner:
        tag = Tag.parse(model)
        versions = self._models.get(tag.name)
        if versions is None:
            raise ModelNotFound(
                f'no model "{tag.name}" is served here, {self._listed()}'
                f"{meant(tag.name, self.names)}"
            )
        return versions[pick_version(tag, list(versions))]

    def _only_model(self) -> LearnerRunner:
        if len(self._models) != 1:
            raise InvalidTag(
                f"name the model: {len(self._models)} are served here, {self._listed()}"
            )
        return self.versions(self.names[0])[0]

    def _listed(self) -> str:
        if not self._models:
            return "nor any other"
        more = ", ..." if len(self.names) > _LISTED_NAMES else ""
        return f"only {', '.join(self.names[:_LISTED_NAMES])}{more}"
