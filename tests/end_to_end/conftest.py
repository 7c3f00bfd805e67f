"""A model that answers when a test says so."""

from collections.abc import Iterator

import learnwire_service as lw
import pytest

from tests.conftest import Trained


# Only in the fixtures are fastai's seconds spent on the import of it.
@pytest.fixture(scope="session")
def held_model(trained: dict[str, Trained]) -> Iterator[str]:
    """The name of a model that answers only while the gate is open."""
    from tests.end_to_end import gate

    gate.open_.set()
    learner = trained["penguins"].learner
    learner.add_cb(callback := gate.Gate())
    try:
        lw.save_model("gated", learner)
    finally:
        learner.remove_cb(callback)
    yield "gated"
    lw.delete_model("gated")


@pytest.fixture
def gated(held_model: str) -> Iterator[str]:
    """A server of that model, its gate open."""
    from tests.end_to_end import gate

    with lw.serving(held_model) as target:
        gate.predictions, gate.fails = 0, False
        gate.entered.clear()
        yield target
        gate.open_.set()
