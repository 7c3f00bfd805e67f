"""The kinds of learners that are served as they are: an adapter and a sealer for each."""

import pkgutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from ..common.errors import NotServable
from ..sealed.recipe import ModelRecipe
from .adapter import Adapter, BuiltInAdapter, find_adapter
from .plan import Unplanned
from .torchvision_operators import cured

# Writes down how a learner answers, and its network into a directory; raises Unplanned.
Sealer: TypeAlias = Callable[[Adapter, Path], ModelRecipe]


class _Kind(NamedTuple):
    """Where a kind's adapter and sealer are; they are imported when such a learner is saved."""

    adapter: str
    sealer: str


# The first whose adapter serves a learner is taken; its name stands in the manifest.
_KINDS = {
    "collab": _Kind("collab:CollabAdapter", "seal_table:seal_table"),
    "tabular": _Kind("tabular:TabularAdapter", "seal_table:seal_table"),
    "text_columns": _Kind("text:TextColumnsAdapter", "seal_text:seal_text"),
    "vision": _Kind("vision:VisionAdapter", "seal_images:seal_images"),
    "text": _Kind("text:TextAdapter", "seal_text:seal_text"),
    "arrays": _Kind("arrays:ArrayAdapter", "seal_arrays:seal_arrays"),
}


def adapter_name(learner: Any, given: Sequence[Any] = ()) -> str:
    """Name the built-in adapter for a learner.

    Args:
        learner: the learner.
        given: examples, as its user hands them to it; they tell where its data set does not.

    Raises:
        NotServable: there is none; the message says the way out.
    """
    data, told = learner.dls.valid_ds, _told_by(given)
    for name, kind in _KINDS.items():
        adapter: type[BuiltInAdapter] = _imported(kind.adapter)
        if adapter.serves(learner):
            # Without items, a name of a file cannot be told from a text.
            return told if told and name == "text" and len(data) == 0 else name
    if told:
        return told
    raise NotServable(
        "learners on text, tables, collaborative filtering, images and arrays are served as they "
        f"are; this one's items are {type(data).__name__}: pass examples=[...] that it takes, or "
        "write an adapter (save_model(..., adapter='package.module:Class'))"
    )


def _told_by(given: Sequence[Any]) -> str | None:
    if not given:
        return None
    if isinstance(given[0], str):
        return "text"
    takes: bool = _imported(_KINDS["arrays"].adapter).takes(given[0])
    return "arrays" if takes else None


def is_built_in(name: str) -> bool:
    """Tell whether a name is that of an adapter of ours, which no code of others stands behind."""
    return name in _KINDS


def adapter_class(name: str) -> type[Adapter]:
    """Find an adapter by the built-in's name, or by `package.module:Class`; see `find_adapter`."""
    if name not in _KINDS:
        return find_adapter(name)
    adapter: type[Adapter] = _imported(_KINDS[name].adapter)
    return adapter


def describing(name: str, learner: Any, given: Sequence[Any]) -> Adapter:
    """Make the adapter that describes a learner at save; see `adapter_class`.

    Args:
        name: the adapter's.
        learner: the learner as its user has it.
        given: examples, as its user hands them to it; a built-in may learn from them.
    """
    make = adapter_class(name)
    return make(learner, given=given) if issubclass(make, BuiltInAdapter) else make(learner)


def sealer_of(adapter: Adapter) -> Sealer:
    """Give what seals an adapter's learner.

    Raises:
        Unplanned: there is nothing; an adapter of a user's own runs its own code.
    """
    kind = _kind_of(adapter)
    if kind is None:
        raise Unplanned("an adapter of your own does not seal")
    sealer: Sealer = _imported(kind.sealer)
    return sealer


def _kind_of(adapter: Adapter) -> _Kind | None:
    path = f"{type(adapter).__module__}:{type(adapter).__qualname__}"
    return next((kind for kind in _KINDS.values() if _absolute(kind.adapter) == path), None)


def _imported(path: str) -> Any:
    return cured(partial(pkgutil.resolve_name, _absolute(path)))


def _absolute(path: str) -> str:
    return f"{__package__}.{path}"
