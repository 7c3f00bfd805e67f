"""Locks in the store: beside the versions, and longer there than they."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from learnwire_service import CorruptModel
from learnwire_service.contracts.keeping import LOCK_FILE, lock_of
from learnwire_service.contracts.lock import Lock
from learnwire_service.signature.specs import Signature, SingleLabelOutput, TextInput
from learnwire_service.store.manifest import MANIFEST_FILE
from learnwire_service.store.store import ModelStore
from learnwire_service.store.tag import Tag

from .hand_made import save


@pytest.fixture
def store(own_home: Path) -> ModelStore:
    return ModelStore()


def answering(*classes: str) -> Signature:
    return Signature(input=TextInput(), output=SingleLabelOutput(classes=classes))


def numbers(lock: Lock) -> dict[str, int]:
    return {one.original: one.number for one in lock.majors[-1].heads[0].classes}


def kept(store: ModelStore, name: str = "m") -> Path:
    return store.home / "models" / name / LOCK_FILE


def test_what_was_saved_before_there_were_locks_is_taken_in_as_it_came(store: ModelStore) -> None:
    save(store, "m:b", 1, answering("yes", "no", "maybe"))
    save(store, "m:z", 3, answering("no"))
    save(store, "m:a", 2, answering("yes", "no"))
    lock = lock_of(store, "m")
    assert [one.names for one in lock.majors] == [("z", "a", "b")]
    assert numbers(lock) == {"no": 1, "yes": 2, "maybe": 3}
    assert Lock.model_validate_json(kept(store).read_bytes()) == lock


def test_a_lock_only_grows(store: ModelStore) -> None:
    save(store, "m:a", 3, answering("x"))
    first = lock_of(store, "m")
    text = kept(store).read_text()
    assert lock_of(store, "m") == first
    assert kept(store).read_text() == text
    save(store, "m:b", 2, answering("y", "x"))
    assert numbers(lock_of(store, "m")) == {"x": 1, "y": 2}
    assert lock_of(store, "m").major_of("b").names == ("a", "b")


def test_numbers_outlive_the_last_version(store: ModelStore) -> None:
    save(store, "m:a", 3, answering("x", "y"))
    lock_of(store, "m")
    store.delete(Tag("m"))
    assert store.names() == []
    save(store, "m:b", 2, answering("y", "z", "x"))
    assert numbers(lock_of(store, "m")) == {"x": 1, "y": 2, "z": 3}


def test_another_version_of_the_same_name_is_judged_anew(store: ModelStore) -> None:
    save(store, "m:a", 3, answering("x", "y"))
    lock_of(store, "m")
    store.delete(Tag("m", "a"))
    save(store, "m:a", 2, answering("x"))
    lock = lock_of(store, "m")
    assert [one.names for one in lock.majors] == [(), ("a",)]
    assert lock.majors[1].reasons == ('gone from the classes: "y"',)


def test_models_of_one_store_have_packages_of_their_own(store: ModelStore) -> None:
    for name in ("a-b", "a.b", "a_b"):
        save(store, f"{name}:v")
    # Whoever is asked first: names that nobody has kept yet are given in order.
    assert lock_of(store, "a_b").package == "a_b_3"
    assert lock_of(store, "a-b").package == "a_b"
    store.delete(Tag("a_b"))
    save(store, "a--b:v")
    assert lock_of(store, "a--b").package == "a_b_4"
    assert lock_of(store, "a.b").package == "a_b_2"


def test_a_store_that_cannot_be_written_to_gives_the_same_lock(
    store: ModelStore, tmp_path: Path
) -> None:
    save(store, "m:a", 3, answering("x"))
    # Even for root, who may write everywhere else.
    (store.home / "contracts.lock").mkdir()
    lock = lock_of(store, "m")
    assert numbers(lock) == {"x": 1}
    assert not kept(store).exists()


def test_savers_at_the_same_time_lose_nothing(store: ModelStore) -> None:
    def saved(i: int) -> None:
        save(store, f"m:v{i}", i, answering("x", f"y{i}"))
        lock_of(store, "m")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(saved, range(8)))
    lock = Lock.model_validate_json(kept(store).read_bytes())
    versions = [version for major in lock.majors for version in major.names]
    assert sorted(versions) == [f"v{i}" for i in range(8)]


def test_a_lock_that_does_not_read_is_said_to_be_corrupt(store: ModelStore) -> None:
    save(store, "m:a")
    lock_of(store, "m")
    kept(store).write_text("{")
    with pytest.raises(CorruptModel, match=r"contract\.json of the model m does not read"):
        lock_of(store, "m")


def test_a_lock_that_gives_a_number_twice_is_said_to_be_corrupt(store: ModelStore) -> None:
    save(store, "m:a", 0, answering("x", "y"))
    lock_of(store, "m")
    kept(store).write_text(kept(store).read_text().replace('"number": 2', '"number": 1'))
    with pytest.raises(CorruptModel, match=r"does not read: .*two have the same number"):
        lock_of(store, "m")


def test_the_lock_of_another_model_is_said_to_be_corrupt(store: ModelStore) -> None:
    for name in ("m", "n"):
        save(store, f"{name}:a")
        lock_of(store, name)
    kept(store, "n").write_bytes(kept(store).read_bytes())
    with pytest.raises(CorruptModel, match=r"contract\.json of the model n is that of m"):
        lock_of(store, "n")


def test_what_is_wrong_with_one_model_leaves_the_others_alone(store: ModelStore) -> None:
    for name in ("a", "b", "m"):
        save(store, f"{name}:v")
    (store.home / "models" / "a" / "v" / MANIFEST_FILE).write_text("{")
    kept(store, "b").write_text("{")
    assert lock_of(store, "m").package == "m"
    assert not kept(store, "a").exists()
