"""Saved models: get one back, run it, list and delete.

fastai takes seconds to import and is not needed to look into the store, so it is
imported where a Learner is handled.
"""

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..common import memory
from ..common.choices import OnMismatch
from ..common.errors import NotServable, UnloadableModel, UntrustedModel, UnverifiedModel
from ..common.extras import needed_by
from ..common.habits import TO_RUNNER, habits
from ..common.limits import Limits
from ..common.logs import get_logger
from ..common.settings import ServerSettings
from ..common.stages import stages
from ..contracts.keeping import disagreement
from ..runners.learner import LearnerRunner
from ..sealed import golden
from ..sealed.plan import Choice
from ..signature.page import kind_of
from ..signature.specs import Signature
from ..signature.training import SAVED_BEFORE, TRAINING_FILE, Training
from ..store.in_use import Use
from ..store.loading import explained
from ..store.manifest import Manifest
from ..store.saved import Saved
from ..store.store import ModelStore, Version
from ..store.tag import Tag
from ..torch_models.model import TorchModel
from ..trust.running import Trust

if TYPE_CHECKING:
    from ..learners.adapter import Adapter

LEARNER_FILE = "learner.pkl"
CUSTOM_OBJECTS_FILE = "custom_objects.pkl"

_MISMATCH = "its golden examples are answered differently"
_OWN = Trust()

_log = get_logger()


class Model(Saved[Manifest]):
    """A saved version of a model: what its manifest says, and the way to run it."""

    def __init__(self, version: Version) -> None:
        super().__init__(version, Manifest)

    @property
    def signature(self) -> Signature:
        """What the model takes and answers."""
        return self.manifest.signature

    @cached_property
    def custom_objects(self) -> dict[str, Any]:
        """The objects that were saved with the Learner, by name; see `load_custom_objects`."""
        return self.load_custom_objects()

    def load_custom_objects(self, *, allow_unpickling: bool = False) -> dict[str, Any]:
        """Load the objects that were saved with the Learner, by name.

        Args:
            allow_unpickling: whether also those of a version that is not the user's own.

        Raises:
            UntrustedModel: it is not, and that is not allowed.
            CorruptModel: a file of the version was altered.
            UnloadableModel: something that they need is not installed.
        """
        if CUSTOM_OBJECTS_FILE in self.manifest.files:
            Trust(allow_unpickling).check_code(self.version, ["its custom objects, a pickle"], [])
        self.manifest.check_files(self.directory)
        if CUSTOM_OBJECTS_FILE not in self.manifest.files:
            return {}
        with needed_by(f"the custom objects of {self.tag}"):
            import cloudpickle

        data = (self.directory / CUSTOM_OBJECTS_FILE).read_bytes()
        try:
            objects: dict[str, Any] = cloudpickle.loads(data)
        except (ImportError, AttributeError) as error:
            raise UnloadableModel(f"the custom objects of {self.tag}: {error}") from error
        return objects

    def training(self) -> Training:
        """Tell what training looked like, as far as it was kept; see `signature.training`.

        Raises:
            CorruptModel: it does not read.
        """
        if TRAINING_FILE not in self.manifest.files:
            return Training.unknown(self.signature, SAVED_BEFORE)
        return Training.read(self.directory)

    def load(self, on_mismatch: OnMismatch = "refuse", *, allow_unpickling: bool = False) -> Any:
        """Load the Learner, on the CPU in fp32, after its files and answers have been checked.

        Of an unverified version there are no answers to check: the log says so.

        Args:
            on_mismatch: whether a golden example that is answered differently
                than at save is an error or a warning in the log.
            allow_unpickling: whether a version is loaded that is not the user's own: its Learner
                is a pickle, which can run any code.

        Raises:
            UntrustedModel: it is not his own, and that is not allowed.
            CorruptModel: a file is missing or was altered.
            UnloadableModel: it was saved without its Learner, or something that the Learner needs
                is not installed.
            GoldenMismatch: see `on_mismatch`.
        """
        return self.load_adapter(on_mismatch, Trust(allow_unpickling)).learner

    @memory.loading()
    def load_plan(
        self,
        on_mismatch: OnMismatch = "refuse",
        *,
        allow_unverified: bool = False,
        sealed_only: bool = False,
        trust: Trust = _OWN,
    ) -> Choice:
        """Load what predicts: the recipe where the version is sealed, and else the Learner.

        Raises:
            UntrustedModel: it may not be served, or its code may not run; see Trust.
            CorruptModel: a file is missing or was altered, or is none that can be run here.
            GoldenMismatch: a golden example is answered differently than at save.
            UnloadableModel: something that the Learner needs is not installed.
            UnverifiedModel: nothing was ever seen to be answered, and that is not allowed.
            NotServable: it is not sealed, and nothing else is allowed.
        """
        with trust.checked(self.version) as version:
            model = Model(version)
            model._check_contract(trust)
            if self.manifest.is_sealed:
                return model._load_sealed(on_mismatch)
            if sealed_only:
                raise NotServable(
                    f"{self.tag} is not sealed ({self._why_unsealed}), so its pickle would be "
                    "loaded, and --sealed-only allows none"
                )
            model._check_code(trust)
            return model._load_unsealed(on_mismatch, allow_unverified=allow_unverified)

    def _check_contract(self, trust: Trust) -> None:
        """Tell that callers' stubs may be wrong; where only what is signed counts, refuse it."""
        if problem := disagreement(ModelStore(self.version.home), self.manifest):
            if trust.keys is not None:
                raise UntrustedModel(problem)
            _log.warning(problem)

    def _check_code(self, trust: Trust) -> None:
        runs, adapter = ["its Learner, a pickle"], self.manifest.adapter
        is_given = ":" in adapter
        if is_given:
            runs.append(f"the adapter {adapter}")
        trust.check_code(self.version, runs, [adapter.partition(":")[0]] if is_given else [])

    def _load_sealed(self, on_mismatch: OnMismatch) -> Choice:
        from ..sealed import loading

        choice = None
        with explained(self.manifest, self.directory, on_mismatch, sealed=True):
            plan = loading.load_plan(self.manifest, self.directory)
            choice = loading.proven_choice(self.manifest, plan, self.examples())
        choice = choice or Choice(plan, (_MISMATCH,), agrees=False)
        if choice.varies:
            _log.warning(f"{self.tag}: the last bits of an answer vary: {choice.varies}")
        return choice

    def _load_unsealed(self, on_mismatch: OnMismatch, *, allow_unverified: bool) -> Choice:
        from ..learners.choice import choose
        from ..learners.plan import SinglePlan
        from ..learners.training_libraries import import_fastai

        if not self.manifest.verified and not allow_unverified:
            raise UnverifiedModel(
                f"{self.tag} was saved unverified: no example was ever answered, so nothing shows "
                "that it answers as at save; save it again with examples=[...], or serve it as it "
                "is: learnwire serve --allow-unverified, to_runner(allow_unverified=True)"
            )
        with needed_by(f"{self.tag} is not sealed ({self._why_unsealed}), so its Learner answers"):
            import_fastai()
        choice = None
        with explained(self.manifest, self.directory, on_mismatch):
            adapter = self._unpickled()
            choice = choose(adapter, self.examples())
        if choice is None:
            choice = Choice(SinglePlan(adapter), (_MISMATCH,), agrees=False)
        reasons = (f"sealed: {self._why_unsealed}", *choice.reasons)
        for reason in reasons:
            _log.warning(f"{self.tag}: served by the slower plan {choice.plan.name}: {reason}")
        return replace(choice, reasons=reasons)

    @property
    def _why_unsealed(self) -> str:
        sealed = self.manifest.sealed
        return sealed.reason if sealed else f"saved before; learnwire models seal {self.tag}"

    def examples(self) -> list[golden.Golden]:
        """Give the golden examples; none where the version is unverified."""
        verified = self.manifest.verified
        return golden.read(self.directory, self.signature.output) if verified else []

    def load_adapter(self, on_mismatch: OnMismatch = "refuse", trust: Trust = _OWN) -> "Adapter":
        """Load the Learner as `load` does, and give what stands before it."""
        if LEARNER_FILE not in self.manifest.files:
            raise UnloadableModel(
                f"{self.tag} was saved without its Learner; its runner predicts (to_runner())"
            )
        self._check_code(trust)
        if not self.manifest.verified:
            _log.warning(
                f"{self.tag} was saved unverified: there are no golden examples to prove it on"
            )
        from ..learners.plan import SinglePlan
        from ..learners.training_libraries import import_fastai

        with stages(3) as stage:
            stage(self.tag, "importing fastai")
            with needed_by(f"the Learner of {self.tag}"):
                import_fastai()
            stage(self.tag, "loading the Learner")
            with explained(self.manifest, self.directory, on_mismatch):
                adapter = self._unpickled()
                stage(self.tag, "asking its examples again")
                golden.replay(SinglePlan(adapter), self.examples())
        return adapter

    def _unpickled(self) -> "Adapter":
        from ..learners import export
        from ..learners.kinds import adapter_class

        make_adapter = adapter_class(self.manifest.adapter)
        return make_adapter(export.load(self.directory / LEARNER_FILE), self.signature)

    @habits(**TO_RUNNER)
    def to_runner(
        self,
        *,
        max_text_chars: int | None = None,
        on_mismatch: OnMismatch | None = None,
        allow_unverified: bool | None = None,
        allow_unpickling: bool | None = None,
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
                allow_unverified=allowed,
                sealed_only=settings.sealed_only,
                trust=Trust.of(settings, allow_unpickling),
            )

        runner = LearnerRunner(
            self.manifest,
            load,
            self.training,
            max_text_chars=max_text_chars,
            limits=limits,
        )
        runner.show_use(Use(self.directory))
        return runner

    def __repr__(self) -> str:
        return f"Model({self.tag!r}, takes {kind_of(self.signature.input)})"


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


def load_model(
    tag: str, on_mismatch: OnMismatch = "refuse", *, allow_unpickling: bool = False
) -> Any:
    """Load a saved Learner; see `get` and `Model.load`.

    Usage: `learner = load_model("penguins:latest")`
    """
    return get_learner(tag).load(on_mismatch, allow_unpickling=allow_unpickling)


def list_models(name: str | None = None) -> list[Model | TorchModel]:
    """List the saved models of one name, or all, by name and newest first.

    What does not read is left out, and told in the log.
    """
    store = ModelStore()
    names = store.names() if name is None else [Tag.parse(name).name]
    listed: list[Model | TorchModel] = []
    for name in names:
        versions, broken = store.readable(name)
        listed += map(_model, versions)
        for error in broken:
            _log.warning(f"left out: {error}")
    return listed


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
