"""The lock of a model's contracts: the names and numbers that were given, for ever."""

from collections.abc import Sequence
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from ..signature.specs import CellType


class Locked(BaseModel):
    """A frozen piece of a lock."""

    model_config = ConfigDict(frozen=True, extra="forbid")


# A lock may come from elsewhere, and its names end in code.
_Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
_ValueName = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9_]+$")]
_Number = Annotated[int, Field(ge=1, lt=2**29)]


class LockedValue(Locked):
    """A class, as a value of an enum; `name` is without the enum's prefix."""

    original: str
    name: _ValueName
    number: _Number


class LockedField(Locked):
    """A column, a target or an array, as a field of a message."""

    original: str
    name: _Identifier
    json_name: str
    number: _Number


_Named = TypeVar("_Named", bound=Sequence[LockedValue | LockedField])


def _apart(some: _Named) -> _Named:
    """Refuse what was given twice, as where two locks were merged by hand."""
    for part in ("original", "name", "number", "json_name"):
        given = [getattr(one, part) for one in some if hasattr(one, part)]
        if len(set(given)) < len(given):
            raise ValueError(f"two have the same {part}")
    return some


_Apart = AfterValidator(_apart)


class LockedColumn(LockedField):
    """A column.

    Attributes:
        type: of its cells.
        optional: whether a stub may leave it unset: some version took null, or had no such column.
    """

    type: CellType
    optional: bool


class LockedArray(LockedField):
    """An array that a model takes.

    Attributes:
        message: its type, such as FloatArray.
        shape: -1 where any size is taken.
        encoded: whether an encoded image is taken too.
    """

    message: Annotated[str, StringConstraints(pattern="^[A-Za-z]+Array$")]
    shape: tuple[int, ...]
    encoded: bool


class LockedText(Locked):
    """The input of a model that takes a text."""

    kind: Literal["text"] = "text"


class LockedRow(Locked):
    """The input of a model that takes a row: every column that a version had, also the retired."""

    kind: Literal["row"] = "row"
    columns: Annotated[tuple[LockedColumn, ...], _Apart] = ()


class LockedArrays(Locked):
    """The input of a model that takes arrays, in their order."""

    kind: Literal["arrays"] = "arrays"
    arrays: Annotated[tuple[LockedArray, ...], _Apart]


LockedInput = Annotated[LockedText | LockedRow | LockedArrays, Field(discriminator="kind")]


class LockedHead(Locked):
    """One output.

    Attributes:
        kind: that of its HeadSpec.
        classes: of one label or several: every class that a version had.
        targets: of numbers.
        pixels: of a mask: the classes in index order.
        points: of points: how many.
    """

    kind: str
    classes: Annotated[tuple[LockedValue, ...], _Apart] = ()
    targets: Annotated[tuple[LockedField, ...], _Apart] = ()
    pixels: tuple[str, ...] = ()
    points: int = 0


class LockedVersion(Locked):
    """A version of the model.

    Attributes:
        created: when, as its manifest has it; another of the same name is another version.
        columns: the numbers of its columns.
    """

    version: str
    created: str
    columns: tuple[int, ...] = ()


class Major(Locked):
    """One contract of a model.

    Attributes:
        number: 1 for package `learnwire.models.<model>.v1`, and so on.
        reasons: why the contract before it did not do, a sentence each.
        versions: the model's versions that speak it, in the order in which they came.
        several: whether the model has several outputs, rather than one.
    """

    number: Annotated[int, Field(ge=1)]
    reasons: tuple[str, ...] = ()
    versions: tuple[LockedVersion, ...] = ()
    input: LockedInput
    several: bool
    heads: tuple[LockedHead, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the versions."""
        return tuple(one.version for one in self.versions)

    def retired(self, version: str) -> frozenset[int]:
        """Give the numbers of the columns that a version has no more."""
        if not isinstance(self.input, LockedRow):
            return frozenset()
        i = self.names.index(version)
        before = {number for one in self.versions[: i + 1] for number in one.columns}
        later = {number for one in self.versions[i + 1 :] for number in one.columns} - before
        # Also those of versions that the lock has forgotten, since another has their name.
        given = {column.number for column in self.input.columns}
        return frozenset(given - later - set(self.versions[i].columns))


class Lock(Locked):
    """The contracts of a model.

    Attributes:
        model: its name.
        package: what it is called in the packages of its contracts.
        majors: oldest first; none where no version has been saved.
    """

    format: Literal[1] = 1
    model: str
    package: Annotated[str, StringConstraints(pattern="^[a-z0-9_]*$")]
    majors: tuple[Major, ...] = ()

    def major_of(self, version: str) -> Major:
        """Give the contract that a version speaks.

        Raises:
            KeyError: the lock does not know the version.
        """
        for major in self.majors:
            if version in major.names:
                return major
        raise KeyError(version)
