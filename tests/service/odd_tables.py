"""Odd learners on tables."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from fastai.callback.tracker import (
    EarlyStoppingCallback,
    SaveModelCallback,
    TerminateOnNaNCallback,
)
from fastai.collab import CollabDataLoaders, collab_learner
from fastai.tabular.all import (
    Categorify,
    FillMissing,
    FillStrategy,
    Learner,
    Normalize,
    TabularDataLoaders,
    TabularLearner,
    TabularPandas,
    TabWeightedDL,
    tabular_learner,
)
from torch import nn

from . import small_learners as small
from .odd import Answer, Odd
from .odd_parts import (
    Centred,
    HalvedInputs,
    Logarithm,
    Neighbours,
    OverTheBatch,
    OwnCategorify,
    OwnModel,
    OwnPredict,
    OwnPreds,
    PriceOfOne,
    Unevaluated,
    double,
    early,
)
from .small_learners import After, fitted, shop_frame

_ITEMS = 24
_CATEGORIES = ("shop", "size", "open")
_NUMBERS = ("price", "weight")


def frame() -> pd.DataFrame:
    """Give the shops' table with a column for each oddity."""
    random = np.random.default_rng(1)
    found = shop_frame()
    count = len(found)
    days = pd.to_datetime(
        random.choice(["2024-02-29", "2025-01-01T12:30"], count), format="ISO8601"
    )
    rooms = pd.array(random.integers(1, 9, count), "Int64")
    rooms[:20:3] = pd.NA
    return found.assign(
        tenth=random.choice([0.1, 0.25, 3.0], count),
        day=days,
        marked=random.choice(["#na#", "nan", "", "xx"], count),
        ordered=pd.Categorical(
            random.choice(list("abc"), count), ["c", "a", "b", "d"], ordered=True
        ),
        huge=1e6 + random.normal(0, 1, count),
        rooms=rooms,
        whole=random.integers(-50, 50, count),
    )


def learner(
    categories: tuple[str, ...] = _CATEGORIES,
    numbers: tuple[str, ...] = _NUMBERS,
    procs: tuple[Any, ...] = (Categorify, FillMissing, Normalize),
    target: Any = "sold",
    table: Callable[[], pd.DataFrame] = frame,
    change: Callable[[Any], object] = lambda learner: None,
    **settings: Any,
) -> Any:
    """Train a learner on some of the columns, and change it."""
    dls = TabularDataLoaders.from_df(
        table(),
        procs=[proc() if isinstance(proc, partial) else proc for proc in procs],
        cat_names=list(categories),
        cont_names=list(numbers),
        y_names=target,
        valid_idx=list(range(12)),
        bs=12,
    )
    made = fitted(tabular_learner(dls, layers=[8], **settings))
    change(made)
    return made


def rows(
    *columns: str, null: tuple[str, ...] = (), table: Callable[[], pd.DataFrame] = frame
) -> list[Any]:
    """Give rows as a client sends them; some of these columns are null here and there."""
    random = np.random.default_rng(2)
    records = table()[list(columns)].iloc[:_ITEMS].to_dict("records")
    return [
        {
            name: None if pd.isna(cell) or (name in null and random.random() < 0.3) else _cell(cell)
            for name, cell in record.items()
        }
        for record in records
    ]


def _cell(cell: Any) -> Any:
    if isinstance(cell, pd.Timestamp):
        return cell.isoformat()
    return cell.item() if isinstance(cell, np.generic) else cell


def series(item: Any) -> Any:
    """Give what `learner.predict` takes."""
    cells = {
        name: np.nan if cell is None else pd.Timestamp(cell) if name == "day" else cell
        for name, cell in item.items()
    }
    return pd.Series(cells, dtype=object)


SHOPS = rows(*_CATEGORIES, *_NUMBERS, null=(*_CATEGORIES, "weight"))
SHOPS += [SHOPS[0] | {"shop": "east"}, SHOPS[1] | {"size": 9}, SHOPS[2] | {"price": -3e12}]


def shops(plan: str = "tabular", *because: str, **settings: Any) -> Odd:
    """Give an odd learner of the shops' own columns."""
    return Odd(partial(learner, **settings), SHOPS, plan, because, series)


def columns(
    categories: tuple[str, ...],
    numbers: tuple[str, ...],
    null: tuple[str, ...] = (),
    wrong: Any = (),
    **settings: Any,
) -> Odd:
    """Give an odd learner of other columns."""
    items = rows(*categories, *numbers, null=null)
    made = partial(learner, categories, numbers, **settings)
    return Odd(made, items, "tabular", (), series, [items[0] | cells for cells in wrong])


def own_network(network: Callable[[], nn.Module], kind: type = TabularLearner) -> Any:
    """Train a learner with a network of another making."""
    like = learner()
    return fitted(kind(like.dls, network(), loss_func=like.loss_func))


def _become(kind: type) -> Callable[[Any], None]:
    def change(made: Any) -> None:
        made.__class__ = kind

    return change


def _keep_callbacks(made: Any) -> None:
    made.add_cbs([EarlyStoppingCallback(), SaveModelCallback(), TerminateOnNaNCallback()])


def weighted() -> Any:
    """Train a learner on rows that are drawn by their weights."""
    splits = list(range(12, 48)), list(range(12))
    procs = [Categorify, FillMissing, Normalize]
    table = TabularPandas(frame(), procs, [*_CATEGORIES], [*_NUMBERS], "sold", splits=splits)
    dls = table.dataloaders(bs=12, dl_kwargs=[{"wgts": np.arange(1, 37)}, {}])
    assert type(dls.train) is TabWeightedDL
    return fitted(tabular_learner(dls, layers=[8]))


def _renamed() -> pd.DataFrame:
    names = {"shop": 'the "shop"', "size": "größe", "open": " open? ", "price": "a.b/c [£]"}
    return frame().rename(columns={**names, "weight": "price_na", "huge": "it's, 1"})


_ODD_NAMES = ('the "shop"', "größe", " open? ")
_ODD_NUMBERS = ("a.b/c [£]", "price_na", "it's, 1")


def _named() -> Odd:
    items = rows(*_ODD_NAMES, *_ODD_NUMBERS, null=("größe", "price_na"), table=_renamed)
    made = partial(learner, _ODD_NAMES, _ODD_NUMBERS, table=_renamed)
    return Odd(made, items, "tabular", (), series)


def ratings(**settings: Any) -> Any:
    """Train a collaborative filter whose users are strings."""
    random = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "who": random.choice(["ann", "bob", "#na#"], 48),
            "film": random.integers(1, 6, 48),
            "stars": random.integers(1, 6, 48),
        }
    )
    dls = CollabDataLoaders.from_df(table, bs=12, num_workers=0, seed=0)
    return fitted(collab_learner(dls, **settings))


def rated(made: Any, pair: Any) -> Answer:
    """Ask a collaborative filter, which takes no single row, for a pair beside itself."""
    rating = made.get_preds(dl=made.dls.test_dl(pd.DataFrame([pair, pair])))[0][0].reshape(1)
    return rating.numpy(), rating.numpy()


def pairs(plan: str, *because: str, **settings: Any) -> Odd:
    """Give an odd collaborative filter."""
    who = ("ann", "bob", "#na#", None, "zoe")
    items = [{"who": name, "film": film} for name in who for film in (1, 2, 5, None, 9)]
    return Odd(partial(ratings, **settings), items, plan, because, ask=rated)


def framed(made: Any, row: Any) -> Answer:
    """Ask a plain Learner, whose `predict` takes no row, for a frame of one."""
    loader = made.dls.test_dl(pd.DataFrame([row.to_dict()]))
    raw, _, decoded = made.get_preds(dl=loader, with_decoded=True)
    return decoded[0].numpy(), raw[0].numpy()


TABLES: dict[str, Odd] = {
    "no Normalize": shops(procs=(Categorify, FillMissing)),
    "no FillMissing": columns(
        _CATEGORIES,
        ("price",),
        _CATEGORIES,
        procs=(Categorify, Normalize),
        wrong=[{"price": None}, {"size": "2"}, {"price": float("inf")}],
    ),
    "no procs of numbers": columns(_CATEGORIES, ("price",), procs=(Categorify,)),
    "no column of what was missing": shops(
        procs=(Categorify, partial(FillMissing, add_col=False), Normalize)
    ),
    "filled with a constant": shops(
        procs=(
            Categorify,
            partial(FillMissing, FillStrategy.constant, fill_vals={"weight": -7.7}),
            Normalize,
        )
    ),
    "filled with the mode": shops(
        procs=(Categorify, partial(FillMissing, FillStrategy.mode), Normalize)
    ),
    "filled whole numbers": columns(("shop",), ("rooms",), ("rooms",)),
    "whole numbers": columns(("shop",), ("price", "whole")),
    "own proc": shops(
        "loader", "the proc Logarithm is not known", procs=(Logarithm, Categorify, FillMissing)
    ),
    "proc that looks at its neighbours": shops(
        "single",
        "the proc Centred is not known",
        "loader: in a batch, golden example",
        procs=(Categorify, FillMissing, Centred),
    ),
    "own Categorify": shops(
        "loader",
        "the proc OwnCategorify is not known",
        procs=(OwnCategorify, FillMissing, Normalize),
    ),
    "procs in another order": shops(procs=(Normalize, FillMissing, Categorify)),
    "procs that run in another order": shops(
        "loader",
        "the procs run in the order Normalize, FillMissing, Categorify",
        procs=(Categorify, FillMissing, partial(early)),
    ),
    "no numbers": columns(_CATEGORIES, (), _CATEGORIES),
    "no categories": columns((), ("price", "huge")),
    "no categories but what was missing": columns((), _NUMBERS, ("weight",)),
    "categories of every type": columns(
        ("size", "tenth", "open", "day", "ordered"),
        (),
        ("size", "tenth", "open", "day", "ordered"),
        wrong=[{"size": "2"}, {"open": 1}, {"tenth": "0.1"}],
    ),
    "categories called #na#": columns(("shop", "marked"), ("price",), ("marked",)),
    "odd names": _named(),
    "huge numbers of float32": columns(("shop",), ("huge",)),
    "huge numbers of float64": columns(("shop",), ("huge", "whole", "weight"), ("weight",)),
    "huge numbers as they are": columns(("shop",), ("huge",), procs=(Categorify,)),
    "number in a range": shops(target="total", y_range=(0, 60)),
    "several numbers": shops(target=["total", "twice"], y_range=(0, 99)),
    "several labels": Odd(small.shop_tagger, SHOPS, "tabular", (), series),
    "weighted rows": Odd(weighted, SHOPS, "tabular", (), series),
    "own network": Odd(partial(own_network, OwnModel), SHOPS, "tabular", (), series),
    "network whose eval gives nothing": Odd(
        partial(own_network, Unevaluated), SHOPS, "tabular", (), series
    ),
    "network that looks at its neighbours": Odd(
        partial(own_network, Neighbours),
        SHOPS,
        "",
        ("takes none of 9 made-up examples",),
    ),
    "not fastai's tabular_learner": Odd(
        partial(own_network, OwnModel, Learner), SHOPS, "tabular", (), series, ask=framed
    ),
    "bools among the numbers": columns(
        ("shop",), ("price", "cheap"), wrong=[{"price": True}, {"cheap": "yes"}]
    ),
    "bools that are not normalised": columns(
        ("shop",), ("cheap",), procs=(Categorify,), wrong=[{"cheap": "yes"}]
    ),
    "a column that a proc makes": Odd(
        partial(learner, ("shop",), ("price", "each"), (PriceOfOne, Categorify, Normalize)),
        rows("shop", "price", "whole"),
        "loader",
        ("the proc PriceOfOne is not known",),
        series,
        [{"shop": "north", "price": 1.0}, {"shop": "north", "price": 1.0, "whole": "2"}],
    ),
    "hook": shops(
        "loader",
        '"layers.0" has a forward hook',
        change=lambda made: made.model.layers[0].register_forward_hook(double),
    ),
    "outputs changed by a callback": shops(
        "loader",
        "the callback After is not known",
        change=lambda made: made.add_cb(After(lambda raw: raw.flip(1))),
    ),
    "inputs changed by a callback": shops(
        "loader",
        "the callback HalvedInputs is not known",
        change=lambda made: made.add_cb(HalvedInputs()),
    ),
    "callbacks left on it": shops(change=_keep_callbacks),
    "own get_preds": shops(
        "loader", "its class OwnPreds is not fastai's", change=_become(OwnPreds)
    ),
    "own predict": shops(
        "single",
        "its class OwnPredict is not fastai's",
        "loader: it has a predict of its own",
        change=_become(OwnPredict),
    ),
    "own softmax": shops(
        "single",
        "in a batch, golden example",
        loss_func=OverTheBatch(),
    ),
    "ratings of users called #na#": pairs("tabular"),
    "ratings by a network": pairs("tabular", use_nn=True, layers=[8], y_range=(0, 6)),
    "ratings changed by a callback": pairs(
        "loader", "the callback After is not known", cbs=[After(torch.neg)]
    ),
}
