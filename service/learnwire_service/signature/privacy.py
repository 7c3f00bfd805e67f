"""What stood in a column at training: told to callers, unless its saver keeps it private."""

from collections.abc import Sequence

from ..common.errors import NotServable
from .specs import InputSpec, TabularInput

_MANY = 100


def with_private(spec: InputSpec, names: Sequence[str]) -> InputSpec:
    """Make columns of a model private.

    Raises:
        NotServable: the model has no column of one of the names.
    """
    columns = {one.name: one for one in spec.columns} if isinstance(spec, TabularInput) else {}
    if unknown := [name for name in names if name not in columns]:
        there = f"has the columns {_listed(list(columns))}" if columns else "takes no rows"
        raise NotServable(f"private names {_listed(unknown)}, but the model {there}")
    if not isinstance(spec, TabularInput) or not names:
        return spec
    for name in names:
        columns[name] = columns[name].model_copy(update={"private": True})
    return spec.model_copy(update={"columns": tuple(columns.values())})


def exposed(spec: InputSpec) -> list[str]:
    """Say in which columns every caller can read very many values, a sentence for each."""
    if not isinstance(spec, TabularInput):
        return []
    return [
        f"{one.name} has {len(one.categories):,} values, which every caller can read; "
        f'private=["{one.name}"] hides them (learnwire save --private {one.name})'
        for one in spec.columns
        if one.categories is not None and len(one.categories) > _MANY and not one.private
    ]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
