"""How what a model is asked and what it answers differ from what training saw."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from google.protobuf.struct_pb2 import Value
from learnwire.v1 import model_service_pb2 as pb

from .page import Table, as_html, as_text
from .rows import Cell, decode_cell

_KINDS = {
    pb.FEATURE_KIND_COLUMN: "column",
    pb.FEATURE_KIND_TEXT: "text",
    pb.FEATURE_KIND_CLASS: "class",
    pb.FEATURE_KIND_SURENESS: "sureness",
    pb.FEATURE_KIND_TARGET: "target",
}
_HEADER = ("", "index", "null", "unknown", "outside")


@dataclass(frozen=True)
class DriftBin:
    """A range of numbers, a category or a class: which share of the values lies there.

    Attributes:
        upper_bound: of a range, its upper end; None for the last one.
        category: of a category or class, what it is called; None for all others together.
        share: from 0 to 1.
        training_share: the same at training; None where that is not known.
        mean_probability: of a class that was answered, the mean of its probabilities.
        training_mean_probability: the same of training's own items.
    """

    upper_bound: float | None
    category: Cell
    share: float
    training_share: float | None
    mean_probability: float | None
    training_mean_probability: float | None


@dataclass(frozen=True)
class FeatureDrift:
    """How the values of one feature lie, beside how they lay at training.

    Attributes:
        name: the column's or the target's; else `words`, `unknown words`, `class`, `sureness`.
        kind: `column`, `text`, `class`, `sureness` or `target`.
        count: how many values there were.
        stability_index: the population stability index: from 0.1 on worth a look, from 0.25 on
            serious. None where training is not known.
        null_share: which share of the values is null.
        unknown_share: which share is a category that training did not have.
        outside_share: which share is a number outside the typical range.
        bins: how the values lie, in the order of the numbers, categories or classes.
        sentence: what has drifted; empty where nothing has.
    """

    name: str
    kind: str
    count: int
    stability_index: float | None
    null_share: float
    unknown_share: float
    outside_share: float
    bins: tuple[DriftBin, ...]
    sentence: str


@dataclass(frozen=True, repr=False)
class ModelDrift:
    """How the last items of a model differ from what training saw; its repr is a page to read.

    Usage: `print(client.drift("penguins"))`

    Attributes:
        model: the model's name.
        version: its version.
        items: how many items these are.
        untold: why what training looked like is not known; empty where it is.
        sentences: what has drifted, a sentence each; none where nothing has.
        features: each that values came of.
        message: all this as it came, as learnwire.v1.ModelDrift.
    """

    model: str
    version: str
    items: int
    untold: str
    sentences: tuple[str, ...]
    features: tuple[FeatureDrift, ...]
    message: pb.ModelDrift = field(compare=False)

    @property
    def tag(self) -> str:
        """Name and version: `name:version`."""
        return f"{self.model}:{self.version}"

    @property
    def columns(self) -> dict[str, FeatureDrift]:
        """Those of the features that are columns, by name."""
        return {one.name: one for one in self.features if one.kind == "column"}

    def __repr__(self) -> str:
        return as_text(_page(self))

    def _repr_html_(self) -> str:
        return as_html(_page(self))


def decode_drift(message: pb.ModelDrift) -> ModelDrift:
    """Decode the drift of a model."""
    return ModelDrift(
        model=message.model,
        version=message.version,
        items=message.items,
        untold=message.untold,
        sentences=tuple(message.sentences),
        features=tuple(map(_feature, message.features)),
        message=message,
    )


def _feature(message: pb.FeatureDrift) -> FeatureDrift:
    has_index = message.HasField("stability_index")
    return FeatureDrift(
        name=message.name,
        kind=_KINDS.get(message.kind, ""),
        count=message.count,
        stability_index=message.stability_index if has_index else None,
        null_share=message.null_share,
        unknown_share=message.unknown_share,
        outside_share=message.outside_share,
        bins=tuple(map(_bin, message.bins)),
        sentence=message.sentence,
    )


def _bin(message: pb.DriftBin) -> DriftBin:
    told = {field.name: value for field, value in message.ListFields()}
    there = told.get
    return DriftBin(
        upper_bound=there("upper_bound"),
        category=_category(message.category) if "category" in told else None,
        share=message.share,
        training_share=there("training_share"),
        mean_probability=there("mean_probability"),
        training_mean_probability=there("training_mean_probability"),
    )


def _category(value: Value) -> Cell:
    cell = decode_cell("category", value)
    return int(cell) if isinstance(cell, float) and cell.is_integer() else cell


def _page(drift: ModelDrift) -> Iterator[str | Table]:
    yield f"{drift.tag}, the last {drift.items} items"
    if drift.untold:
        yield f"what training looked like is not known: {drift.untold}"
    yield from drift.sentences
    if drift.features and not drift.sentences:
        yield "nothing has drifted" + (", as far as that can be told" if drift.untold else "")
    if drift.features:
        yield Table([_HEADER, *map(_row, drift.features)])


def _row(one: FeatureDrift) -> tuple[str, ...]:
    index = "-" if one.stability_index is None else f"{one.stability_index:.2f}"
    shares = (one.null_share, one.unknown_share, one.outside_share)
    return one.name, index, *(f"{100 * share:.0f} %" for share in shares)
