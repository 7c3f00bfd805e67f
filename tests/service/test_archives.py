"""Versions as archives: the same bytes each time, taken as they were written or not at all."""

from pathlib import Path

import learnwire_service as lw
import pytest
from learnwire_service.models.model import LEARNER_FILE
from learnwire_service.store.parcel import Parcel
from learnwire_service.store.store import ModelStore
from learnwire_service.store.tag import Tag


def arrive(home: Path, monkeypatch: pytest.MonkeyPatch) -> ModelStore:
    """Go to where models arrive: another store."""
    monkeypatch.setenv("LEARNWIRE_HOME", str(home))
    return ModelStore()


def files(model: lw.Model) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in model.directory.iterdir()}


def test_a_version_arrives_as_it_left(
    saved_shop: lw.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archives = [tmp_path / "a.tar", tmp_path / "b.tar"]
    assert [lw.export_model("shop", one) for one in archives] == [saved_shop.tag] * 2
    assert archives[0].read_bytes() == archives[1].read_bytes()
    left = files(saved_shop)

    arrive(tmp_path / "other", monkeypatch)
    model = lw.import_model(archives[0])
    assert (model.tag, files(model)) == (saved_shop.tag, left)
    assert not model.version.is_own
    assert lw.export_model("shop", tmp_path / "c.tar") == model.tag
    assert (tmp_path / "c.tar").read_bytes() == archives[0].read_bytes()


def test_a_sealed_copy_has_no_pickle_and_answers_as_the_version_that_it_is_made_of(
    saved_shop: lw.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tag = lw.export_model("shop", tmp_path / "shop.tar", sealed=True)
    assert tag == f"{saved_shop.tag}-sealed"
    arrive(tmp_path / "other", monkeypatch)
    model = lw.import_model(tmp_path / "shop.tar")
    assert model.tag == tag
    assert LEARNER_FILE not in files(model)
    origin = model.manifest.origin
    assert origin is not None
    assert origin.tag == saved_shop.tag
    model.load_plan()  # its golden examples, answered as at save


def test_a_parcel_of_a_sealed_copy_is_that_copy(saved_shop: lw.Model) -> None:
    copy = Parcel.of(saved_shop.version).sealed()
    assert copy.sealed() is copy
    assert copy.tag == Tag("shop", f"{saved_shop.manifest.version}-sealed")
