"""A version loads only as it was saved: same files, same answers."""

import pickle
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import learnwire_service as lw
import numpy as np
import pytest
import torch
from fastai.learner import load_learner
from learnwire_service.models.model import CUSTOM_OBJECTS_FILE, LEARNER_FILE
from learnwire_service.store.manifest import File
from learnwire_service.store.store import ModelStore, Version
from learnwire_service.store.tag import Tag

from tests.once import store_once

from .altered import write_own
from .sealed_plans import unsealed
from .small_learners import ROW, ask


@pytest.fixture
def saved(shop: Any, shared: Path, own_home: Path) -> Version:
    def save() -> None:
        lw.save_model("m:v", shop, custom_objects={"words": ["a"]})

    store_once(shared / "loading", save, own_home)
    return ModelStore().find(Tag("m", "v"))


def retrain(version: Version, change: Callable[[torch.Tensor], torch.Tensor]) -> None:
    """Put another learner into a version, and its digest into the manifest."""
    path = version.directory / LEARNER_FILE
    learner = load_learner(path)
    with torch.no_grad():
        weight = list(learner.model.parameters())[-1]
        weight.copy_(change(weight))
    learner.export(path)
    resign(version)


def resign(version: Version, **changes: Any) -> None:
    """Bring a version's manifest in line with its files, as its owner could."""
    files = {name: File.of(version.directory / name) for name in version.manifest.files}
    write_own(version.manifest.model_copy(update={"files": files, **changes}), version.directory)


def more(weight: torch.Tensor) -> torch.Tensor:
    return weight + torch.arange(len(weight))


def test_a_learner_that_answers_otherwise_than_at_save_is_refused(saved: Version) -> None:
    retrain(saved, more)
    problem = r"m:v does not load.*golden example 1 of 9.*a difference of .*same environment"
    for load in (lw.get("m").load, unsealed("m").to_runner().load):
        with pytest.raises(lw.GoldenMismatch, match=problem):
            load()
    with pytest.raises(lw.GoldenMismatch):
        lw.load_model("m")
    with pytest.raises(lw.GoldenMismatch):
        unsealed("m").to_runner().predict.run(ROW)


def test_a_sealed_model_answers_as_at_save_whatever_became_of_the_learner(
    saved: Version, shop: Any
) -> None:
    retrain(saved, more)
    answer = lw.get("m").to_runner().predict.run(ROW)
    assert answer.probabilities == pytest.approx(ask(shop, ROW)[1], abs=1e-5)


def test_a_mismatch_names_the_libraries_that_differ(saved: Version) -> None:
    retrain(saved, more)
    versions = saved.manifest.library_versions | {"torch": "1.0", "oldlib": "2"}
    resign(saved, library_versions=versions)
    here = f"torch {torch.__version__} here, 1.0 at save; oldlib is missing here, 2 at save"
    with pytest.raises(lw.GoldenMismatch) as caught:
        lw.load_model("m")
    assert f"perhaps because of {here}" in str(caught.value)


def test_a_mismatch_may_be_only_a_warning(
    saved: Version, shop: Any, caplog: pytest.LogCaptureFixture
) -> None:
    retrain(saved, more)
    learner = lw.load_model("m", on_mismatch="warn")
    assert "golden example 1 of 9" in caplog.text
    expected = ask(learner, ROW)[1]
    assert np.abs(expected - ask(shop, ROW)[1]).max() > 1e-3
    runner = unsealed("m").to_runner(on_mismatch="warn")
    assert runner.predict.run(ROW).probabilities == pytest.approx(expected, abs=1e-6)


def test_a_learner_that_turned_to_nan_is_refused(saved: Version) -> None:
    retrain(saved, lambda weight: weight * torch.nan)
    with pytest.raises(lw.GoldenMismatch):
        lw.load_model("m")


def test_the_last_bits_of_an_answer_may_differ(saved: Version) -> None:
    retrain(saved, lambda weight: weight + 1e-7)
    lw.load_model("m")


def test_other_libraries_than_at_save_are_logged(
    saved: Version, caplog: pytest.LogCaptureFixture
) -> None:
    lw.load_model("m")
    assert caplog.text == ""
    resign(saved, library_versions={"torch": "1.0"})
    lw.load_model("m")
    assert f"torch {torch.__version__} here, 1.0 at save" in caplog.text


@pytest.mark.parametrize("name", [LEARNER_FILE, CUSTOM_OBJECTS_FILE, "golden.json"])
def test_a_cut_or_missing_file_is_named(saved: Version, name: str) -> None:
    path = saved.directory / name
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(lw.CorruptModel, match=f"m:v: the file {name} was altered"):
        lw.load_model("m")
    path.unlink()
    with pytest.raises(lw.CorruptModel, match=f"m:v: the file {name} is missing"):
        lw.load_model("m")


class Poison:
    """Makes a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("name", [LEARNER_FILE, CUSTOM_OBJECTS_FILE])
def test_nothing_is_unpickled_of_a_file_that_was_altered(
    saved: Version, name: str, tmp_path: Path
) -> None:
    trace = tmp_path / "poisoned"
    poison = pickle.dumps(Poison(trace))
    (saved.directory / name).write_bytes(poison)
    with pytest.raises(lw.CorruptModel):
        lw.load_model("m")
    with pytest.raises(lw.CorruptModel):
        _ = lw.get("m").custom_objects
    assert not trace.exists()
    pickle.loads(poison)
    assert trace.exists()  # so it would have worked


def test_nothing_is_unpickled_of_a_file_that_was_not_saved(
    shop: Any, own_home: Path, tmp_path: Path
) -> None:
    model = lw.save_model("m", shop)
    trace = tmp_path / "poisoned"
    added = ModelStore().find(Tag.parse(model.tag)).directory / CUSTOM_OBJECTS_FILE
    added.write_bytes(pickle.dumps(Poison(trace)))
    with suppress(lw.CorruptModel):
        assert lw.get("m").custom_objects == {}
    assert not trace.exists()


def test_a_model_can_be_looked_into_without_loading_its_learner(saved: Version) -> None:
    (saved.directory / LEARNER_FILE).unlink()
    model = lw.get("m")
    assert model.tag == "m:v"
    assert model.manifest == saved.manifest
    assert model.signature == model.manifest.signature
    assert repr(model) == "Model('m:v', takes tabular)"
