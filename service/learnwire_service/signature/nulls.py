"""Nulls in categories: fastai answers them all, also where training had none to learn from."""

from ..common.choices import Nulls
from .specs import Column, InputSpec, TabularInput


def with_nulls(spec: TabularInput, nulls: Nulls) -> TabularInput:
    """Settle in which categories a model takes null.

    Args:
        spec: what its adapter says that it takes.
        nulls: what its saver wants of categories without nulls in training.
    """
    columns = tuple(_settled(column, nulls) for column in spec.columns)
    return spec.model_copy(update={"columns": columns})


def refusal(spec: InputSpec) -> str | None:
    """Say in which categories a model refuses null only because nothing is known of training."""
    if not isinstance(spec, TabularInput):
        return None
    unknown = [one.name for one in spec.columns if one.nulls == "unknown" and not one.nullable]
    if not unknown:
        return None
    names = ", ".join(f'"{name}"' for name in unknown)
    return (
        f"refuses null in {names}: its data did not come with the Learner, so whether training "
        'had any is unknown. Where it had, save with nulls="allow" (learnwire save --nulls allow)'
    )


def _settled(column: Column, nulls: Nulls) -> Column:
    if column.nulls is None:
        # An adapter of the user's own knows what it says of a category.
        is_known = column.nullable and column.categories is not None
        return column.model_copy(update={"nulls": "seen"}) if is_known else column
    if nulls == "allow":
        return column.model_copy(update={"nullable": True})
    return column
