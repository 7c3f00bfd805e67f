"""The items that the demo asks about: held-out ones, then odd ones made from them by hand."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from . import data

_PLAIN = 14

Value = str | pd.Series | NDArray[np.uint8]


class Item(NamedTuple):
    """What a model is asked about, and how the table calls it."""

    name: str
    value: Value


def sentiment_items() -> Iterator[Item]:
    """Give held-out snippets and odd texts."""
    reviews = data.reviews()
    texts = reviews.loc[reviews["valid"], "text"].tolist()
    yield from (Item(text, text) for text in texts[:_PLAIN])
    yield Item("(an empty text)", "")
    yield Item("(white space)", " \n\t ")
    yield Item("(100 in one)", " ".join(texts[:100]))
    yield Item("(other scripts)", "最高の映画 🎬, c'était génial! Прекрасно.")
    yield Item("(fastai's tokens)", "xxpad xxunk a masterpiece xxbos xxpad")
    yield Item("(a file's name)", "README.md")


def penguins_items() -> Iterator[Item]:
    """Give held-out rows and rows with nulls, unknown categories and unlikely measures."""
    penguins = data.penguins()
    rows = penguins[penguins["valid"]].drop(columns=[data.SPECIES, "valid"])
    chosen = rows.iloc[np.linspace(0, len(rows) - 1, _PLAIN).astype(int)]
    for number, row in chosen.iterrows():
        yield Item(f"no. {number}, {row['island']}", row)
    typical = chosen.iloc[-1]
    yield Item("(sex is null)", _with(typical, sex=None))
    yield Item("(bill is null)", _with(typical, bill_length_mm=np.nan))
    yield Item("(no measures)", _with(typical, **dict.fromkeys(data.MEASURES, np.nan)))
    yield Item("(unknown island)", _with(typical, island="Atlantis"))
    yield Item("(year 2112)", _with(typical, year=2112))
    yield Item("(5,000 kg)", _with(typical, body_mass_g=5_000_000.0))


def digits_items() -> Iterator[Item]:
    """Give held-out images, and blank, noisy, turned and enlarged ones."""
    digits = data.digits()
    images = digits.images[digits.valid][:_PLAIN]
    labels = digits.labels[digits.valid][:_PLAIN]
    for label, image in zip(labels, images, strict=True):
        yield Item(f"a written {label}", image)
    last = images[-1]
    yield Item("(all black)", np.zeros_like(last))
    yield Item("(all white)", np.full_like(last, 255))
    yield Item("(noise)", np.random.default_rng(1).integers(0, 256, last.shape, np.uint8))
    yield Item("(mirrored)", last[:, ::-1])
    yield Item("(upside down)", last[::-1, ::-1])
    yield Item("(enlarged)", last.repeat(3, axis=0).repeat(3, axis=1))


def _with(row: "pd.Series[Any]", **cells: Any) -> "pd.Series[Any]":
    changed = row.copy()
    changed[list(cells)] = list(cells.values())
    return changed
