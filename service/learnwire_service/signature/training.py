"""What training looked like: kept beside the manifest, and what drift is measured against."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, ValidationError, model_validator

from ..common.errors import CorruptModel
from .specs import (
    CellType,
    Column,
    MultiLabelOutput,
    OutputSpec,
    RegressionOutput,
    Signature,
    SingleLabelOutput,
    Spec,
    TabularInput,
    TextInput,
)

TRAINING_FILE = "training.json"
# So many categories or classes have a bin of their own; the others share one.
MOST = 20
WORDS, UNKNOWN_WORDS, CLASS, SURENESS = "words", "unknown words", "class", "sureness"
EXPORTED = "its Learner came without its training data"
SAVED_BEFORE = "it was saved before Learnwire kept what training looked like; save it again"

_NUMERIC = (CellType.INTEGER, CellType.FLOAT)


class Feature(Spec):
    """One thing that is watched of a model's items: its values are counted in bins.

    Attributes:
        of: what it belongs to: a column; the text; the class that is answered, which classes
            and how surely; a number that is answered.
        name: the column's or the target's; else what it is.
        edges: of numbers, the upper ends of all bins but the last, ascending: the nine inner
            quantiles of training, each once.
        categories: of categories, those that have a bin each; the last bin is of the others.
            None for numbers.
        counts: how many values of training lay in each bin, then nulls, then what is in no
            bin. None where that is not known.
        sums: for each of these the sum of the values; of classes, of their probabilities.
        median: of the numbers of training; None where it is not known.
    """

    of: Literal["column", "text", "class", "sureness", "target"]
    name: str
    edges: tuple[float, ...] = Field(default=(), max_length=9)
    categories: tuple[str | bool | int | float, ...] | None = Field(default=None, max_length=MOST)
    counts: tuple[int, ...] | None = None
    sums: tuple[float, ...] = ()
    median: float | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        cells = self.bins + 2
        if list(self.edges) != sorted(set(self.edges)):
            raise ValueError("edges do not ascend")
        if len(self.counts or ()) not in (0, cells) or len(self.sums) not in (0, cells):
            raise ValueError("as many counts and sums as bins are expected, and two more")
        return self

    @property
    def bins(self) -> int:
        """How many bins there are."""
        return 1 + len(self.edges if self.categories is None else self.categories)


class Training(Spec):
    """What training looked like, as far as it was known when the model was saved.

    Attributes:
        features: what is watched.
        untold: why nothing is known of training itself; empty where something is.
    """

    features: tuple[Feature, ...] = Field(max_length=20_000)
    untold: str = ""

    @classmethod
    def unknown(cls, signature: Signature, why: str) -> Self:
        """Say that nothing is known but the signature; what is private is not watched."""
        takes, answers = signature.input, signature.output
        features = [bare(column) for column in watched(signature)]
        if isinstance(takes, TextInput):
            features += [Feature(of="text", name=name) for name in (WORDS, UNKNOWN_WORDS)]
        return cls(features=(*features, *answered(answers)), untold=why)

    def write(self, directory: Path) -> None:
        """Write it into a version's directory."""
        (directory / TRAINING_FILE).write_text(self.model_dump_json(exclude_defaults=True) + "\n")

    @classmethod
    def read(cls, directory: Path) -> Self:
        """Read it from a version's directory.

        Raises:
            CorruptModel: it does not read.
        """
        try:
            return cls.model_validate_json((directory / TRAINING_FILE).read_bytes())
        except (OSError, ValidationError) as error:
            raise CorruptModel(f"{TRAINING_FILE} does not read; save the model again") from error


def classes_of(spec: OutputSpec) -> tuple[str, ...]:
    """Give the classes that a model answers one or several of; none where it answers others."""
    return spec.classes if isinstance(spec, SingleLabelOutput | MultiLabelOutput) else ()


def watched(signature: Signature) -> Iterator[Column]:
    """Give the columns whose values may be counted: categories and numbers that are not private."""
    if isinstance(signature.input, TabularInput):
        for column in signature.input.columns:
            if not column.private and (column.categories is not None or column.type in _NUMERIC):
                yield column


def bare(column: Column) -> Feature:
    """Make the feature of a column of which no more is known than the signature tells."""
    categories = None if column.categories is None else column.categories[:MOST]
    return Feature(of="column", name=column.name, categories=categories)


def answered(spec: OutputSpec) -> Iterator[Feature]:
    """Make the features of what is answered, of which no more is known than the signature tells."""
    match spec:
        case SingleLabelOutput(private=True):
            yield Feature(of="sureness", name=SURENESS)
        case SingleLabelOutput() | MultiLabelOutput():
            yield Feature(of="class", name=CLASS, categories=spec.classes[:MOST])
            yield Feature(of="sureness", name=SURENESS)
        case RegressionOutput(targets=targets):
            for name in targets[:MOST]:
                yield Feature(of="target", name=name)
