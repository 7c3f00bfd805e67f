"""Compiling the network of a saved version for ONNX Runtime, after the fact."""

from .errors import NotServable
from .models import Model, get
from .store.manifest import File
from .store.store import ModelStore
from .store.tag import Tag


def compile_model(tag: str) -> Model:
    """Compile a version's network and try it here, as `save_model` does; the version keeps it.

    Usage: `compile_model("penguins").manifest.compiled.backend`

    Returns: the version as it is now.

    Raises:
        ModelNotFound: there is none.
        InvalidTag: the tag is malformed, or the prefix fits several versions.
        NotServable: it was saved unverified, so that nothing could prove the network.
        LearnwireError: the version does not load; see `Model.load`.
    """
    from .learners.compiling import compile_network

    store = ModelStore()
    model = get(tag)
    if not model.manifest.verified:
        raise NotServable(
            f"{model.tag} was saved unverified, and nothing could prove a compiled network; save "
            "it again with examples=[...]"
        )
    plan = model.load_plan(backend="torch").plan
    with store.amending(store.find(Tag.parse(model.tag))) as directory:
        compiled = compile_network(plan, model.examples(), directory)
        added = {path.name: File.of(path) for path in directory.iterdir()}
        old = model.manifest.compiled
        kept = dict(model.manifest.files)
        if old is not None and old.file is not None:
            del kept[old.file]
        update = {"compiled": compiled, "files": kept | added}
        model.manifest.model_copy(update=update).write(directory)
    return get(model.tag)
