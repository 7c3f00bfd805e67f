"""Compiling the network of a saved version for ONNX Runtime, after the fact."""

from .errors import NotServable
from .models import Model, get_learner
from .store.manifest import File, Manifest
from .store.store import ModelStore
from .store.tag import Tag


def compile_model(tag: str) -> Model:
    """Compile a version's network and try it here, as `save_model` does; the version keeps it.

    Usage: `compile_model("penguins").manifest.compiled.backend`

    Returns: the version as it is now.

    Raises:
        ModelNotFound: there is none.
        InvalidTag: the tag is malformed, or the prefix fits several versions.
        NotServable: it is a torch module, or was saved unverified, so that nothing could prove
            the network, or it does not compile any more.
        LearnwireError: the version does not load; see `Model.load`.
    """
    from .learners.compiling import compile_network

    model = get_learner(tag)
    if not model.manifest.verified:
        raise NotServable(
            f"{model.tag} was saved unverified, and nothing could prove a compiled network; save "
            "it again with examples=[...]"
        )
    choice = model.load_plan(backend="torch")
    with ModelStore().amending(Tag.parse(model.tag)) as (version, directory):
        manifest = version.manifest
        assert isinstance(manifest, Manifest)  # noqa: S101 - as the model's
        compiled = compile_network(choice, model.examples(), directory)
        old = manifest.compiled.file if manifest.compiled else None
        if old is not None and compiled.file is None:
            raise NotServable(f"{model.tag} keeps the network that it has: {compiled.reason}")
        kept = {name: file for name, file in manifest.files.items() if name != old}
        added = {path.name: File.of(path) for path in directory.iterdir()}
        update = {"compiled": compiled, "files": kept | added}
        manifest.model_copy(update=update).write(directory)
    return get_learner(model.tag)
