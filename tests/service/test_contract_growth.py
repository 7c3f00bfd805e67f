"""When a retrained model keeps its contract, and when it begins a new one."""

from typing import Any

import pytest
from hypothesis import given
from learnwire_service.contracts.growth import grow
from learnwire_service.contracts.lock import LockedRow, Major
from learnwire_service.signature.specs import (
    ArrayInput,
    ArraysInput,
    CellType,
    Column,
    InputSpec,
    MaskOutput,
    MultiLabelOutput,
    OutputSpec,
    PointsOutput,
    RegressionOutput,
    SeveralOutput,
    Signature,
    SingleLabelOutput,
    TabularInput,
    TextInput,
)

from .signatures import lock_with, signatures

YES_NO = SingleLabelOutput(classes=("no", "yes"))


def column(name: str, type_: str = "float", *, null: bool = False) -> Column:
    return Column(name=name, type=CellType(type_), nullable=null)


def row(*columns: Column, output: OutputSpec = YES_NO) -> Signature:
    return Signature(input=TabularInput(columns=columns), output=output)


def array(shape: tuple[int, ...] = (3, 4), dtype: str = "float32", **more: Any) -> ArrayInput:
    return ArrayInput(shape=shape, dtype=dtype, axes=(), **more)


def taking(spec: InputSpec) -> Signature:
    return Signature(input=spec, output=YES_NO)


def answering(output: OutputSpec) -> Signature:
    return Signature(input=TextInput(), output=output)


A, B = column("a"), column("b")
PAIR = ArraysInput(arrays=(array(), array()))
TWO = SeveralOutput(heads=(YES_NO, RegressionOutput(targets=("x",))))


def columns_of(major: Major) -> dict[str, int]:
    assert isinstance(major.input, LockedRow)
    return {one.original: one.number for one in major.input.columns}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (row(A), row(A)),
        (row(A), row(column("b", null=True), A)),
        (row(A, B), row(A)),
        (row(A), row(column("a", null=True))),
        (row(A, B), row(B, A)),
        (answering(YES_NO), answering(SingleLabelOutput(classes=("maybe", "yes", "no")))),
        (
            answering(MultiLabelOutput(classes=("a",), threshold=0.5)),
            answering(MultiLabelOutput(classes=("a", "b"), threshold=0.9)),
        ),
        (
            answering(RegressionOutput(targets=("x",))),
            answering(RegressionOutput(targets=("y", "x"))),
        ),
        (answering(MaskOutput(classes=("a",))), answering(MaskOutput(classes=("a", "b")))),
        (taking(array()), taking(array((3, -1)))),
        (taking(array(dtype="int32")), taking(array(dtype="int64"))),
        (taking(array(dtype="uint8")), taking(array(dtype="uint8", encoded=True))),
    ],
)
def test_what_old_stubs_can_speak_with_keeps_its_contract(
    before: Signature, after: Signature
) -> None:
    (major,) = lock_with(before, after).majors
    assert major.names == ("v1", "v2")
    assert major.reasons == ()


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (row(A), row(A, B), 'column "b" is new and may not be null'),
        (row(column("a", "integer")), row(A), 'column "a" is float, and was integer'),
        (row(column("a", null=True)), row(A), 'column "a" may not be null, and could be left out'),
        (row(A), taking(TextInput()), "it takes a text, not a row"),
        (taking(TextInput()), taking(array()), "it takes arrays, not a text"),
        (taking(array()), taking(PAIR), "it takes 2 arrays, not 1"),
        (
            taking(array()),
            taking(array(dtype="float64")),
            "array is of float64, and was a FloatArray",
        ),
        (taking(array()), taking(array((3, 5))), "array has the shape [3, 5], and had [3, 4]"),
        (taking(array((-1,))), taking(array((3,))), "array has the shape [3], and had [-1]"),
        (
            taking(array(dtype="uint8", encoded=True)),
            taking(array(dtype="uint8")),
            "array is no encoded image any more",
        ),
        (
            answering(YES_NO),
            answering(SingleLabelOutput(classes=("yes",))),
            'gone from the classes: "no"',
        ),
        (
            answering(YES_NO),
            answering(RegressionOutput(targets=("x",))),
            "it answers numbers, and answered one label",
        ),
        (
            answering(RegressionOutput(targets=("x", "y"))),
            answering(RegressionOutput(targets=("z",))),
            'gone from the targets: "x", "y"',
        ),
        (
            answering(MaskOutput(classes=("a", "b"))),
            answering(MaskOutput(classes=("b", "a"))),
            "the classes of its mask have other indices",
        ),
        (
            answering(PointsOutput(count=2)),
            answering(PointsOutput(count=3)),
            "it answers 3 points, and answered 2",
        ),
        (answering(YES_NO), answering(TWO), "it has 2 outputs, and had one output"),
        (
            answering(TWO),
            answering(SeveralOutput(heads=(YES_NO, YES_NO))),
            "output 2: it answers one label, and answered numbers",
        ),
    ],
)
def test_what_breaks_old_stubs_begins_a_contract_and_says_why(
    before: Signature, after: Signature, reason: str
) -> None:
    old, new = lock_with(before, after).majors
    assert (old.names, old.number, old.reasons) == (("v1",), 1, ())
    assert (new.names, new.number, new.reasons) == (("v2",), 2, (reason,))


def test_numbers_go_on_and_are_never_given_twice() -> None:
    c, d = column("c", null=True), column("d", null=True)
    (major,) = lock_with(row(A, B), row(B, c), row(B), row(d, B, c)).majors
    assert columns_of(major) == {"a": 1, "b": 2, "c": 3, "d": 4}
    assert [one.columns for one in major.versions] == [(1, 2), (2, 3), (2,), (2, 3, 4)]
    assert [sorted(major.retired(version)) for version in major.names] == [[], [1], [1, 3], [1]]


def test_a_class_keeps_its_number_whatever_its_index() -> None:
    more = SingleLabelOutput(classes=("maybe", "no", "yes"))
    (major,) = lock_with(answering(YES_NO), answering(more)).majors
    assert {one.original: one.number for one in major.heads[0].classes} == {
        "no": 1,
        "yes": 2,
        "maybe": 3,
    }


def test_a_required_column_does_not_come_back_to_stubs_that_never_knew_it() -> None:
    first, second = lock_with(row(A, B), row(A), row(A, B)).majors
    assert first.names == ("v1", "v2")
    assert second.reasons == ('column "b" may not be null, and could be left out',)


def test_a_column_that_may_be_null_comes_back_under_its_number() -> None:
    b = column("b", null=True)
    (major,) = lock_with(row(b, A), row(A), row(A, b)).majors
    assert columns_of(major) == {"b": 1, "a": 2}
    assert sorted(major.retired("v2")) == [1]
    assert major.retired("v3") == frozenset()


def test_an_old_shape_returns_to_the_newest_contract_that_it_fits() -> None:
    text = row(column("a", "string"))
    lock = lock_with(row(A), text, row(A, column("b", null=True)), text)
    assert [one.names for one in lock.majors] == [("v1", "v3"), ("v2", "v4")]
    assert lock.major_of("v3").number == 1


def test_a_version_saved_again_under_its_name_is_a_new_one() -> None:
    lock = grow(lock_with(row(A), row(A)), "v1", "later", row(column("a", "string")))
    assert [one.names for one in lock.majors] == [("v2",), ("v1",)]
    assert lock.major_of("v1").number == 2


def test_numbers_outlive_the_version_that_brought_them() -> None:
    c = column("c", null=True)
    lock = grow(lock_with(row(A, B), row(A)), "v1", "later", row(A, c))
    (major,) = lock.majors
    assert columns_of(major) == {"a": 1, "b": 2, "c": 3}
    assert sorted(major.retired("v1")) == [2]


@given(signatures, signatures)
def test_growing_twice_by_the_same_changes_nothing(first: Signature, second: Signature) -> None:
    lock = lock_with(first, second)
    again = grow(lock, "v3", "day 3", second)
    assert [one.number for one in again.majors] == [one.number for one in lock.majors]
    newest = again.major_of("v3")
    assert "v2" in newest.names
    assert (newest.input, newest.heads) == (
        lock.major_of("v2").input,
        lock.major_of("v2").heads,
    )
