"""What training looked like, read off a learner's own data when it is saved."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from fastai.data.core import Datasets
from fastai.tabular.core import Categorify, FillMissing, Normalize, Tabular
from numpy.typing import NDArray

from ..common.errors import in_a_line
from ..common.logs import get_logger
from ..observe.counting import NULL, Grid, Watched, answer_row, answer_values, watched_answers
from ..sealed.plan import ColumnPlan, Plan
from ..sealed.text import TextPlan
from ..signature.answers import Outcomes, Stacked
from ..signature.columns import CheckedColumns
from ..signature.specs import Column, Signature, TabularInput
from ..signature.training import (
    EXPORTED,
    MOST,
    Feature,
    Training,
    answered,
    bare,
    watched,
)
from .adapter import Adapter
from .tabular import proc_of

# The most rows of a table, the most items that are asked for, and how many seconds that may take.
_ROWS, _ITEMS, _SECONDS = 100_000, 1_000, 3.0
_BATCH = 64
_QUANTILES = np.linspace(0.1, 0.9, 9)
_UNREAD = "its training data is of a kind that Learnwire does not read"

_Values = NDArray[np.float64]
_log = get_logger()


def training_of(adapter: Adapter, plan: Plan | None) -> Training:
    """Tell what training looked like, as far as a learner's own data shows it.

    What is private is left out. Of its answers a sample is kept: those of what was sealed.

    Args:
        adapter: stands before the learner as its user has it.
        plan: answers for the learner; None where it is not sealed.
    """
    signature = adapter.signature
    try:
        return _training(adapter, plan)
    except Exception as error:  # noqa: BLE001 - a learner's data may be anything
        _log.debug(f"what training looked like is not kept: {in_a_line(error)}")
        return Training.unknown(signature, _UNREAD)


def _training(adapter: Adapter, plan: Plan | None) -> Training:
    signature = adapter.signature
    data = getattr(getattr(adapter.learner, "dls", None), "train_ds", None)
    if data is None or not len(data):
        return Training.unknown(signature, EXPORTED)
    if isinstance(data, Tabular):
        features, answers = _of_table(data, signature, plan)
    elif isinstance(plan, TextPlan) and isinstance(data, Datasets):
        features, answers = _of_texts(data, plan)
    else:
        features, answers = [], _asked(plan, adapter.trained_items(_ITEMS))
    if not features and not answers:
        return Training.unknown(signature, _UNREAD)
    return Training(features=(*features, *_of_answers(signature, answers)))


def _of_table(
    data: Any, signature: Signature, plan: Plan | None
) -> tuple[list[Feature], Sequence[Outcomes]]:
    if not isinstance(signature.input, TabularInput):
        return [], []
    if not all(type(proc).__module__.startswith("fastai.") for proc in data.procs.fs):
        return [], []
    rows = data.items.iloc[:: -(-len(data.items) // _ROWS)]
    columns = signature.input.columns
    values = {column.name: _cells(data, rows, column) for column in columns}
    features = [_of_column(column, values[column.name]) for column in watched(signature)]
    if not isinstance(plan, ColumnPlan):
        return features, []
    some = slice(None, None, -(-len(rows) // _ITEMS))
    positions = {
        one.name: values[one.name][some].astype(np.int64)
        for one in columns
        if one.categories is not None
    }
    numbers = {one.name: values[one.name][some] for one in columns if one.categories is None}
    checked = CheckedColumns(positions, numbers, len(range(len(rows))[some]))
    return features, [plan.predict([plan.encode_columns(checked)])]


def _cells(data: Any, rows: Any, column: Column) -> _Values:
    """Give a column's cells as its user had them: categories as codes, numbers, NaN for null."""
    cells: _Values = rows[column.name].to_numpy(np.float64)
    if column.categories is not None:
        classes = proc_of(data, Categorify).classes[column.name]
        codes = cells - (len(classes) - len(column.categories))
        return np.where(codes < 0, float(NULL), codes)
    if (normalize := proc_of(data, Normalize)) is not None:
        cells = cells * float(normalize.stds[column.name]) + float(normalize.means[column.name])
    indicator = f"{column.name}_na"
    if proc_of(data, FillMissing) is not None and indicator in data.cat_names:
        is_null = [str(value) == "True" for value in proc_of(data, Categorify).classes[indicator]]
        cells = np.where(np.array(is_null)[rows[indicator].to_numpy(np.int64)], np.nan, cells)
    return cells


def _of_texts(data: Any, plan: TextPlan) -> tuple[list[Feature], Sequence[Outcomes]]:
    places = range(0, len(data), -(-len(data) // _ITEMS))
    texts = [plan.encoded(np.asarray(data.tls[0][i], np.int64).tolist()) for i in places]
    measured = np.array([plan.measures(text) for text in texts], np.float64)
    features = [
        _of_numbers(Feature(of="text", name=name), values)
        for name, values in zip(plan.measured, measured.T, strict=True)
    ]
    return features, _batches(plan, texts)


def _asked(plan: Plan | None, items: Iterator[Any]) -> Sequence[Outcomes]:
    """Ask for items, as long as there are some and it may take."""
    if plan is None:
        return []
    return _batches(plan, (plan.encode(item) for item in items))


def _batches(plan: Plan, encoded: Any) -> Sequence[Outcomes]:
    until = time.monotonic() + _SECONDS
    answers: list[Outcomes] = []
    batch: list[Any] = []
    for one in encoded:
        batch.append(one)
        if len(batch) == _BATCH:
            answers.append(plan.predict(batch))
            batch = []
            if time.monotonic() > until:
                break
    return [*answers, plan.predict(batch)] if batch else answers


def _of_answers(signature: Signature, answers: Sequence[Outcomes]) -> Iterator[Feature]:
    bare_ones = list(answered(signature.output))
    parts = [values for part in answers if (values := _values(part)).size]
    if not parts:
        yield from bare_ones
        return
    values = np.concatenate(parts, axis=1)
    for feature, place, weights, classes, _ in watched_answers(bare_ones, signature.output):
        if weights is None:
            yield _of_numbers(feature, values[place])
        else:
            yield _of_categories(feature, classes, values[place], values[weights])


def _values(part: Outcomes) -> _Values:
    if isinstance(part, Stacked):
        return answer_values(part)
    return np.array([row for outcome in part for row in answer_row(outcome)], np.float64).T


def _of_column(column: Column, values: _Values) -> Feature:
    feature = bare(column)
    if column.categories is None:
        return _of_numbers(feature, values)
    return _of_categories(feature, column.categories, values)


def _of_categories(
    feature: Feature, all_of_them: Sequence[Any], codes: _Values, weights: _Values | None = None
) -> Feature:
    """Give the most frequent ones a bin each, in the model's order."""
    counts = np.bincount(codes[codes >= 0].astype(np.int64), minlength=len(all_of_them))
    kept = np.sort(np.argsort(-counts, kind="stable")[:MOST])
    feature = feature.model_copy(update={"categories": tuple(all_of_them[i] for i in kept)})
    return _counted(feature, codes, all_of_them, weights)


def _of_numbers(feature: Feature, values: _Values) -> Feature:
    if np.isnan(values).all():
        return _counted(feature, values)
    values = _tidy(values)
    there = np.sort(values[~np.isnan(values)])
    edges = tuple(dict.fromkeys(_between(there, share) for share in _QUANTILES))
    edges = tuple(edge for edge in edges if edge < there[-1])
    update = {"edges": edges, "median": float(np.median(there))}
    return _counted(feature.model_copy(update=update), values)


def _between(there: _Values, share: float) -> float:
    """Give a quantile, half way to the next value, so that no value lies on an edge."""
    value = there[min(len(there) - 1, int(share * len(there)))]
    above = there[np.searchsorted(there, value, "right") :][:1]
    return float(f"{(value + (above[0] if len(above) else value)) / 2:.12g}")


def _tidy(values: _Values) -> _Values:
    """Round off what float32 has added to the values on their way through Normalize."""
    spread = float(np.nanmax(values) - np.nanmin(values))
    return values.round(5 - int(np.floor(np.log10(spread)))) if spread > 0 else values


def _counted(
    feature: Feature,
    values: _Values,
    categories: Sequence[Any] = (),
    weights: _Values | None = None,
) -> Feature:
    grid = Grid([Watched(feature, 0, None if weights is None else 1, categories)])
    rows = [values] if weights is None else [values, weights]
    [counted] = grid.read(grid.count(np.stack(rows)))
    counts = tuple(map(int, counted.counts))
    has_sums = feature.categories is None or weights is not None
    sums = tuple(float(f"{value:.6g}") for value in counted.sums) if has_sums else ()
    return feature.model_copy(update={"counts": counts, "sums": sums})
