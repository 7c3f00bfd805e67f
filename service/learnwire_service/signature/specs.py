"""What a model takes and what it answers, as plain data kept in its manifest.

numpy is imported where it is needed: the supervisor of workers does without.
"""

from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    import numpy as np


class Spec(BaseModel):
    """A frozen piece of a signature."""

    # JSON has no infinite numbers: what holds one would not read as it was written.
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class CellType(StrEnum):
    """The type of a column's cells."""

    STRING = "string"
    INTEGER = "integer"
    FLOAT = "float"
    BOOL = "bool"
    TIMESTAMP = "timestamp"


class Column(Spec):
    """One column that a tabular model takes.

    Attributes:
        categories: those seen at training in the model's order, timestamps as ISO 8601;
            None for a numeric column and for free text.
        nullable: whether null is taken.
        nulls: whether training had nulls in a category that the model can take as missing;
            None for any other column, and in versions that were saved before this was kept.
        typical_range: the training mean less and plus two standard deviations.
        binary: whether it is a number that was 0 or 1 at training, and may be told as a bool.
        private: whether what stood there at training is told to nobody; see `public`.
    """

    name: str
    type: CellType
    categories: tuple[str | bool | int | float, ...] | None = None
    nullable: bool
    nulls: Literal["seen", "unseen", "unknown"] | None = None
    typical_range: tuple[float, float] | None = None
    binary: bool = False
    example: str | bool | int | float | None = None
    private: bool = False

    @property
    def public(self) -> "Column":
        """What anybody may be told of it: of a private one, nothing that stood there at training.

        A private category keeps an empty tuple of categories.
        """
        if not self.private:
            return self
        return Column(
            name=self.name,
            type=self.type,
            categories=None if self.categories is None else (),
            nullable=self.nullable,
            nulls=self.nulls,
            binary=self.binary,
            private=True,
        )

    @cached_property
    def positions(self) -> dict[str | bool | int | float, int]:
        """Where each category stands among them."""
        return {category: i for i, category in enumerate(self.categories or ())}

    @property
    def takes_null_silently(self) -> bool:
        """Whether null is taken, and so usual that its sender need not be warned."""
        return self.nullable and (self.categories is None or self.nulls == "seen")


class TextInput(Spec):
    """A model that takes a text."""

    kind: Literal["text"] = "text"


class TabularInput(Spec):
    """A model that takes a row; `columns` are in training order."""

    kind: Literal["tabular"] = "tabular"
    columns: tuple[Column, ...]
    unknown_categories: Literal["warn", "refuse"] = "warn"

    @property
    def public(self) -> "TabularInput":
        """What anybody may be told of it."""
        columns = tuple(column.public for column in self.columns)
        return self.model_copy(update={"columns": columns})

    @property
    def private(self) -> tuple[str, ...]:
        """The names of its private columns."""
        return tuple(column.name for column in self.columns if column.private)


class ArrayInput(Spec):
    """A model that takes an array.

    Attributes:
        shape: -1 where any size from 1 up is accepted.
        dtype: the numpy name of the element type.
        axes: what each dimension means.
        typical_shape: the shape at training, where known.
        encoded: whether an encoded image (PNG, JPEG, ...) is taken too, as uint8 [n].
        container: the type that the learner's own items have, as `module:Class`.
    """

    kind: Literal["array"] = "array"
    shape: tuple[int, ...]
    dtype: str
    axes: tuple[str, ...]
    typical_shape: tuple[int, ...] | None = None
    encoded: bool = False
    container: str = "torch:Tensor"

    @property
    def numpy_dtype(self) -> "np.dtype[np.generic]":
        """The element type."""
        import numpy as np

        return np.dtype(self.dtype)


class ArraysInput(Spec):
    """A model that takes several arrays, in their order."""

    kind: Literal["arrays"] = "arrays"
    arrays: tuple[ArrayInput, ...]


class SingleLabelOutput(Spec):
    """A model that answers one of `classes`, which are in index order.

    Attributes:
        private: whether the names of the classes are told to nobody but in answers.
    """

    kind: Literal["single_label"] = "single_label"
    classes: tuple[str, ...]
    private: bool = False

    @property
    def public(self) -> "SingleLabelOutput":
        """What anybody may be told of it: of private classes, their indices as their names."""
        if not self.private:
            return self
        indices = tuple(map(str, range(len(self.classes))))
        return SingleLabelOutput(classes=indices, private=True)


class MultiLabelOutput(Spec):
    """A model that answers those of `classes` whose probability is above `threshold`."""

    kind: Literal["multi_label"] = "multi_label"
    classes: tuple[str, ...]
    threshold: float


class RegressionOutput(Spec):
    """A model that answers one number for each of `targets`."""

    kind: Literal["regression"] = "regression"
    targets: tuple[str, ...]


class MaskOutput(Spec):
    """A model that answers a class index for each pixel."""

    kind: Literal["mask"] = "mask"
    classes: tuple[str, ...]


class PointsOutput(Spec):
    """A model that answers `count` points of an image, in pixels."""

    kind: Literal["points"] = "points"
    count: int


HeadSpec = Annotated[
    SingleLabelOutput | MultiLabelOutput | RegressionOutput | MaskOutput | PointsOutput,
    Field(discriminator="kind"),
]


class SeveralOutput(Spec):
    """A model with several outputs, in their order."""

    kind: Literal["several"] = "several"
    heads: tuple[HeadSpec, ...]


InputSpec = Annotated[
    TextInput | TabularInput | ArrayInput | ArraysInput, Field(discriminator="kind")
]
OutputSpec = Annotated[
    SingleLabelOutput
    | MultiLabelOutput
    | RegressionOutput
    | MaskOutput
    | PointsOutput
    | SeveralOutput,
    Field(discriminator="kind"),
]


class Signature(Spec):
    """What a model takes and what it answers."""

    input: InputSpec
    output: OutputSpec

    @property
    def public(self) -> "Signature":
        """What anybody may be told of it."""
        if not self.is_private:
            return self
        takes, answers = self.input, self.output
        return Signature(
            input=takes.public if isinstance(takes, TabularInput) else takes,
            output=answers.public if isinstance(answers, SingleLabelOutput) else answers,
        )

    @property
    def is_private(self) -> bool:
        """Whether anything of it is told to nobody."""
        of_input = isinstance(self.input, TabularInput) and bool(self.input.private)
        return of_input or (isinstance(self.output, SingleLabelOutput) and self.output.private)

    def _repr_html_(self) -> str:
        from learnwire_client.page import as_html

        from .page import signature_page

        return as_html(["Signature", *signature_page(self)])
