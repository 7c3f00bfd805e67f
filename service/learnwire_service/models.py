"""Saved models: get one back, run it, list and delete.

fastai takes seconds to import and is not needed to look into the store, so it is
imported where a Learner is handled.
"""

from functools import cached_property
from typing import TYPE_CHECKING, Any

import cloudpickle

from . import memory
from .batching import Limits
from .errors import NotServable, UnloadableModel, UnverifiedModel
from .habits import TO_RUNNER, habits
from .loading import explained
from .logs import get_logger
from .runners.learner import LearnerRunner
from .sealed import golden
from .sealed.plan import Choice
from .settings import BackendSetting, OnMismatch, ServerSettings
from .signature import Signature
from .store.manifest import Manifest
from .store.store import ModelStore, Version
from .store.tag import Tag
from .torch_models.model import TorchModel

if TYPE_CHECKING:
    from .learners.adapter import Adapter
    from .learners.choice import CompiledNetwork

LEARNER_FILE = "learner.pkl"
CUSTOM_OBJECTS_FILE = "custom_objects.pkl"

_log = get_logger()


class Model:
    """A saved version of a model: what its manifest says, and the way to run it."""

    def __init__(self, version: Version) -> None:
        assert isinstance(version.manifest, Manifest)  # noqa: S101 - whoever makes it knows
        self.manifest = version.manifest
        self._directory = version.directory

    @property
    def tag(self) -> str:
        """The full tag, `name:version`."""
        return str(self.manifest.tag)

    @property
    def labels(self) -> dict[str, str]:
        """The labels that it was saved with."""
        return self.manifest.labels

    @property
    def metadata(self) -> dict[str, Any]:
        """The metadata that it was saved with."""
        return self.manifest.metadata

    @property
    def signature(self) -> Signature:
        """What the model takes and answers."""
        return self.manifest.signature

    @cached_property
    def custom_objects(self) -> dict[str, Any]:
        """The objects that were saved with the Learner, by name.

        Raises:
            CorruptModel: a file of the version was altered.
            UnloadableModel: something that they need is not installed.
        """
        self.manifest.check_files(self._directory)
        if CUSTOM_OBJECTS_FILE not in self.manifest.files:
            return {}
        data = (self._directory / CUSTOM_OBJECTS_FILE).read_bytes()
        try:
            objects: dict[str, Any] = cloudpickle.loads(data)
        except (ImportError, AttributeError) as error:
            raise UnloadableModel(f"the custom objects of {self.tag}: {error}") from error
        return objects

    def load(self, on_mismatch: OnMismatch = "refuse") -> Any:
        """Load the Learner, on the CPU in fp32, after its files and answers have been checked.

        Of an unverified version there are no answers to check: the log says so.

        Args:
            on_mismatch: whether a golden example that is answered differently
                than at save is an error or a warning in the log.

        Raises:
            CorruptModel: a file is missing or was altered.
            UnloadableModel: something that the Learner needs is not installed.
            GoldenMismatch: see `on_mismatch`.
        """
        from .learners.plan import SinglePlan

        with explained(self.manifest, self._directory, on_mismatch):
            adapter = self._load_adapter()
            golden.replay(SinglePlan(adapter), self.examples())
        return adapter.learner

    @memory.loading()
    def load_plan(
        self,
        on_mismatch: OnMismatch = "refuse",
        backend: BackendSetting = "auto",
        *,
        allow_unverified: bool = False,
    ) -> Choice:
        """Load the Learner and choose the plan that predicts with it; see `load`.

        Raises:
            UnverifiedModel: nothing was ever seen to be answered, and that is not allowed.
        """
        from .learners.choice import choose
        from .learners.plan import SinglePlan

        if not self.manifest.verified and not allow_unverified:
            raise UnverifiedModel(
                f"{self.tag} was saved unverified: no example was ever answered, so nothing shows "
                "that it answers as at save; save it again with examples=[...], or serve it as it "
                "is: learnwire serve --allow-unverified, to_runner(allow_unverified=True)"
            )
        choice = None
        with explained(self.manifest, self._directory, on_mismatch):
            adapter = self._load_adapter()
            choice = choose(adapter, self.examples(), compiled=self._compiled(backend))
        if choice is None:
            choice = Choice(SinglePlan(adapter), ("its golden examples are answered differently",))
        for reason in choice.reasons:
            _log.warning(f"{self.tag}: served by the slower plan {choice.plan.name}: {reason}")
        return choice

    def examples(self) -> list[golden.Golden]:
        """Give the golden examples; none where the version is unverified."""
        verified = self.manifest.verified
        return golden.read(self._directory, self.signature.output) if verified else []

    def _compiled(self, backend: BackendSetting) -> "CompiledNetwork | None":
        from .learners.choice import CompiledNetwork

        compiled = self.manifest.compiled
        if backend == "onnx" and (compiled is None or compiled.file is None):
            why = f": {compiled.reason}" if compiled else f"; learnwire models compile {self.tag}"
            _log.warning(f"{self.tag} has no network for ONNX Runtime{why}")
        if compiled is None or compiled.file is None:
            return None
        if (compiled.backend if backend == "auto" else backend) == "torch":
            return None
        return CompiledNetwork(self._directory / compiled.file, compiled.plan)

    def _load_adapter(self) -> "Adapter":
        from .learners.training_libraries import import_fastai

        import_fastai()
        from .learners import export
        from .learners.kinds import adapter_class

        make_adapter = adapter_class(self.manifest.adapter)
        return make_adapter(export.load(self._directory / LEARNER_FILE), self.signature)

    @habits(**TO_RUNNER)
    def to_runner(
        self,
        *,
        max_text_chars: int | None = None,
        on_mismatch: OnMismatch | None = None,
        allow_unverified: bool | None = None,
        backend: BackendSetting | None = None,
        limits: Limits | None = None,
    ) -> LearnerRunner:
        """Make a runner, which loads the Learner when it is first asked.

        What is not said here, the server that serves the runner says; without one the
        defaults of ServerSettings hold.

        Usage: `label, index, probabilities = get("penguins").to_runner().predict.run(row)`
        """

        def load(settings: ServerSettings) -> Choice:
            allowed = settings.allow_unverified if allow_unverified is None else allow_unverified
            return self.load_plan(
                on_mismatch or settings.on_mismatch,
                backend or settings.backend,
                allow_unverified=allowed,
            )

        return LearnerRunner(self.manifest, load, max_text_chars=max_text_chars, limits=limits)

    def __repr__(self) -> str:
        return f"Model({self.tag!r}, takes {self.signature.input.kind})"


def get(tag: str) -> Any:
    """Find a saved model: `name`, `name:latest`, `name:version` or a unique version prefix.

    Returns: a Model, or a TorchModel where a torch module was saved.

    Raises:
        ModelNotFound: there is none.
        InvalidTag: the tag is malformed, or the prefix fits several versions.
    """
    return _model(ModelStore().find(Tag.parse(tag)))


def get_learner(tag: str) -> Model:
    """Find a saved model of a Learner; see `get`.

    Raises:
        NotServable: it is one of a torch module.
    """
    model: Model | TorchModel = get(tag)
    if not isinstance(model, Model):
        raise NotServable(
            f"{model.tag} is a torch module, which takes and gives bare arrays, and no Learner; "
            "ask its runner, get(name).to_runner(), or serve it and call its endpoint"
        )
    return model


def load_model(tag: str, on_mismatch: OnMismatch = "refuse") -> Any:
    """Load a saved Learner; see `get` and `Model.load`.

    Usage: `learner = load_model("penguins:latest")`
    """
    return get_learner(tag).load(on_mismatch)


def list_models(name: str | None = None) -> list[Model | TorchModel]:
    """List the saved models of one name, or all, by name and newest first."""
    store = ModelStore()
    names = store.names() if name is None else [Tag.parse(name).name]
    return [_model(version) for name in names for version in store.versions(name)]


def delete_model(tag: str) -> list[str]:
    """Delete a version, or all versions of a bare name.

    Returns: the tags of what was deleted.

    Raises:
        ModelNotFound: there is none.
        InvalidTag: the tag is malformed, or the prefix fits several versions.
    """
    return [str(deleted) for deleted in ModelStore().delete(Tag.parse(tag))]


def _model(version: Version) -> Model | TorchModel:
    return Model(version) if isinstance(version.manifest, Manifest) else TorchModel(version)
