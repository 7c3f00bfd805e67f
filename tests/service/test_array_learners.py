"""Learners on arrays answer as `learner.predict` does, in words too, whatever is asked beside."""

import random
from pathlib import Path
from typing import Any

import learnwire_service as lw
import numpy as np
import pytest
import torch
from fastai.callback.progress import CSVLogger
from fastai.data.core import DataLoaders, Datasets, TfmdDL
from fastai.data.transforms import Categorize, RegressionSetup
from fastai.learner import Learner, load_learner
from fastai.losses import CrossEntropyLossFlat, MSELossFlat
from fastai.torch_basics import ItemTransform, Transform
from learnwire_service.signature.specs import ArrayInput
from torch import Tensor, nn

from .odd_raw import waves
from .small_learners import fitted

LENGTHS = (5, 3, 9, 4)


class Mean(nn.Module):
    """Classifies by the mean: zeros at the end of a shorter array change it."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(1, 2)

    def forward(self, x: Tensor) -> Any:
        return self.linear(x.mean(dim=1, keepdim=True) / 50)


class OfTheLargest(ItemTransform):  # type: ignore[misc]  # fastai is untyped
    """Divides a batch by its largest number, if that is large."""

    def encodes(self, batch: Any) -> Any:
        x, *more = batch
        return (x / x.max().clamp(min=10_000), *more)


class SmallOnes(Learner):  # type: ignore[misc]
    """Makes large numbers smaller before it predicts."""

    def predict(self, item: Any, **settings: Any) -> Any:
        [x] = item
        return super().predict((x / 1000 if x.max() > 10_000 else x,), **settings)


class Renamed(Transform):  # type: ignore[misc]
    """Short names inside, long ones outside."""

    def encodes(self, name: str) -> str:
        return name[0]

    def decodes(self, name: str) -> str:
        return {"u": "up", "d": "down"}[name]


class Hundredths(Transform):  # type: ignore[misc]
    """Small numbers inside, large ones outside."""

    def encodes(self, x: Tensor) -> Tensor:
        return x / 100

    def decodes(self, x: Tensor) -> Tensor:
        return x * 100


def padded(batch: Any) -> Any:
    """Fill up with zeros to the longest."""
    longest = max(len(x) for x, *_ in batch)
    return [(nn.functional.pad(x, (0, longest - len(x))), *more) for x, *more in batch]


def listed(items: list[Tensor], kind: type = Learner, **loading: Any) -> Any:
    pairs = [(x, int(x.mean() > 50)) for x in items]
    dls = DataLoaders.from_dsets(pairs, pairs, num_workers=0, **{"bs": 12} | loading)
    dls.n_inp, dls.vocab = 1, ["low", "high"]
    return fitted(kind(dls, Mean(), loss_func=CrossEntropyLossFlat()))


def in_sets(network: nn.Module, loss: Any, *target: Any) -> Any:
    data = Datasets(waves(), [[], list(target)], splits=(range(12, 48), range(12)))
    return fitted(Learner(data.dataloaders(bs=12, num_workers=0), network, loss_func=loss))


def tensors(*lengths: int) -> list[Tensor]:
    """Give waves cut to lengths that follow each other."""
    return [torch.from_numpy(x[: lengths[i % len(lengths)]]) for i, x in enumerate(waves(9))]


def assert_as_predicted(runner: Any, learner: Any, items: list[Tensor]) -> None:
    with learner.no_bar():
        wanted = [learner.predict((x,))[2].numpy() for x in items]
    for answer, one in zip(
        runner.predict.run_batch([x.numpy() for x in items]), wanted, strict=True
    ):
        np.testing.assert_allclose(answer.probabilities, one, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("learner", "plan"),
    [
        (lambda: listed(tensors(*LENGTHS), before_batch=[padded]), "single"),
        (lambda: listed(tensors(9), SmallOnes), "single"),
        (lambda: listed(tensors(9), after_batch=[OfTheLargest()]), "single"),
    ],
    ids=["padded", "own predict", "batch transform"],
)
def test_no_item_is_answered_otherwise_for_what_is_asked_beside_it(
    learner: Any, plan: str, own_home: Path
) -> None:
    made = learner()
    runner = lw.save_model("m", made).to_runner()
    runner.load()
    assert runner.choice is not None
    assert runner.choice.plan.name == plan, runner.choice.reasons
    own = [made.dls.valid_ds[i][0] for i in range(6)]
    assert_as_predicted(runner, made, [*own, own[0] * 1e5])
    runner.close()


def shape(model: lw.Model) -> tuple[int, ...]:
    assert isinstance(model.manifest.signature.input, ArrayInput)
    return model.manifest.signature.input.shape


@pytest.mark.slow
def test_sizes_are_told_by_items_all_over_the_data_and_by_examples(own_home: Path) -> None:
    usual = tensors(9)
    learner = listed([*usual, *tensors(4)], bs=1, before_batch=[padded])
    assert shape(lw.save_model("m", learner)) == (-1,)
    learner = listed(usual)
    assert shape(lw.save_model("m", learner)) == (9,)
    runner = lw.save_model("m", learner, examples=[(usual[0],), (usual[1][:3],)]).to_runner()
    assert_as_predicted(runner, learner, [usual[2][:5], usual[3]])
    runner.close()


def test_the_labels_are_those_that_predict_tells(own_home: Path) -> None:
    target = [lambda wave: "up" if wave[0] > wave[1] else "down", Renamed(), Categorize()]
    learner = in_sets(nn.Linear(5, 2), CrossEntropyLossFlat(), *target)
    runner = lw.save_model("m", learner).to_runner()
    with learner.no_bar():
        wanted = [str(learner.predict(wave)[0]) for wave in waves()]
    assert set(wanted) <= {"up", "down"}
    answers: list[Any] = runner.predict.run_batch(waves())
    assert [answer.label for answer in answers] == wanted
    runner.close()


def test_numbers_that_predict_tells_otherwise_than_its_tensors_are_refused(own_home: Path) -> None:
    target = [lambda wave: float(wave.sum()), RegressionSetup(), Hundredths()]
    learner = in_sets(nn.Linear(5, 1), MSELossFlat(), *target)
    with pytest.raises(lw.NotServable, match="decodes them to something else; write an adapter"):
        lw.save_model("m", learner)


def test_examples_tell_arrays_from_texts_where_the_data_is_gone(
    own_home: Path, tmp_path: Path
) -> None:
    files = [tmp_path / f"{i}.npy" for i in range(48)]
    for file, wave in zip(files, waves(), strict=True):
        np.save(file, wave)
    target = [lambda name: "even" if int(Path(name).stem) % 2 == 0 else "odd", Categorize()]
    splits = (range(12, 48), range(12))
    data = Datasets(list(map(str, files)), [[opened], target], splits=splits)
    dls = data.dataloaders(bs=12, num_workers=0)
    fitted(Learner(dls, nn.Linear(5, 2), loss_func=CrossEntropyLossFlat())).export(tmp_path / "e")
    learner = load_learner(tmp_path / "e")
    runner = lw.save_model("m", learner, examples=waves()[:3]).to_runner()
    with learner.no_bar():
        wanted = [learner.predict(wave)[2].numpy() for wave in waves()]
    answers: list[Any] = runner.predict.run_batch(waves())
    for answer, one in zip(answers, wanted, strict=True):
        np.testing.assert_allclose(answer.probabilities, one, rtol=1e-5, atol=1e-5)
    runner.close()


def opened(name: str) -> np.ndarray:
    """Read an array's file."""
    return np.load(name)  # type: ignore[no-any-return]


def test_a_log_that_a_callback_wrote_stays_behind(
    own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    learner = listed(tensors(9))
    learner.add_cb(CSVLogger())
    fitted(learner)
    runner = lw.save_model("m", learner).to_runner()
    assert_as_predicted(runner, learner, tensors(9)[:4])
    assert learner.csv_logger.file.closed
    runner.close()


class Seldom(Transform):  # type: ignore[misc]
    """Doubles one item of twelve."""

    def encodes(self, x: Tensor) -> Any:
        return x * 2 if random.random() < 1 / 12 else x


def test_chance_is_found_that_seldom_shows(own_home: Path) -> None:
    learner = listed(tensors(9), SmallOnes, after_item=[Seldom()])
    with pytest.raises(lw.NotServable, match="differently the second time"):
        lw.save_model("m", learner)


def test_what_cannot_be_sent_or_asked_is_told(own_home: Path) -> None:
    halved = [(x.bfloat16(), 1) for x in tensors(9)]
    dls = DataLoaders.from_dsets(halved, halved, bs=12, num_workers=0)
    with pytest.raises(lw.NotServable, match=r"pass examples=.* or write an adapter"):
        lw.save_model("m", Learner(dls, Mean(), loss_func=CrossEntropyLossFlat()))
    dls = DataLoaders(TfmdDL(halved, bs=12))
    with pytest.raises(lw.NotServable, match=r"no validation loader.* add one"):
        lw.save_model("m", Learner(dls, Mean(), loss_func=CrossEntropyLossFlat()))
