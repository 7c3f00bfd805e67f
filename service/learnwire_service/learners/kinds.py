"""The kinds of learners that are served as they are: an adapter and a plan for each."""

import pkgutil
from typing import Any, NamedTuple

from ..errors import NotServable
from .adapter import Adapter, BuiltInAdapter, find_adapter
from .plan import LoaderPlan, Plan


class _Kind(NamedTuple):
    """Where a kind's adapter and plan are; they are imported when such a learner is served."""

    adapter: str
    plan: str


# The first whose adapter serves a learner is taken; its name stands in the manifest.
_KINDS = {
    "collab": _Kind("collab:CollabAdapter", "tabular_plan:CollabPlan"),
    "tabular": _Kind("tabular:TabularAdapter", "tabular_plan:TabularPlan"),
    "text_columns": _Kind("text:TextColumnsAdapter", "text_plan:TextPlan"),
    "text": _Kind("text:TextAdapter", "text_plan:TextPlan"),
    "vision": _Kind("vision:VisionAdapter", "transform_plan:VisionPlan"),
    "arrays": _Kind("arrays:ArrayAdapter", "transform_plan:ArraysPlan"),
}


def adapter_name(learner: Any) -> str:
    """Name the built-in adapter for a learner.

    Raises:
        NotServable: there is none; the message says the way out.
    """
    for name, kind in _KINDS.items():
        adapter: type[BuiltInAdapter] = _imported(kind.adapter)
        if adapter.serves(learner):
            return name
    raise NotServable(
        "learners on text, tables, collaborative filtering, images and arrays are served as they "
        f"are; this one's items are {type(learner.dls.valid_ds).__name__}: write an adapter "
        "(save_model(..., adapter='package.module:Class'))"
    )


def adapter_class(name: str) -> type[Adapter]:
    """Find an adapter by the built-in's name, or by `package.module:Class`; see `find_adapter`."""
    if name not in _KINDS:
        return find_adapter(name)
    adapter: type[Adapter] = _imported(_KINDS[name].adapter)
    return adapter


def plan_classes(adapter: Adapter) -> list[type[Plan]]:
    """Give the plans that may serve an adapter's learner, the faster ones first."""
    found = type(adapter)
    path = f"{found.__module__}:{found.__qualname__}"
    own = [kind.plan for kind in _KINDS.values() if _absolute(kind.adapter) == path]
    return [*map(_imported, own), LoaderPlan]


def _imported(path: str) -> Any:
    return pkgutil.resolve_name(_absolute(path))


def _absolute(path: str) -> str:
    return f"{__package__}.{path}"
