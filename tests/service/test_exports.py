"""Exports that were made elsewhere are loaded where that can be, and else told in a sentence."""

from collections.abc import Callable, Iterator
from pathlib import Path, PureWindowsPath
from typing import Any

import learnwire_service as lw
import pytest
import torch
from fastai.callback.core import Callback
from fastai.data.block import CategoryBlock, DataBlock
from fastai.learner import Learner
from learnwire_service.cli.main import app
from learnwire_service.learners.export import load
from torch import nn
from typer.testing import CliRunner

from . import elsewhere
from . import small_networks as networks
from .small_learners import ask, fitted

IMAGE = networks.images()[3]


class Counts(Callback):  # type: ignore[misc]  # fastai is untyped
    """Hooks training only."""

    def before_train(self) -> None:
        self.count = 1


class Net(nn.Sequential):
    """A network by another name."""


def _bright(image: Any) -> str:
    return "bright" if image.mean() > 127.5 else "dark"


def _opened(number: int) -> object:
    return networks.images()[number]


def _numbers(_: Any) -> list[int]:
    return list(range(16))


def _label(number: int) -> str:
    return _bright(_opened(number))


@pytest.fixture(scope="module")
def of_numbers() -> Any:
    """A classifier of images that its own functions find and label."""
    lw.import_torchvision()
    from fastai.vision.all import ImageBlock, IndexSplitter, Resize

    block = DataBlock(
        (ImageBlock, CategoryBlock),
        get_items=_numbers,
        get_x=_opened,
        get_y=_label,
        splitter=IndexSplitter(range(4)),
        item_tfms=Resize(12),
    )
    dls = block.dataloaders(None, bs=4, num_workers=0)
    return fitted(Learner(dls, Net(nn.Flatten(), nn.Linear(3 * 144, 2)), metrics=[]))


@pytest.fixture
def learner(of_numbers: Any) -> Iterator[Any]:
    """One for all tests, which leave it as it was."""
    callbacks = list(of_numbers.cbs)
    yield of_numbers
    for callback in [one for one in of_numbers.cbs if one not in callbacks]:
        of_numbers.remove_cb(callback)


NOTEBOOK: elsewhere.Names = {
    one: ("__main__", one.__name__) for one in (_opened, _numbers, _label, Counts, Net)
}


def without(*kept: Any) -> elsewhere.Names:
    return {one: name for one, name in NOTEBOOK.items() if one not in kept}


def assert_same(loaded: Any, learner: Any) -> None:
    for found, expected in zip(ask(loaded, IMAGE), ask(learner, IMAGE), strict=True):
        assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("module", ["pathlib", "pathlib._local"])
@pytest.mark.parametrize("kind", ["PosixPath", "WindowsPath"])
def test_paths_of_another_system_or_python_are_taken_for_this_ones(
    module: str, kind: str, learner: Any, tmp_path: Path
) -> None:
    learner.seen = PureWindowsPath("C:/data")
    path = elsewhere.export(learner, tmp_path / "e.pkl", {type(tmp_path): (module, kind)})
    loaded = load(path)
    assert loaded.path == tmp_path
    assert loaded.seen == PureWindowsPath("C:/data")
    assert_same(loaded, learner)


def test_a_learner_of_fastai_2_7_is_loaded_saved_and_served(
    learner: Any, tmp_path: Path, own_home: Path
) -> None:
    path = elsewhere.export(learner, tmp_path / "e.pkl", without(Net), old=True)
    assert b"fastcore.dispatch" in path.read_bytes()
    loaded = load(path)
    assert_same(loaded, learner)
    runner = lw.save_model("m", loaded).to_runner()
    answer = runner.predict.run(IMAGE)
    assert answer.probabilities == pytest.approx(ask(learner, IMAGE)[1], abs=1e-5)
    assert runner.choice is not None
    assert runner.choice.plan.name == "images"


def test_what_only_training_needs_may_be_missing_and_is_told_when_it_is_asked(
    learner: Any, tmp_path: Path
) -> None:
    loaded = load(elsewhere.export(learner, tmp_path / "e.pkl", without(Net)))
    assert_same(loaded, learner)
    told = "it refers to _opened of the script or notebook that exported it, .*define or import _op"
    with pytest.raises(lw.UnloadableModel, match=told):
        loaded.predict(3)


def test_reports_on_training_are_taken_off_wherever_their_library_is(
    learner: Any, tmp_path: Path
) -> None:
    names = {Counts: ("fastai.callback.wandb", "WandbCallback")}
    learner.add_cb(Counts())
    loaded = load(elsewhere.export(learner, tmp_path / "e.pkl", names))
    assert len(loaded.cbs) < len(learner.cbs)
    assert_same(loaded, learner)


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ({Counts: ("__main__", "Counts")}, "it refers to Counts of the script or notebook"),
        ({Net: ("__main__", "Net")}, "it refers to Net of the script or notebook"),
        ({Counts: ("lost.parts", "Mine")}, "it refers to lost.parts.Mine.*No module named 'lost'"),
        (
            {Net: ("torch.nn", "Old")},
            r"it refers to torch\.nn\.Old, which is not in torch\.nn here",
        ),
        ({Learner: ("__main__", "MyLearner")}, "it refers to MyLearner of the script"),
    ],
)
def test_what_prediction_needs_is_named_when_it_is_missing(
    names: elsewhere.Names, told: str, learner: Any, tmp_path: Path
) -> None:
    learner.add_cb(Counts())
    path = elsewhere.export(learner, tmp_path / "mine.pkl", names)
    with pytest.raises(lw.UnloadableModel, match=rf"^mine\.pkl does not load: {told}") as caught:
        load(path)
    assert "fastai 2.7" not in str(caught.value)
    result = CliRunner().invoke(app, ["save", "m", str(path), "--allow-unpickling"])
    assert result.exit_code == 1
    assert result.output == f"learnwire: {caught.value}\n"


def test_an_old_export_that_does_not_load_is_told_to_be_old(learner: Any, tmp_path: Path) -> None:
    path = elsewhere.export(learner, tmp_path / "e.pkl", {Net: ("__main__", "Net")}, old=True)
    told = r"e\.pkl does not load: it refers to Net .*exported by fastai 2\.7.*learner\.load them"
    with pytest.raises(lw.UnloadableModel, match=told):
        load(path)


def _cut(path: Path) -> None:
    torch.save([1] * 100, path)
    path.write_bytes(path.read_bytes()[:-50])


@pytest.mark.parametrize(
    ("write", "told"),
    [
        (lambda path: path.write_text("no pickle"), "is no export of a Learner"),
        (lambda path: path.write_bytes(b""), "is no export of a Learner"),
        (_cut, "e.pkl"),
        (lambda path: torch.save(nn.Linear(1, 1), path), "it holds a torch module.*save_torch_mod"),
        (
            lambda path: torch.save(nn.Linear(1, 1).state_dict(), path),
            "it holds weights",
        ),
        (lambda path: torch.save([1], path), "it holds a list, not a Learner"),
    ],
)
def test_what_is_no_export_is_told(write: Callable[[Path], Any], told: str, tmp_path: Path) -> None:
    write(tmp_path / "e.pkl")
    with pytest.raises(lw.UnloadableModel, match=told):
        load(tmp_path / "e.pkl")
