"""A version's manifest notices when its names and numbers are others, and not when others come."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from learnwire_service.contracts.keeping import LOCK_FILE, disagreement, lock_of, reserved
from learnwire_service.contracts.lock import (
    Lock,
    LockedHead,
    LockedText,
    LockedValue,
    LockedVersion,
    Major,
)
from learnwire_service.contracts.share import share_of
from learnwire_service.signature.specs import (
    ArrayInput,
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
from learnwire_service.store.manifest import MANIFEST_FILE, Manifest
from learnwire_service.store.store import ModelStore
from learnwire_service.store.tag import Tag

from .hand_made import created, fill

YES_NO = SingleLabelOutput(classes=("no", "yes"))


def columns(*names: str, nullable: bool = False) -> TabularInput:
    return TabularInput(
        columns=tuple(Column(name=name, type=CellType.FLOAT, nullable=nullable) for name in names)
    )


ROW_OF_TWO = columns("a", "b", nullable=True)


def array(size: int) -> ArrayInput:
    return ArrayInput(dtype="float32", shape=(3, size), axes=("channel", "step"))


def several(classes: tuple[str, ...]) -> MultiLabelOutput:
    return MultiLabelOutput(classes=classes, threshold=0.5)


def save(store: ModelStore, text: str, age: int, signature: Signature) -> Manifest:
    """Save a version as save_model does, its share of the contract noted."""
    tag = Tag.parse(text)
    with store.saving(tag) as directory:
        fill(directory, tag, age, signature)
        data = json.loads((directory / MANIFEST_FILE).read_text())
        data["contract"] = reserved(store, tag, created(age), signature)
        (directory / MANIFEST_FILE).write_text(json.dumps(data))
    return manifest(store, text)


def manifest(store: ModelStore, text: str) -> Manifest:
    found = store.find(Tag.parse(text)).manifest
    assert isinstance(found, Manifest)
    return found


@pytest.fixture
def store(own_home: Path) -> ModelStore:
    return ModelStore()


def grows(inputs: list[InputSpec], outputs: list[OutputSpec]) -> list[Signature]:
    return [Signature(input=one, output=other) for one, other in zip(inputs, outputs, strict=True)]


@pytest.mark.parametrize(
    "signatures",
    [
        grows([columns("a"), ROW_OF_TWO, columns("b", nullable=True)], [YES_NO] * 3),
        grows([columns("a")] * 2, [RegressionOutput(targets=t) for t in (("x",), ("x", "y"))]),
        grows([TextInput()] * 2, [SingleLabelOutput(classes=c) for c in (("a",), ("b", "a"))]),
        grows([TextInput()] * 2, [several(c) for c in (("a",), ("a", "b"))]),
        grows([TextInput(), columns("a")], [YES_NO] * 2),
        grows([array(8), array(-1)], [MaskOutput(classes=c) for c in (("a",), ("a", "b"))]),
        grows([array(8)] * 2, [PointsOutput(count=2)] * 2),
        grows([TextInput()] * 2, [SeveralOutput(heads=(YES_NO, YES_NO))] * 2),
    ],
)
def test_what_later_versions_add_changes_no_earlier_one(
    store: ModelStore, signatures: list[Signature]
) -> None:
    saved = [save(store, f"m:v{i}", 9 - i, signature) for i, signature in enumerate(signatures)]
    assert all(len(one.contract) == 64 for one in saved)
    assert [disagreement(store, one) for one in saved] == [""] * len(saved)
    store.delete(Tag("m", "v0"))
    assert disagreement(store, saved[1]) == ""


def test_what_was_saved_before_it_was_noted_disagrees_with_nothing(store: ModelStore) -> None:
    with store.saving(Tag("m", "a")) as directory:
        fill(directory, Tag("m", "a"))
    assert disagreement(store, manifest(store, "m:a")) == ""


def other_number(lock: Any) -> None:
    """Give a column another number."""
    lock["majors"][0]["input"]["columns"][0]["number"] = 15


def other_name(lock: Any) -> None:
    """Give a column another name."""
    lock["majors"][0]["input"]["columns"][0]["name"] = "other"


def swapped_classes(lock: Any) -> None:
    """Have two classes take each other's place."""
    first, second = lock["majors"][0]["heads"][0]["classes"]
    first["number"], second["number"] = second["number"], first["number"]


def other_package(lock: Any) -> None:
    """Give the model another package."""
    lock["package"] = "other"


@pytest.mark.parametrize("swap", [other_number, other_name, swapped_classes, other_package])
def test_what_was_swapped_is_noticed(store: ModelStore, swap: Callable[[Any], None]) -> None:
    saved = save(store, "m:a", 1, Signature(input=columns("a", "b"), output=YES_NO))
    path = store.home / "models" / "m" / LOCK_FILE
    lock = json.loads(path.read_text())
    swap(lock)
    path.write_text(json.dumps(lock))
    told = disagreement(store, saved)
    assert "contract.json beside the versions of m gives other names or numbers than m:a" in told


def test_a_contract_that_was_lost_is_made_anew_as_it_was(store: ModelStore) -> None:
    saved = save(store, "m:a", 1, Signature(input=columns("a", "b"), output=YES_NO))
    (store.home / "models" / "m" / LOCK_FILE).unlink()
    lock_of(store, "m")
    assert disagreement(store, saved) == ""


def test_a_share_of_very_many_classes_is_found_in_their_own_time() -> None:
    names = tuple(f"C{i}" for i in range(50_000))
    values = tuple(LockedValue(original=one, name=one, number=i) for i, one in enumerate(names, 1))
    head = LockedHead(kind="single_label", classes=values)
    known = (LockedVersion(version="v", created=""),)
    major = Major(number=1, versions=known, input=LockedText(), several=False, heads=(head,))
    signature = Signature(input=TextInput(), output=SingleLabelOutput(classes=names))
    # With a look at all classes for each of them it would take half an hour.
    share = share_of(Lock(model="m", package="m", majors=(major,)), "v", signature)
    assert len(json.dumps(share)) > 1_000_000
