import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import learnwire_service as lw
import pytest
import torch
from fastai.callback.core import Callback
from fastai.callback.progress import ProgressCallback
from learnwire_service.common.environment import library_versions
from learnwire_service.store.store import ModelStore

from . import small_learners as small
from .small_learners import ROW, TEXT, ask

DOUBLE = """
from fastai.callback.core import Callback

class Doubler(Callback):
    def after_pred(self):
        self.learn.pred = 2 * self.learn.pred
"""
LOAD_ELSEWHERE = """
import sys, learnwire_service as lw
print(lw.get("m").to_runner().predict.run({}).probabilities.tolist())
assert "doubling" not in sys.modules
"""


class TakesOnlyNorth(Callback):  # type: ignore[misc]  # fastai is untyped
    """Fails on every row but those of the first shop."""

    def before_batch(self) -> None:
        if (self.xb[0][:, 0] != 1).any():
            raise ZeroDivisionError("not the first shop")


class TakesOnlyRiches(Callback):  # type: ignore[misc]  # fastai is untyped
    """Fails on every row whose price is not far beyond those at training."""

    def before_batch(self) -> None:
        if (self.xb[1][:, 0] < 1000).any():
            raise ZeroDivisionError("too cheap")


RICH_ROW = ROW | {"price": 1e6}


def test_a_saved_model_keeps_its_labels_metadata_and_library_versions(
    shop: Any, own_home: Path
) -> None:
    metadata = {"accuracy": 0.5, "note": None, "deep": {"list": [1, "two", True]}}
    model = lw.save_model("shop", shop, labels={"stage": "test"}, metadata=metadata)
    manifest = lw.get("shop").manifest
    assert manifest == model.manifest
    assert manifest.labels == {"stage": "test"}
    assert manifest.metadata == metadata
    assert manifest.library_versions == library_versions()
    assert manifest.library_versions["torch"] == torch.__version__
    assert {"python", "fastai", "learnwire", "numpy"} <= manifest.library_versions.keys()
    assert manifest.verified
    assert manifest.created.tzinfo is not None


@pytest.mark.slow
def test_models_are_listed_by_name_newest_first_got_by_tag_and_deleted(
    shop: Any, own_home: Path
) -> None:
    tags = [lw.save_model(tag, shop).tag for tag in ("b:one", "b:two", "a:x")]
    assert tags == ["b:one", "b:two", "a:x"]
    assert [model.tag for model in lw.list_models()] == ["a:x", "b:two", "b:one"]
    assert [model.tag for model in lw.list_models("b")] == ["b:two", "b:one"]
    assert lw.get("b").tag == lw.get("b:latest").tag == lw.get("b:t").tag == "b:two"
    assert lw.delete_model("b:latest") == ["b:two"]
    assert lw.get("b").tag == "b:one"
    assert lw.delete_model("b") == ["b:one"]
    assert [model.tag for model in lw.list_models()] == ["a:x"]
    for ask_for in (lw.get, lw.load_model, lw.delete_model):
        with pytest.raises(lw.ModelNotFound):
            ask_for("b")


@pytest.mark.usefixtures("saved_shop")
def test_a_loaded_learner_predicts_the_same_on_the_cpu_without_bars(shop: Any) -> None:
    loaded = lw.load_model("shop")
    assert ask(loaded, ROW)[1] == pytest.approx(ask(shop, ROW)[1], abs=1e-6)
    assert {(p.device.type, p.dtype) for p in loaded.model.parameters()} == {("cpu", torch.float32)}
    assert not any(isinstance(callback, ProgressCallback) for callback in loaded.cbs)
    assert len(loaded.dls.train_ds) == 0


def test_saving_leaves_the_live_learner_as_it_was(own_home: Path) -> None:
    learner = small.shop_learner()
    dls, optimizer, callbacks = learner.dls, learner.opt, list(learner.cbs)
    lw.save_model("shop", learner)
    assert learner.dls is dls
    assert len(dls.train_ds) == 36
    assert learner.opt is optimizer
    assert list(learner.cbs) == callbacks
    small.fitted(learner)


def test_custom_objects_come_back_functions_of_the_caller_included(
    shop: Any, own_home: Path
) -> None:
    factor = 3

    def times(x: int) -> int:
        return factor * x

    lw.save_model("shop", shop, custom_objects={"times": times, "words": {"a", "b"}})
    objects = lw.get("shop").custom_objects
    assert objects["times"] is not times
    assert objects["times"](4) == 12
    assert objects["words"] == {"a", "b"}


def test_without_custom_objects_there_are_none(saved_shop: lw.Model) -> None:
    assert saved_shop.custom_objects == {}


@pytest.fixture
def doubling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module that can be imported in this test only."""
    import importlib

    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "doubling.py").write_text(DOUBLE)
    monkeypatch.syspath_prepend(tmp_path / "modules")
    monkeypatch.delitem(sys.modules, "doubling", raising=False)
    return importlib.import_module("doubling")


@pytest.mark.slow
def test_an_external_module_travels_with_the_model(doubling: ModuleType, own_home: Path) -> None:
    learner = small.shop_learner()
    _, before = ask(learner, ROW)
    learner.add_cb(doubling.Doubler())
    lw.save_model("m", learner, external_modules=[doubling])
    _, expected = ask(learner, ROW)
    assert expected.tolist() != before.tolist()
    command = [sys.executable, "-c", LOAD_ELSEWHERE.format(ROW)]
    found = subprocess.run(command, capture_output=True, text=True)
    assert not found.returncode, found.stderr
    assert json.loads(found.stdout) == pytest.approx(expected.tolist(), abs=1e-5)


def test_a_module_that_is_missing_at_load_is_named(
    doubling: ModuleType, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = small.shop_learner()
    learner.add_cb(doubling.Doubler())
    lw.save_model("m", learner)
    monkeypatch.delitem(sys.modules, "doubling")
    Path(str(doubling.__file__)).unlink()
    with pytest.raises(lw.UnloadableModel, match=r"m:.*No module named 'doubling'"):
        lw.load_model("m")


def test_examples_of_the_caller_are_kept_and_replayed(texts: Any, own_home: Path) -> None:
    lw.save_model("m", texts, examples=iter([TEXT, "bad"]))
    golden = ModelStore().versions("m")[0].directory / "golden.json"
    assert TEXT in golden.read_text()
    lw.load_model("m")


@pytest.mark.parametrize("option", ["nulls", "unknown_categories"])
def test_an_option_that_is_no_choice_is_refused_and_nothing_is_saved(
    option: str, shop: Any, own_home: Path
) -> None:
    options: dict[str, Any] = {option: "alow"}
    with pytest.raises(ValueError, match=f'{option} is "[a-z]+" or "[a-z]+", got \'alow\''):
        lw.save_model("shop", shop, **options)
    assert lw.list_models() == []


def test_a_learner_in_the_place_of_the_name_is_refused(shop: Any, own_home: Path) -> None:
    with pytest.raises(lw.InvalidTag, match=r"name comes first.*got TabularLearner"):
        lw.save_model(shop, "shop")


@pytest.mark.parametrize("bad", [ROW | {"size": "2"}, {}, TEXT])
def test_an_example_that_does_not_fit_is_refused_and_nothing_is_saved(
    bad: Any, shop: Any, own_home: Path
) -> None:
    with pytest.raises(lw.InvalidInput, match="row"):
        lw.save_model("m", shop, examples=[ROW, bad])
    assert lw.list_models() == []


def test_a_learner_that_takes_some_made_up_examples_is_verified_by_those(own_home: Path) -> None:
    learner = small.shop_learner()
    learner.add_cb(TakesOnlyNorth())
    assert lw.save_model("m", learner).manifest.verified
    lw.load_model("m")


def test_a_learner_that_takes_no_made_up_example_is_refused(own_home: Path) -> None:
    learner = small.shop_learner()
    learner.add_cb(TakesOnlyRiches())
    refusal = r"takes none of 9 made-up examples: ZeroDivisionError.*pass examples=\[...\]"
    with pytest.raises(lw.NotServable, match=refusal) as caught:
        lw.save_model("m", learner)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert lw.list_models() == []


def test_an_unverified_learner_is_given_back_with_a_warning(
    shop: Any, own_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lw.save_model("m", shop, examples=[])
    assert ask(lw.load_model("m"), ROW)[1] == pytest.approx(ask(shop, ROW)[1], abs=1e-6)
    assert "there are no golden examples to prove it on" in caplog.text


def test_a_learner_that_takes_no_made_up_example_is_verified_by_the_callers(
    own_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    learner = small.shop_learner()
    learner.add_cb(TakesOnlyRiches())
    model = lw.save_model("m", learner, examples=[RICH_ROW])
    assert model.manifest.verified
    told = (
        "will be served by the slower plan loader: sealed: the callback TakesOnlyRiches is not "
        "known: it hooks before_batch, which learner.predict fires; if only training needs it, "
        "save again without it: learner.remove_cb(TakesOnlyRiches)"
    )
    assert told in caplog.text
    assert told.partition("sealed: ")[2] in str(model.manifest.sealed)
    model.load()


def test_a_plan_of_its_own_is_not_talked_about(
    shop: Any, own_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lw.save_model("m", shop)
    assert "slower plan" not in caplog.text


def test_an_example_of_the_caller_that_the_learner_fails_on_is_an_error(own_home: Path) -> None:
    learner = small.shop_learner()
    learner.add_cb(TakesOnlyRiches())
    refusal = r"the learner fails on examples\[1\]: ZeroDivisionError"
    with pytest.raises(lw.NotServable, match=refusal) as caught:
        lw.save_model("m", learner, examples=[RICH_ROW, ROW])
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert lw.list_models() == []
