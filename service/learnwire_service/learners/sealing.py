"""Seals learners: what answers for one, as data and a network, proven on its golden examples."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ..common.errors import GoldenMismatch, in_a_line
from ..sealed.golden import Golden
from ..sealed.loading import sealed_plan
from ..sealed.proof import prove
from ..sealed.recipe import Recipe
from ..store.disk import is_full
from ..store.manifest import Sealed
from .adapter import Adapter
from .kinds import sealer_of
from .plan import Unplanned


def seal(adapter: Adapter, examples: Sequence[Golden], directory: Path) -> Sealed:
    """Write a learner's recipe and network into a directory, where they prove to be exact.

    Args:
        adapter: stands before the learner.
        examples: what the sealed model must answer as the learner did.
        directory: the version's; nothing new is in it where the learner does not seal, but in
            the jail.

    Returns: what came of it.
    """
    before = set(directory.iterdir())
    try:
        recipe = Recipe(model=sealer_of(adapter)(adapter, directory))
        recipe.write(directory)
        plan = sealed_plan(adapter.signature, recipe, directory)
        return Sealed(plan=plan.name, proof=prove(plan, examples, whole=True))
    except (Unplanned, GoldenMismatch) as error:
        reason = str(error)
    except Exception as error:
        # A learner may be odder than a sealer expects, but a full disk is no fault of its.
        if is_full(directory, error):
            raise
        reason = in_a_line(error)
    for path in set(directory.iterdir()) - before:
        # In the jail nothing is removed; what it leaves is looked through outside.
        with suppress(PermissionError):
            path.unlink()
    return Sealed(reason=reason)
