"""What a server tells of a model: what it takes, what it answers, where it comes from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from learnwire.v1 import model_service_pb2 as pb

from .model_text import input_page, model_page, output_text, versions_text
from .page import as_html, as_text
from .rows import Cell


@dataclass(frozen=True)
class Column:
    """A column of the rows that a model or an endpoint takes.

    Attributes:
        name: its name.
        type: "string", "integer", "float", "bool" or "timestamp".
        categories: those seen at training in the model's order; empty for numbers,
            free text, and where they are private.
        refuses_unknown: whether a row with another category is refused; otherwise that
            cell counts as missing, with a warning.
        nullable: whether a cell may be None.
        typical_min: the lower end of the usual range, None where unknown or no number.
        typical_max: its upper end.
        example: a cell that is accepted, None where it is private.
        private: whether the server keeps to itself what training had there.
    """

    name: str
    type: str
    categories: tuple[Cell, ...] = ()
    refuses_unknown: bool = False
    nullable: bool = False
    typical_min: float | None = None
    typical_max: float | None = None
    example: Cell = None
    private: bool = False


@dataclass(frozen=True)
class Input:
    """What a model takes; what does not belong to its kind is empty.

    Attributes:
        kind: "text", "tabular" (rows), "array" or "several_arrays", "" for one that this
            client does not know.
        max_chars: of texts, the most characters that the server takes.
        columns: of rows, the columns in training order; all must be sent, in any order.
        takes_indices: of rows, whether the server takes columns that have each of their strings
            once; see `Column.indices` of the contract.
        shape: of arrays, -1 where any size is accepted.
        dtype: of arrays, the element type; object for strings.
        axes: of arrays, the meaning of each dimension.
        typical_shape: of arrays, the shape at training, where known.
        encoded: of arrays, whether an encoded image is taken too, its bytes as uint8 [n].
        arrays: of several arrays, each of them in order.
    """

    kind: str = ""
    max_chars: int = 0
    columns: tuple[Column, ...] = ()
    takes_indices: bool = False
    shape: tuple[int, ...] = ()
    dtype: np.dtype[Any] | None = None
    axes: tuple[str, ...] = ()
    typical_shape: tuple[int, ...] = ()
    encoded: bool = False
    arrays: "tuple[Input, ...]" = ()

    def _repr_html_(self) -> str:
        return as_html(input_page(self))


@dataclass(frozen=True)
class Output:
    """What a model answers; what does not belong to its kind is empty.

    Attributes:
        kind: "single_label", "multi_label", "regression", "arrays" or "several", "" for
            one that this client does not know.
        classes: the names of the classes in index order; their indices where they are private.
        private: whether what the classes are called is told in answers alone.
        threshold: of several labels, the probability that a predicted class is above.
        targets: of a regression, the names of its numbers.
        arrays: the names of the arrays.
        heads: of several outputs, each of them in order.
    """

    kind: str = ""
    classes: tuple[str, ...] = ()
    threshold: float | None = None
    targets: tuple[str, ...] = ()
    arrays: tuple[str, ...] = ()
    heads: "tuple[Output, ...]" = ()
    private: bool = False

    def _repr_html_(self) -> str:
        return as_html([output_text(self)])

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its classes, or those of its numbers."""
        return self.classes or self.targets


@dataclass(frozen=True)
class Version:
    """A served version.

    Attributes:
        name: the version.
        created: when it was saved, None where the server does not tell.
        ready: whether it answers; otherwise it is being loaded.
    """

    name: str
    created: datetime | None = None
    ready: bool = True


@dataclass(frozen=True)
class Provenance:
    """Where a model comes from.

    Attributes:
        created: when it was saved, None where the server does not tell.
        library_versions: what it was saved with, by name.
        labels: those that its saver gave it.
        metadata: that which its saver gave it.
        verified: whether it answered its golden examples as at save when it was loaded.
    """

    created: datetime | None = None
    library_versions: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    verified: bool = False


@dataclass(frozen=True)
class Plan:
    """How a model is predicted with.

    Attributes:
        name: "tabular", "text", "images" or "arrays", of sealed models of that kind;
            "loader" (batches through the learner's own loaders) or "single" (item by
            item) for all others.
        reasons: why no faster one serves, a sentence for each of them.
        backend: what runs the network, "torch" (PyTorch) or "onnx" (ONNX Runtime); "" where
            the server does not tell.
        bit_identical: whether an answer has the same bits whoever shares its batch; None where
            the model is not sealed.
        bit_difference: where it had other bits; empty where it had not.
    """

    name: str
    reasons: tuple[str, ...] = ()
    backend: str = ""
    bit_identical: bool | None = None
    bit_difference: str = ""


@dataclass(frozen=True, repr=False)
class Model:
    """A served model in full; its repr is a page to read, also in notebooks.

    Usage: `client.model("penguins").input.columns[0].categories`

    Attributes:
        name: its name.
        version: the version that is described here.
        versions: all served versions of the name, newest first.
        input: what it takes.
        output: what it answers.
        provenance: where it comes from.
        plan: how it is predicted with, None while it is being loaded, or where the server
            does not tell.
        message: all this as it came, as learnwire.v1.Model.
    """

    name: str
    version: str
    versions: tuple[Version, ...]
    input: Input
    output: Output
    provenance: Provenance
    plan: Plan | None
    message: pb.Model = field(compare=False)

    @property
    def tag(self) -> str:
        """Name and version: `name:version`, which names this version in every call."""
        return f"{self.name}:{self.version}"

    def __repr__(self) -> str:
        return as_text(model_page(self))

    def _repr_html_(self) -> str:
        return as_html(model_page(self))


@dataclass(frozen=True, repr=False)
class ModelSummary:
    """A served model in short.

    Attributes:
        name: its name.
        version: the version that answers to the bare name, "" while none is ready.
        versions: all served versions, newest first.
        message: all this as it came, as learnwire.v1.ModelSummary.
    """

    name: str
    version: str
    versions: tuple[Version, ...]
    message: pb.ModelSummary = field(compare=False)

    def __repr__(self) -> str:
        return f"<{self.name}: {versions_text(self.versions)}>"
