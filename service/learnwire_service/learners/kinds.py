"""The kinds of learners that are served as they are: an adapter and a plan for each."""

from typing import Any

from ..errors import NotServable
from .adapter import Adapter, BuiltInAdapter, find_adapter
from .arrays import ArrayAdapter
from .collab import CollabAdapter
from .plan import LoaderPlan, Plan
from .tabular import TabularAdapter
from .tabular_plan import CollabPlan, TabularPlan
from .text import TextAdapter, TextColumnsAdapter
from .text_plan import TextPlan
from .transform_plan import ArraysPlan, VisionPlan
from .vision import VisionAdapter

# The first adapter that serves a learner is taken; its name stands in the manifest.
_ADAPTERS: dict[str, type[BuiltInAdapter]] = {
    "collab": CollabAdapter,
    "tabular": TabularAdapter,
    "text_columns": TextColumnsAdapter,
    "text": TextAdapter,
    "vision": VisionAdapter,
    "arrays": ArrayAdapter,
}
_PLANS: dict[type[Adapter], type[Plan]] = {
    CollabAdapter: CollabPlan,
    TabularAdapter: TabularPlan,
    TextColumnsAdapter: TextPlan,
    TextAdapter: TextPlan,
    VisionAdapter: VisionPlan,
    ArrayAdapter: ArraysPlan,
}


def adapter_name(learner: Any) -> str:
    """Name the built-in adapter for a learner.

    Raises:
        NotServable: there is none; the message says the way out.
    """
    for name, adapter in _ADAPTERS.items():
        if adapter.serves(learner):
            return name
    raise NotServable(
        "learners on text, tables, collaborative filtering, images and arrays are served as they "
        f"are; this one's items are {type(learner.dls.valid_ds).__name__}: write an adapter "
        "(save_model(..., adapter='package.module:Class'))"
    )


def adapter_class(name: str) -> type[Adapter]:
    """Find an adapter by the built-in's name, or by `package.module:Class`; see `find_adapter`."""
    return _ADAPTERS[name] if name in _ADAPTERS else find_adapter(name)


def plan_classes(adapter: Adapter) -> list[type[Plan]]:
    """Give the plans that may serve an adapter's learner, the faster ones first."""
    own = _PLANS.get(type(adapter))
    return [LoaderPlan] if own is None else [own, LoaderPlan]
