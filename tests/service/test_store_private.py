"""The store is its owner's alone, and nothing in it leads elsewhere."""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import learnwire_service as lw
import pytest
from learnwire_service.contracts.keeping import lock_of
from learnwire_service.store.manifest import MANIFEST_FILE
from learnwire_service.store.private import writable_by_others
from learnwire_service.store.store import ModelStore
from learnwire_service.store.tag import Tag

from .hand_made import DATA_FILE, save


@pytest.fixture(autouse=True)
def open_by_default() -> Iterator[None]:
    """Have new files be everybody's, where nothing else is said."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def store(own_home: Path) -> ModelStore:
    return ModelStore()


def rights(home: Path) -> dict[str, str]:
    """Give the rights of all there is in a store."""
    paths = [home, *home.rglob("*")]
    return {str(path.relative_to(home)): oct(stat.S_IMODE(path.stat().st_mode)) for path in paths}


def test_what_is_written_is_its_owners_alone(store: ModelStore) -> None:
    save(store, "m:a")
    lock_of(store, "m")
    store.delete(save(store, "m:b"))
    found = rights(store.home)
    assert {"models/m/a/manifest.json", "models/m/contract.json", "secret", "own"} <= found.keys()
    for path, mode in found.items():
        assert mode == ("0o700" if (store.home / path).is_dir() else "0o600"), path


def test_a_store_below_folders_that_are_not_there_is_its_owners_alone(tmp_path: Path) -> None:
    save(ModelStore(tmp_path / "a" / "b"), "m:a")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700


def test_the_store_itself_may_be_a_symlink(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "here").symlink_to(tmp_path / "there")
    store = ModelStore(tmp_path / "here")
    save(store, "m:a")
    assert store.find(Tag("m")).is_own


def replace_by_link(path: Path, elsewhere: Path) -> None:
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


@pytest.mark.parametrize("linked", ["models", "models/m", "models/m/a", "models/m/a/manifest.json"])
def test_a_symlink_on_the_way_to_a_version_is_refused(
    store: ModelStore, tmp_path: Path, linked: str
) -> None:
    save(store, "m:a")
    replace_by_link(store.home / linked, tmp_path / "elsewhere")
    for tag in ("m", "m:a"):
        with pytest.raises(lw.CorruptModel, match=r"is a symlink, and none is followed in a store"):
            store.find(Tag.parse(tag))
    assert store.readable("m")[0] == []
    if linked != "models/m/a/manifest.json":
        with pytest.raises(lw.CorruptModel, match="is a symlink"):
            lock_of(store, "m")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_not_read(store: ModelStore, make: Callable[[Path], None]) -> None:
    save(store, "m:a")
    lock_of(store, "m")
    found = store.find(Tag("m"))
    folder = found.directory
    for path in (folder / DATA_FILE, folder.parent / "contract.json", folder / MANIFEST_FILE):
        path.unlink()
        make(path)
        with pytest.raises(lw.CorruptModel):
            found.manifest.check_files(folder)
    for read in (lambda: store.find(Tag("m", "a")), lambda: lock_of(store, "m")):
        with pytest.raises(lw.CorruptModel, match="is no file"):
            read()


def test_a_file_of_a_version_that_is_a_symlink_is_refused(
    store: ModelStore, tmp_path: Path
) -> None:
    save(store, "m:a")
    found = store.find(Tag("m"))
    replace_by_link(found.directory / DATA_FILE, tmp_path / "elsewhere")
    with pytest.raises(lw.CorruptModel, match=f"the file {DATA_FILE} is a symlink"):
        found.manifest.check_files(found.directory)


def test_a_contract_that_is_a_symlink_is_refused(store: ModelStore, tmp_path: Path) -> None:
    save(store, "m:a")
    lock_of(store, "m")
    replace_by_link(store.home / "models" / "m" / "contract.json", tmp_path / "elsewhere")
    with pytest.raises(lw.CorruptModel, match=r"contract\.json is a symlink"):
        lock_of(store, "m")


@pytest.mark.parametrize("linked", ["models", "models/m", "staging"])
def test_nothing_is_written_through_a_symlink(
    store: ModelStore, tmp_path: Path, linked: str
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    path = store.home / linked
    path.parent.mkdir(parents=True)
    path.symlink_to(elsewhere)
    with pytest.raises(lw.CorruptModel, match="is a symlink"):
        save(store, "m:a")
    assert list(elsewhere.iterdir()) == []


def test_deleting_a_version_that_is_a_symlink_leaves_what_it_leads_to(
    store: ModelStore, tmp_path: Path
) -> None:
    save(store, "m:a")
    replace_by_link(store.home / "models" / "m" / "a", tmp_path / "elsewhere")
    store.delete(Tag("m", "a"))
    assert {path.name for path in (tmp_path / "elsewhere").iterdir()} == {DATA_FILE, MANIFEST_FILE}


@pytest.mark.parametrize("part", ["", "models", "models/m", "models/m/a", "models/m/a/data.bin"])
@pytest.mark.parametrize("mode", [0o720, 0o702])
def test_what_others_may_write_to_is_told(store: ModelStore, part: str, mode: int) -> None:
    save(store, "m:a")
    found = store.find(Tag("m"))
    assert writable_by_others(store.home, found.directory) == ""
    path = store.home / part
    path.chmod(mode)
    told = f"others may write to {path}: chmod go-w {path}"
    assert writable_by_others(store.home, found.directory) == told


def test_who_may_replace_the_whole_store_is_told(tmp_path: Path) -> None:
    around = tmp_path / "around"
    store = ModelStore(around / "store")
    save(store, "m:a")
    found = store.find(Tag("m"))
    around.chmod(0o777)
    assert writable_by_others(store.home, found.directory).startswith("others may write to")
    # As in /tmp, where nobody takes away what is another's.
    around.chmod(0o1777)
    assert writable_by_others(store.home, found.directory) == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_belongs_to_another_user_is_told(store: ModelStore) -> None:
    save(store, "m:a")
    found = store.find(Tag("m"))
    os.chown(found.directory, 65534, -1)
    assert "belongs to another user" in writable_by_others(store.home, found.directory)
