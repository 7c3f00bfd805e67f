"""A learner of each kind with items for it and its oracle: what fastai itself answers."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import learnwire_service as lw
import numpy as np
import pandas as pd
import torch

from tests.service import small_learners as small
from tests.service import small_networks as networks

COUNT = 304
# Tokens at which a text begins another chunk, or is pooled from later on; see PREDICT.md.
EDGES = (1, 71, 72, 73, 143, 144, 145, 216, 720, 1439, 1440, 1441, 1512, 3000)
Answer = tuple[Any, Any]

_PADDED = 40
_WORDS = ("good", "bad", "slow", "fast", "unheard", "ünïcode", "🙂", "xxunk")


@dataclass(frozen=True)
class Kind:
    """A learner, its items in shuffled order, and its oracle.

    Attributes:
        plan: the name of the plan that is to serve it.
        ask: answers an item with the decoded and the raw values of each output.
        adapter: as for save_model.
    """

    plan: str
    learner: Any
    items: list[Any]
    ask: Callable[[Any, Any], list[Answer]]
    adapter: str | None = None


def predict(learner: Any, item: Any) -> list[Answer]:
    """The oracle where `learner.predict` works; a null is NaN to it."""
    if isinstance(item, dict):
        item = pd.Series({k: np.nan if v is None else v for k, v in item.items()}, dtype=object)
    if isinstance(item, np.ndarray) and item.ndim == 1 and item.dtype == np.uint8:
        item = item.tobytes()
    with learner.no_bar():
        label, decoded, raw = learner.predict(item)
    # Of points the label says what the decoded values do not: where they are in the image.
    first = label if type(label).__name__ == "TensorPoint" else decoded
    return [(first.numpy(), raw.numpy())]


def predict_arrays(learner: Any, item: Any) -> list[Answer]:
    """`learner.predict` takes arrays as a tuple of tensors."""
    parts = item if isinstance(item, tuple) else (item,)
    return predict(learner, tuple(map(torch.from_numpy, parts)))


def predict_joined(learner: Any, item: Any) -> list[Answer]:
    """`learner.predict` takes the joined text, with the marks that fastai puts at training."""
    return predict(learner, f"xxfld 1 {item['title']} xxfld 2 {item['text']}")


def rate(learner: Any, item: Any) -> list[Answer]:
    """Collaborative filtering is asked through `test_dl`, with a second row beside the one."""
    frame = pd.DataFrame([item, {"user": 1, "film": 1}])
    with learner.no_bar():
        raw, _ = learner.get_preds(dl=learner.dls.test_dl(frame))
    return [(raw[0].reshape(-1).numpy(), raw[0].reshape(-1).numpy())]


def predict_heads(learner: Any, item: Any) -> list[Answer]:
    """`learner.predict` gives only the first output's tensors, `get_preds` all."""
    with learner.no_bar():
        loader = learner.dls.test_dl([item], num_workers=0)
        raw, _, decoded = learner.get_preds(dl=loader, with_decoded=True)
    return [(d[0].numpy(), r[0].numpy()) for d, r in zip(decoded, raw, strict=True)]


def predict_series(learner: Any, item: Any) -> list[Answer]:
    """tsai's learners are asked through a loader of their own."""
    with learner.no_bar():
        loader = learner.dls.valid.new_dl(item[None])
        raw, _, decoded = learner.get_preds(dl=loader, with_decoded=True)
    return [(decoded[0].numpy(), raw[0].numpy())]


def _rows() -> list[Any]:
    choose = random.Random(1)
    return [
        {
            "shop": choose.choice(["north", "south", None]),
            "size": choose.choice([1, 2, 3, None]),
            "open": choose.choice([True, False]),
            "price": choose.gauss(10, 4),
            "weight": choose.choice([None, choose.gauss(1, 0.3)]),
        }
        for _ in range(COUNT)
    ]


def _texts(marks: int = 1) -> list[str]:
    """Give texts of 0 to 3,000 tokens; of those `marks` are put there by fastai."""
    choose = random.Random(2)
    few = COUNT - len(EDGES) - _PADDED
    lengths = [*EDGES, *(choose.randint(0, 100) for _ in range(few))]
    texts = [_text(choose, length - marks) for length in lengths]
    for length in choose.choices([2, 20, 72, 73, 150, 1450], (8, 8, 8, 8, 8, 1), k=_PADDED):
        words = _text(choose, length - marks).split()
        words.insert(choose.randint(0, len(words)), "xxpad")
        texts.append(" ".join(words))
    choose.shuffle(texts)
    return texts


def _text(choose: random.Random, words: int) -> str:
    chosen = [""]
    for _ in range(words):
        # A word said three times in a row would become other tokens.
        chosen.append(choose.choice([word for word in _WORDS if word != chosen[-1]]))
    return " ".join(chosen[1:])


def _images() -> list[Any]:
    noise = np.random.default_rng(3)
    sizes = noise.integers(9, 40, (COUNT - 60, 2))
    arrays = [noise.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]
    items = arrays + [networks.png(array) for array in arrays[:60]]
    random.Random(3).shuffle(items)
    return items


def _series(count: int) -> Any:
    return np.random.default_rng(5).normal(size=(count, 2, 30)).astype(np.float32)


def _waves() -> Any:
    lw.import_torchvision()
    from tsai.basics import TSClassification, TSClassifier

    series = _series(64)
    labels = np.where(series[:, 0].mean(axis=1) > 0, "up", "down")
    splits = list(range(48)), list(range(48, 64))
    tfms = [None, TSClassification()]
    return small.fitted(
        TSClassifier(series, labels, splits=splits, arch="FCNPlus", tfms=tfms, bs=16, device="cpu")
    )


def _of(count: int, make: Callable[[Any], Any]) -> list[Any]:
    noise = np.random.default_rng(4)
    return [make(noise) for _ in range(count)]


def _array(noise: Any) -> Any:
    return noise.normal(size=4).astype(np.float32)


def _rating(noise: Any) -> Any:
    user, film = noise.integers(1, 6, 2).tolist()
    return {"user": user, "film": film}


def _titled() -> list[Any]:
    return [{"title": "fine", "text": text} for text in _texts(marks=6)]


def _two_headed() -> Kind:
    pixels = np.random.default_rng(6).integers(0, 256, (COUNT, 16, 16, 3), dtype=np.uint8)
    return Kind("images", networks.two_headed(), list(pixels), predict_heads)


def _pair(noise: Any) -> Any:
    return _array(noise), _array(noise)


def _rows_to(learner: Callable[[], Any]) -> Callable[[], Kind]:
    return lambda: Kind("tabular", learner(), _rows(), predict)


def _texts_to(learner: Callable[[], Any]) -> Callable[[], Kind]:
    return lambda: Kind("text", learner(), _texts(), predict)


KINDS: dict[str, Callable[[], Kind]] = {
    "rows-to-a-label": _rows_to(small.shop_learner),
    "rows-to-a-number": _rows_to(lambda: small.shop_regressor("total")),
    "rows-to-numbers": _rows_to(lambda: small.shop_regressor("total", "twice")),
    "rows-to-labels": _rows_to(small.shop_tagger),
    "texts-to-a-label": _texts_to(small.text_learner),
    "texts-to-labels": _texts_to(small.text_tagger),
    "texts-to-a-number": _texts_to(small.text_regressor),
    "text-columns": lambda: Kind(
        "text", small.text_learner(["title", "text"]), _titled(), predict_joined
    ),
    "ratings": lambda: Kind("tabular", small.collab(), _of(COUNT, _rating), rate),
    "images-to-a-label": lambda: Kind("images", networks.image_learner(), _images(), predict),
    "images-to-a-point": lambda: Kind("images", networks.point_learner(), _images(), predict),
    "images-to-a-mask": lambda: Kind("images", networks.segmenter(), _images(), predict),
    "two-outputs": _two_headed,
    "arrays": lambda: Kind("arrays", networks.array_learner(), _of(COUNT, _array), predict_arrays),
    "pairs-of-arrays": lambda: Kind(
        "arrays", networks.array_learner(2), _of(COUNT, _pair), predict_arrays
    ),
    "series-through-an-adapter": lambda: Kind(
        "single",
        _waves(),
        list(_series(COUNT)),
        predict_series,
        "examples.tsai_adapter:TsaiAdapter",
    ),
}
