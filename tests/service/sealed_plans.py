"""Plans of learners that are sealed on the spot."""

import tempfile
from pathlib import Path

from learnwire_service.learners.adapter import Adapter
from learnwire_service.learners.kinds import sealer_of
from learnwire_service.sealed.loading import sealed_plan
from learnwire_service.sealed.plan import Plan
from learnwire_service.sealed.recipe import Recipe, read_recipe


def sealed(adapter: Adapter) -> Plan:
    """Seal an adapter's learner, and make the plan of what is then on disk."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        Recipe(model=sealer_of(adapter)(adapter, folder)).write(folder)
        return sealed_plan(adapter.signature, read_recipe(folder), folder)
