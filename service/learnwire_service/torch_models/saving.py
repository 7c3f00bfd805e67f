"""Saving a torch module as a version of a model."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ..common.environment import library_versions
from ..common.errors import NotServable
from ..common.logs import get_logger
from ..common.stages import stages
from ..store.manifest import File, Notes, TorchManifest
from ..store.store import ModelStore
from ..store.tag import new_tag
from .model import TorchModel

_log = get_logger()

_FORWARD = {"__call__": {"batchable": True, "batch_dim": 0}}


def save_torch_model(
    name: str,
    module: Any,
    *,
    example: Any = None,
    signatures: Mapping[str, Mapping[str, Any]] = _FORWARD,
    factory: str | None = None,
    labels: Mapping[str, str] | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> TorchModel:
    """Save a bare torch module as a new version of a model.

    Usage: `save_torch_model("digits_module", learner.model, example=images)`

    The module is written and read back on the CPU in eval mode. What is read must answer the
    example as the module itself does, twice; where a method is batchable, also beside other
    calls. The example and its answer are kept to check every later load against.

    Args:
        name: the model's name, or `name:version` to choose the version.
        module: the module, or the Learner that has it; it stays as it was.
        example: the arrays of one call: an array, a tuple of several, or where there are other
            methods than `__call__`, a mapping of methods to such. Where it is not given, a
            Learner's own data has it; a module is saved unproven without one, and is served only
            where unverified models are allowed.
        signatures: the methods, each with whether it is `batchable`, and along which `batch_dim`
            of all its arrays, those that it takes and those that it gives.
        factory: `package.module:function`, which makes such a module when it is called with
            nothing. Then only the weights are kept, as safetensors, and nothing is ever
            unpickled. Without it the module is pickled.
        labels: free strings to find the model by.
        metadata: free JSON data about the model.

    Raises:
        NotServable: the module cannot be served so; the message says the way out.
        UnloadableModel: the factory cannot be imported, or its module does not fit the weights.
        InvalidTag: the name is malformed.
        VersionExists: that version is there already.
        StoreFailed: the store cannot be written to, or its disk is full.
        TypeError: `signatures` or `example` are not as above, a label is no string, or `metadata`
            is no JSON data.
    """
    from . import golden, modules
    from .examples import check_examples, example_of, given_examples, undescribed

    tag = new_tag(name)
    notes = Notes.of(labels, metadata)
    if hasattr(module, "dls") and hasattr(module, "model"):
        if example is None and list(signatures) == ["__call__"]:
            example = example_of(module)
            if example is not None:
                _log.info(f"{tag}: its example is of the learner's own data")
        module = module.model
    modules.check_module(module)
    if factory is not None and factory.startswith("__main__:"):
        raise NotServable("a factory in __main__ cannot be imported elsewhere; move it to a module")
    examples = [] if example is None else given_examples(module, signatures, example)
    methods = {one.method: one.described() for one in examples} or undescribed(module, signatures)
    if not examples:
        _log.warning(
            f"{tag} is saved unproven, for want of an example: nothing shows that it answers in "
            "batches as it does alone, or after a load as now; pass example=..., or the Learner"
        )
    with ModelStore().saving(tag) as directory, stages(3) as stage:
        stage(tag.name, "writing the module")
        modules.write(module, factory, directory)
        stage(tag.name, "asking what was written its examples")
        check_examples(modules.read(factory, directory), examples)
        stage(tag.name, "writing it down")
        golden.write({one.method: one.golden for one in examples}, directory)
        TorchManifest(
            name=tag.name,
            version=str(tag.version),
            created=datetime.now(UTC),
            factory=factory,
            methods=methods,
            verified=bool(examples),
            labels=notes.labels,
            metadata=notes.metadata,
            library_versions=library_versions(),
            files={path.name: File.of(path) for path in sorted(directory.iterdir())},
        ).write(directory)
    return TorchModel(ModelStore().find(tag))
