"""What stood in a column at training: told to callers, unless its saver keeps it private."""

from collections.abc import Sequence
from typing import Any

from ..common.errors import NotServable
from .specs import InputSpec, Signature, SingleLabelOutput, TabularInput

_MANY = 100


def with_private(signature: Signature, names: Sequence[str], label: str | None) -> Signature:
    """Make columns of a model private, or the classes that it answers.

    Args:
        signature: what it takes and answers.
        names: of the columns.
        label: the column that the classes are of, where it has a name.

    Raises:
        NotServable: the model has no column of one of the names.
    """
    spec, output = signature.input, signature.output
    columns = {one.name: one for one in spec.columns} if isinstance(spec, TabularInput) else {}
    labels = [label] if label is not None and isinstance(output, SingleLabelOutput) else []
    if unknown := [name for name in names if name not in (*columns, *labels)]:
        there = [*columns, *labels]
        known = f"only {_listed(there)}" if there else "no columns that have names"
        raise NotServable(f"private names {_listed(unknown)}, but the model has {known}")
    update: dict[str, Any] = {}
    if isinstance(spec, TabularInput):
        hidden = [
            one.model_copy(update={"private": True}) if one.name in names else one
            for one in spec.columns
        ]
        update["input"] = spec.model_copy(update={"columns": tuple(hidden)})
    if set(labels) & set(names):
        update["output"] = output.model_copy(update={"private": True})
    return signature.model_copy(update=update)


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
