import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier

import pytest
from learnwire_service import CorruptModel, ModelNotFound, VersionExists
from learnwire_service.store.manifest import MANIFEST_FILE, read_manifest
from learnwire_service.store.store import ModelStore
from learnwire_service.store.tag import Tag

from . import hand_made
from .hand_made import DATA_FILE, created, fill, save


@pytest.fixture
def store(own_home: Path) -> ModelStore:
    return ModelStore()


def debris(store: ModelStore) -> list[str]:
    return sorted(path.name for path in (store.home / "staging").glob("*"))


def versions(store: ModelStore, name: str) -> list[str]:
    return [version.manifest.version for version in store.versions(name)]


@contextmanager
def saver(tag: str) -> Iterator["subprocess.Popen[str]"]:
    """Start a process that saves a version; it has filled it and waits to be told to publish."""
    command = [sys.executable, hand_made.__file__, tag]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "filled\n"
        yield process


def test_the_home_is_the_one_in_the_environment(store: ModelStore, own_home: Path) -> None:
    assert store.home == own_home


def test_an_empty_store_has_no_names_and_no_versions(store: ModelStore) -> None:
    assert store.names() == []
    assert store.versions("m") == []
    with pytest.raises(ModelNotFound):
        store.find(Tag("m"))


def test_a_version_appears_whole_once_the_body_is_done(store: ModelStore) -> None:
    tag = Tag("m", "a")
    with store.saving(tag) as directory:
        fill(directory, tag)
        assert store.versions("m") == []
        assert store.names() == []
    found = store.find(tag)
    found.manifest.check_files(found.directory)
    assert found.manifest.tag == tag
    assert sorted(path.name for path in found.directory.iterdir()) == [DATA_FILE, MANIFEST_FILE]
    assert debris(store) == []


def test_an_exception_in_the_body_leaves_nothing(store: ModelStore) -> None:
    tag = Tag("m", "a")

    def fill_and_fail() -> None:
        with store.saving(tag) as directory:
            fill(directory, tag)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fill_and_fail()
    assert store.names() == []
    assert debris(store) == []
    assert save(store, "m:a") == tag


def test_a_version_that_is_there_is_never_replaced(store: ModelStore) -> None:
    save(store, "m:a", age=1)
    before = store.find(Tag("m", "a"))
    with pytest.raises(VersionExists, match="m:a exists already"):
        save(store, "m:a")
    assert store.find(Tag("m", "a")) == before


def test_of_many_threads_that_save_one_version_exactly_one_wins(store: ModelStore) -> None:
    barrier = Barrier(8)

    def attempt(age: int) -> int | None:
        tag = Tag("m", "a")
        try:
            with store.saving(tag) as directory:
                fill(directory, tag, age)
                barrier.wait(60)
        except VersionExists:
            return None
        return age

    with ThreadPoolExecutor(8) as threads:
        [winner] = [age for age in threads.map(attempt, range(8)) if age is not None]
    assert store.find(Tag("m", "a")).manifest.created == created(winner)
    assert debris(store) == []


def test_of_two_processes_that_save_one_version_exactly_one_wins(store: ModelStore) -> None:
    with saver("m:a") as one, saver("m:a") as other:
        for process in (one, other):
            assert process.stdin
            process.stdin.write("go\n")
            process.stdin.flush()
        outcomes = [process.communicate()[0].strip() for process in (one, other)]
    assert sorted(outcomes) == ["exists", "saved"]
    found = store.find(Tag("m", "a"))
    found.manifest.check_files(found.directory)
    assert debris(store) == []


def test_saving_clears_what_a_killed_process_left_and_nothing_of_a_living_one(
    store: ModelStore,
) -> None:
    with saver("m:living") as living:
        before = debris(store)
        with saver("m:dead") as dead:
            dead.kill()
        assert len(debris(store)) == 2 * len(before) > 0
        save(store, "m:a")
        assert debris(store) == before
        assert living.communicate("go\n")[0] == "saved\n"
    assert sorted(versions(store, "m")) == ["a", "living"]


def test_saves_may_nest(store: ModelStore) -> None:
    with store.saving(Tag("m", "outer")) as directory:
        fill(directory, Tag("m", "outer"))
        save(store, "m:inner")
    assert sorted(versions(store, "m")) == ["inner", "outer"]


def test_versions_are_listed_newest_first_and_names_in_order(store: ModelStore) -> None:
    for text, age in [("m:b", 2), ("m:c", 1), ("m:a", 3), ("a:x", 0)]:
        save(store, text, age)
    assert versions(store, "m") == ["c", "b", "a"]
    assert store.names() == ["a", "m"]
    assert store.find(Tag("m")).manifest.version == "c"


def test_deleting_the_newest_makes_the_next_one_latest(store: ModelStore) -> None:
    for text, age in [("m:b", 2), ("m:c", 1), ("m:a", 3)]:
        save(store, text, age)
    assert store.delete(Tag("m", "latest")) == [Tag("m", "c")]
    assert store.find(Tag("m", "latest")).manifest.version == "b"
    assert debris(store) == []


def test_deleting_by_a_bare_name_deletes_all_versions(store: ModelStore) -> None:
    for text in ("m:a", "m:b", "other:a"):
        save(store, text)
    assert sorted(map(str, store.delete(Tag("m")))) == ["m:a", "m:b"]
    assert store.names() == ["other"]
    with pytest.raises(ModelNotFound):
        store.delete(Tag("m"))


def test_deleting_an_unknown_version_deletes_nothing(store: ModelStore) -> None:
    save(store, "m:a")
    with pytest.raises(ModelNotFound):
        store.delete(Tag("m", "b"))
    assert versions(store, "m") == ["a"]


def test_of_many_that_delete_one_version_the_others_find_it_gone(store: ModelStore) -> None:
    barrier = Barrier(8)

    def attempt(tag: Tag) -> list[Tag]:
        barrier.wait(60)
        try:
            return store.delete(tag)
        except ModelNotFound:
            return []

    for i in range(20):
        tag = save(store, f"m:{i}")
        with ThreadPoolExecutor(8) as threads:
            deleted = list(threads.map(attempt, [tag] * 8))
        assert sorted(deleted) == [[]] * 7 + [[tag]]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 1}'])
def test_a_corrupt_manifest_is_named_and_spares_the_other_versions(
    store: ModelStore, content: str
) -> None:
    save(store, "m:good")
    (store.find(save(store, "m:bad")).directory / MANIFEST_FILE).write_text(content)
    with pytest.raises(CorruptModel, match=r"the manifest of m:bad does not read.*delete m:bad$"):
        store.find(Tag("m", "bad"))
    assert store.find(Tag("m", "good")).manifest.version == "good"
    assert [one.manifest.version for one in store.readable("m")[0]] == ["good"]
    assert store.delete(Tag("m", "bad")) == [Tag("m", "bad")]
    assert store.find(Tag("m")).manifest.version == "good"


def test_a_manifest_of_a_later_format_is_refused(store: ModelStore) -> None:
    found = store.find(save(store, "m:a"))
    found.manifest.model_copy(update={"format": 2}).write(found.directory)
    with pytest.raises(CorruptModel, match="m:a"):
        store.find(Tag("m", "a"))


def test_a_manifest_reads_as_it_was_written(store: ModelStore) -> None:
    found = store.find(save(store, "m:a"))
    written = (found.directory / MANIFEST_FILE).read_bytes()
    assert read_manifest(written, found.manifest.tag) == found.manifest


@pytest.mark.parametrize("content", [None, b"", b"m:b", b"m:a and more"])
def test_a_missing_or_altered_file_is_named(store: ModelStore, content: bytes | None) -> None:
    found = store.find(save(store, "m:a"))
    found.manifest.check_files(found.directory)
    path = found.directory / DATA_FILE
    path.unlink() if content is None else path.write_bytes(content)
    wanted = "is missing" if content is None else "was altered"
    with pytest.raises(CorruptModel, match=f"m:a: the file {DATA_FILE} {wanted}"):
        found.manifest.check_files(found.directory)
