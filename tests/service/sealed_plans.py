"""Plans of learners that are sealed on the spot."""

import tempfile
from dataclasses import replace
from pathlib import Path

import learnwire_service as lw
from learnwire_service.learners.adapter import Adapter
from learnwire_service.learners.kinds import sealer_of
from learnwire_service.sealed.loading import sealed_plan
from learnwire_service.sealed.plan import Plan
from learnwire_service.sealed.recipe import Recipe, read_recipe
from learnwire_service.store.manifest import Manifest, Sealed
from learnwire_service.store.store import ModelStore
from learnwire_service.store.tag import Tag


def sealed(adapter: Adapter) -> Plan:
    """Seal an adapter's learner, and make the plan of what is then on disk."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        Recipe(model=sealer_of(adapter)(adapter, folder)).write(folder)
        return sealed_plan(adapter.signature, read_recipe(folder), folder)


def unsealed(tag: str) -> lw.Model:
    """Give a saved model as if it did not seal: its Learner serves it."""
    version = ModelStore().find(Tag.parse(tag))
    assert isinstance(version.manifest, Manifest)
    sealed = Sealed(reason="a test wants the Learner")
    return lw.Model(
        replace(version, manifest=version.manifest.model_copy(update={"sealed": sealed}))
    )
