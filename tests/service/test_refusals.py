"""What cannot be served is refused at save, with the way out, and nothing is kept of it."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import learnwire_service as lw
import numpy as np
import pandas as pd
import pytest
import torch
from fastai.callback.core import Callback
from fastai.data.load import DataLoader
from learnwire_service.learners.tabular import _cell_type
from torch import nn
from torch.nn.functional import cross_entropy, dropout

from . import small_learners as small
from . import small_networks as networks
from .small_learners import ROW, After, ask


class Fastai1Learner:
    __module__ = "fastai.basic_train"


def assert_nothing_kept(home: Path) -> None:
    assert lw.list_models() == []
    assert [path for path in home.rglob("*") if path.is_file()] == []


def plain_loss() -> Any:
    learner = small.shop_learner()
    learner.loss_func = cross_entropy
    return learner


@pytest.mark.parametrize(
    ("make", "way_out"),
    [
        (lambda: nn.Linear(2, 2), r"torch module; save the Learner around it \(Learner\(dls"),
        (Fastai1Learner, "fastai 1 learner; load its weights into a fastai 2 Learner"),
        (dict, "expected a fastai Learner, got dict; save the object that you called fit"),
        (type("Child", (Fastai1Learner,), {"__module__": "mine"}), "fastai 1 learner"),
        (small.language_model, "language model.*train a text_classifier_learner on its encoder"),
        (plain_loss, r"cross_entropy.*set learner.loss_func to fastai's own.*no training is need"),
        (networks.box_learner, "object detection is not served as it is; write an adapter for it"),
        (networks.string_learner, r"write an adapter \(save_model\(..., adapter="),
        (lambda: networks.array_learner(loader=DataLoader), "write an adapter"),
    ],
    ids=["module", "fastai 1", "dict", "child of fastai 1", "language model", "plain loss",
         "boxes", "strings", "plain loader"],
)  # fmt: skip
def test_a_learner_that_cannot_be_served_is_refused_with_the_way_out(
    make: Callable[[], Any], way_out: str, own_home: Path
) -> None:
    learner = make()
    with pytest.raises(lw.NotServable, match=f"(?s){way_out}"):
        lw.save_model("m", learner)
    assert_nothing_kept(own_home)


def always_drop(raw: torch.Tensor) -> torch.Tensor:
    return dropout(raw, 0.5, training=True) + torch.rand_like(raw)


def no_number(raw: torch.Tensor) -> torch.Tensor:
    return raw * torch.nan


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (always_drop, "same example differently the second time.*look for randomness"),
        (no_number, "answers an example with NaN or infinite values"),
    ],
)
@pytest.mark.parametrize("examples", [None, [ROW]])
def test_a_learner_without_one_answer_is_refused(
    change: Any, problem: str, examples: list[Any] | None, own_home: Path
) -> None:
    learner = small.shop_learner()
    learner.add_cb(After(change))
    with pytest.raises(lw.NotServable, match=problem):
        lw.save_model("m", learner, examples=examples)
    assert_nothing_kept(own_home)


@pytest.fixture(params=["lock", "file", "generator"])
def unpicklable(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    import threading

    with (tmp_path / "open").open("w") as file:
        yield {"lock": threading.Lock(), "file": file, "generator": (i for i in "a")}[request.param]


def test_a_learner_that_cannot_be_pickled_is_refused_and_stays_as_it_was(
    unpicklable: Any, own_home: Path
) -> None:
    learner = small.shop_learner()
    callback = Callback()
    callback.holds = [unpicklable]  # files that it holds itself stay behind
    learner.add_cb(callback)
    _, before = ask(learner, ROW)
    dls, optimizer, callbacks = learner.dls, learner.opt, list(learner.cbs)
    with pytest.raises(lw.NotServable, match=r"cannot be pickled .*replace what holds open files"):
        lw.save_model("m", learner)
    assert_nothing_kept(own_home)
    assert learner.dls is dls
    assert len(dls.train_ds) == 36
    assert learner.opt is optimizer
    assert list(learner.cbs) == callbacks
    assert ask(learner, ROW)[1].tolist() == before.tolist()
    small.fitted(learner)
    assert ask(learner, ROW)[1].tolist() != before.tolist()


@pytest.mark.parametrize("kind", [OSError, ZeroDivisionError, LookupError])
def test_whatever_is_raised_while_it_is_pickled_leaves_the_learner_as_it_was_too(
    kind: type[Exception], own_home: Path
) -> None:
    class Unwilling:
        def __reduce__(self) -> str:
            raise kind("not me")

    learner = small.shop_learner()
    dls = learner.dls
    learner.add_cb(After(Unwilling()))
    with pytest.raises(lw.NotServable, match=r"cannot be pickled .*not me"):
        lw.save_model("m", learner)
    assert learner.dls is dls
    assert learner.opt is not None
    assert_nothing_kept(own_home)


@pytest.mark.parametrize("name", ["", "Shop", "shop:", "a/b", "a:b:c", "shop:latest"])
def test_a_malformed_name_is_refused(name: str, shop: Any, own_home: Path) -> None:
    with pytest.raises(lw.InvalidTag):
        lw.save_model(name, shop)
    assert_nothing_kept(own_home)


@pytest.mark.parametrize(
    "value",
    [{1, 2}, object(), b"x", (1, 2), 1j, {"deep": [object]}, {1: 2}, np.float32(1),
     float("nan"), float("-inf"), {"deep": [float("nan")]}],
)  # fmt: skip
def test_metadata_that_is_no_json_is_refused_by_its_key(
    value: object, shop: Any, own_home: Path
) -> None:
    with pytest.raises(TypeError, match=r"metadata\.score"):
        lw.save_model("m", shop, metadata={"fine": 1, "score": value})
    assert_nothing_kept(own_home)


def test_a_version_that_is_there_is_refused(shop: Any, own_home: Path) -> None:
    model = lw.save_model("m:v1", shop)
    with pytest.raises(lw.VersionExists, match="m:v1 exists already"):
        lw.save_model("m:v1", shop)
    assert [found.manifest for found in lw.list_models()] == [model.manifest]


def read_darkly(source: Path | bytes | np.ndarray) -> Any:
    """Open the files of a data set in a way that no bytes and no pixels go."""
    from fastai.vision.all import PILImage

    pixels = np.asarray(PILImage.create(source))
    return PILImage.create(255 - pixels if isinstance(source, Path) else pixels)


@pytest.mark.slow
def test_a_learner_that_answers_its_own_files_otherwise_than_what_clients_send_is_refused(
    own_home: Path, tmp_path: Path
) -> None:
    learner = networks.learner_of_files(tmp_path, opened=read_darkly)
    with pytest.raises(
        lw.NotServable, match=r"own data is answered with a difference of .*write an adapter"
    ):
        lw.save_model("m", learner)
    assert_nothing_kept(own_home)
    lw.save_model("m", networks.learner_of_files(tmp_path))


@pytest.mark.parametrize(
    ("values", "cure"),
    [
        ([date(2024, 2, 29), date(2025, 1, 1)], r'pd\.to_datetime\(df\["shop"\]\)'),
        ([Decimal("0.5"), Decimal(2)], r'df\["shop"\]\.astype\(float\)'),
        ([timedelta(1), timedelta(2)], r'df\["shop"\]\.dt\.total_seconds\(\)'),
        ([pd.Period("2024-01"), pd.Period("2024-02")], r'df\["shop"\]\.dt\.to_timestamp\(\)'),
        ([pd.Interval(0, 1), pd.Interval(1, 2)], r'df\["shop"\]\.map\(str, na_action="ignore"\)'),
        ([b"n", b"s"], r'df\["shop"\]\.str\.decode\("utf-8"\)'),
        ([(1, 2), (3, 4)], r'df\["shop"\]\.map\(str, na_action="ignore"\)'),
        (["1", 2], r'df\["shop"\]\.map\(str, na_action="ignore"\)'),
    ],
)
def test_categories_that_cannot_be_sent_are_told_what_makes_them_others(
    values: list[Any], cure: str
) -> None:
    with pytest.raises(
        lw.NotServable, match=rf'categories of column "shop".*df\["shop"\] = {cure}$'
    ):
        _cell_type("shop", tuple(values))
