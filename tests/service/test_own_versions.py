"""What runs a model's code: the user's own versions, what is signed, and what is allowed."""

import json
import os
import pickle
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import learnwire_service as lw
import numpy as np
import pytest
import torch
from learnwire_client import Client
from learnwire_service.models.model import CUSTOM_OBJECTS_FILE, LEARNER_FILE, get_learner
from learnwire_service.models.sealing import copy_unsealed
from learnwire_service.store import own
from learnwire_service.store.manifest import MANIFEST_FILE, File
from learnwire_service.store.store import ModelStore, Version
from learnwire_service.store.tag import Tag
from learnwire_service.trust.installed import is_installed
from torch import nn

from . import oms
from .hand_made import save
from .odd_modules import FACTORIES, Tied
from .small_learners import ROW
from .test_adapter import PATH

# The learners that they save take seconds.
pytestmark = pytest.mark.slow

ADAPTED, PICKLED, MADE, SEALED = "adapted", "pickled", "made", "sealed"
RUNS = {
    ADAPTED: f"its Learner, a pickle, the adapter {PATH}",
    PICKLED: "its module, a pickle",
    MADE: f"the factory {FACTORIES}:Tied",
}
FILES = {ADAPTED: LEARNER_FILE, PICKLED: "module.pkl"}


@pytest.fixture(scope="module")
def mine(shop: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a version of each kind, saved by this user."""
    home = tmp_path_factory.mktemp("mine")
    array = np.ones((2, 4), np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEARNWIRE_HOME", str(home))
        lw.save_model(
            f"{ADAPTED}:v", shop, adapter=PATH, examples=["south"], custom_objects={"a": [1]}
        )
        lw.save_model(f"{SEALED}:v", shop)
        lw.save_torch_model(f"{PICKLED}:v", nn.Linear(4, 2), example=array)
        lw.save_torch_model(f"{MADE}:v", Tied(), example=array, factory=f"{FACTORIES}:Tied")
    return home


@pytest.fixture
def store(mine: Path, own_home: Path) -> ModelStore:
    """A copy of that store, as a whole, which is this test's alone."""
    shutil.copytree(mine, own_home)
    return ModelStore()


@pytest.fixture
def foreign(mine: Path, own_home: Path, shop: Any) -> ModelStore:
    """A store in which the versions were copied by hand, beside one that is this user's own."""
    store = ModelStore()
    save(store, "mine:v")
    for name in (ADAPTED, PICKLED, MADE, SEALED):
        shutil.copytree(mine / "models" / name, own_home / "models" / name)
    return store


def version(name: str) -> Version:
    return ModelStore().find(Tag(name, "v"))


def loads(name: str, **options: Any) -> None:
    runner = lw.get(name).to_runner(**options)
    try:
        runner.load()
    finally:
        runner.close()


class Poison:
    """Makes a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def poison(name: str, file: str, trace: Path) -> None:
    """Put a pickle into a version that leaves a trace, and the manifest in line with it."""
    found = version(name)
    if file == CUSTOM_OBJECTS_FILE:
        (found.directory / file).write_bytes(pickle.dumps(Poison(trace)))
    else:
        torch.save(Poison(trace), found.directory / file)
    files = found.manifest.files | {file: File.of(found.directory / file)}
    found.manifest.model_copy(update={"files": files}).write(found.directory)


@pytest.mark.usefixtures("store")
def test_ones_own_versions_are_served_and_loaded_without_a_flag() -> None:
    names = (ADAPTED, PICKLED, MADE, SEALED)
    with lw.serving(*names) as target, Client(target) as client:
        assert client.predict(ADAPTED, "south").label in ("NO", "YES")
    lw.load_model(ADAPTED)
    lw.load_model(SEALED)
    assert lw.get(PICKLED).load() is not None
    assert lw.get(ADAPTED).custom_objects == {"a": [1]}


@pytest.mark.usefixtures("foreign")
@pytest.mark.parametrize("name", RUNS)
def test_what_was_copied_in_is_refused_and_what_would_run_is_told(name: str) -> None:
    with pytest.raises(lw.UntrustedModel) as told, lw.serving(name):
        pass
    assert f"{name}:v would run code that came with it ({RUNS[name]})" in str(told.value)
    for way_out in ("Save it again", "sign it", "--trusted-keys", "--allow-unpickling"):
        assert way_out in str(told.value)
    with pytest.raises(lw.UntrustedModel):
        loads(name)
    with pytest.raises(lw.UntrustedModel):
        lw.get(name).load()


@pytest.mark.usefixtures("foreign")
def test_a_server_that_may_not_run_a_models_code_ends_with_a_sentence() -> None:
    refused = learnwire_serve(PICKLED)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "pickled:v would run code that came with it" in refused.stderr.splitlines()[-1]


def learnwire_serve(*arguments: object) -> "subprocess.CompletedProcess[str]":
    """Try to serve what is refused."""
    command = [sys.executable, "-m", "learnwire_service", "serve", "--port", "0"]
    return subprocess.run(
        [*command, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.usefixtures("foreign")
@pytest.mark.parametrize("name", FILES)
def test_nothing_of_a_poisoned_version_that_was_copied_in_runs(name: str, tmp_path: Path) -> None:
    trace = tmp_path / "poisoned"
    poison(name, FILES[name], trace)
    for load in (lw.get(name).load, lambda: loads(name)):
        with pytest.raises(lw.UntrustedModel):
            load()
    with pytest.raises(lw.UntrustedModel), lw.serving(name):
        pass
    assert not trace.exists()
    # It would have run.
    with pytest.raises(lw.LearnwireError):
        loads(name, allow_unpickling=True)
    assert trace.exists()


@pytest.mark.usefixtures("foreign")
def test_custom_objects_that_were_copied_in_are_not_unpickled(tmp_path: Path) -> None:
    trace = tmp_path / "poisoned"
    poison(ADAPTED, CUSTOM_OBJECTS_FILE, trace)
    with pytest.raises(lw.UntrustedModel, match="its custom objects, a pickle"):
        _ = lw.get(ADAPTED).custom_objects
    assert not trace.exists()
    lw.get(ADAPTED).load_custom_objects(allow_unpickling=True)
    assert trace.exists()


@pytest.mark.usefixtures("foreign")
def test_a_module_that_a_manifest_names_is_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = tmp_path / "imported"
    (tmp_path / "planted.py").write_text(f"open({str(trace)!r}, 'w').close()\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = version(MADE)
    found.manifest.model_copy(update={"factory": "planted:make"}).write(found.directory)
    with pytest.raises(lw.UntrustedModel, match="the factory planted:make"):
        loads(MADE)
    found = version(ADAPTED)
    found.manifest.model_copy(update={"adapter": "planted:Adapter"}).write(found.directory)
    with pytest.raises(lw.UntrustedModel, match="the adapter planted:Adapter"):
        loads(ADAPTED)
    assert not trace.exists()
    assert "planted" not in sys.modules


@pytest.mark.slow
@pytest.mark.usefixtures("foreign")
def test_it_may_be_allowed() -> None:
    with (
        lw.serving(ADAPTED, PICKLED, MADE, allow_unpickling=True) as target,
        Client(target) as client,
    ):
        assert client.predict(ADAPTED, "south").label in ("NO", "YES")
    loads(ADAPTED, allow_unpickling=True)
    lw.load_model(ADAPTED, allow_unpickling=True)
    # A runner that was told otherwise is asked no more than it was told.
    with pytest.raises(lw.UntrustedModel):
        loads(ADAPTED, allow_unpickling=False)


@pytest.mark.usefixtures("foreign")
def test_a_sealed_version_needs_no_flag_though_its_learner_is_not_loaded() -> None:
    with lw.serving(SEALED) as target, Client(target) as client:
        assert client.predict(SEALED, ROW).label in ("no", "yes")
    with pytest.raises(lw.UntrustedModel, match="its Learner, a pickle"):
        lw.load_model(SEALED)


@pytest.mark.slow
@pytest.mark.usefixtures("store")
def test_what_others_may_write_to_is_told_where_it_is_served(
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = version(SEALED).directory.parent
    loads(SEALED)
    assert "others may write" not in caplog.text
    path.chmod(0o770)
    loads(SEALED)
    assert f"others may write to {path}: chmod go-w {path}" in caplog.text


@pytest.mark.slow
@pytest.mark.usefixtures("foreign")
def test_a_sealed_copy_of_a_foreign_version_is_not_ones_own() -> None:
    with pytest.raises(lw.UntrustedModel):
        lw.seal_model(SEALED)
    model = lw.seal_model(SEALED, allow_unpickling=True)
    assert not model.version.is_own
    with pytest.raises(lw.UntrustedModel):
        lw.load_model(model.tag)


@pytest.mark.slow
@pytest.mark.usefixtures("store")
def test_a_sealed_copy_of_ones_own_version_is_ones_own() -> None:
    model = lw.seal_model(SEALED)
    assert model.version.is_own
    lw.load_model(model.tag)


@pytest.mark.usefixtures("store")
def test_what_changes_while_it_is_sealed_does_not_become_ones_own(tmp_path: Path) -> None:
    model = get_learner(SEALED)
    assert model.version.is_own
    learner = model.directory / LEARNER_FILE
    learner.write_bytes(learner.read_bytes() + b" ")
    with pytest.raises(lw.CorruptModel, match=r"learner\.pkl was altered"):
        copy_unsealed(model, tmp_path)


@pytest.mark.usefixtures("store")
def test_a_signed_pickle_that_others_may_write_to_is_served(trusted: Path) -> None:
    directory = version(PICKLED).directory
    oms.sign(directory, KEY)
    directory.chmod(0o777)
    array = np.ones((2, 4), np.float32)
    with lw.serving(PICKLED, trusted_keys=trusted) as target, Client(target) as client:
        before = client.call(PICKLED, array)
        path = directory / FILES[PICKLED]
        path.write_bytes(bytes(path.stat().st_size))
        np.testing.assert_array_equal(client.call(PICKLED, array), before)


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("name", FILES)
def test_what_changed_since_it_was_saved_is_refused(name: str, tmp_path: Path) -> None:
    trace = tmp_path / "poisoned"
    poison(name, FILES[name], trace)
    with pytest.raises(lw.UntrustedModel, match="was changed"):
        loads(name)
    assert not trace.exists()


@pytest.mark.usefixtures("store")
def test_nothing_is_unpickled_where_only_what_is_sealed_is_served() -> None:
    for options in ({}, {"allow_unpickling": True}):
        with (
            pytest.raises(lw.NotServable, match="--sealed-only allows none"),
            lw.serving(ADAPTED, sealed_only=True, **options),
        ):
            pass


@pytest.mark.usefixtures("store")
def test_what_an_older_release_saved_is_told_how_to_be_served() -> None:
    shutil.rmtree(ModelStore().home / "own")
    with pytest.raises(lw.UntrustedModel, match=r"saved by an older release.*Save it again here"):
        loads(ADAPTED)


def test_what_is_saved_as_anothers_is_not_ones_own(own_home: Path) -> None:
    store = ModelStore()
    from .hand_made import fill

    with store.saving(Tag("m", "a"), is_own=False) as directory:
        fill(directory, Tag("m", "a"))
    assert not store.find(Tag("m", "a")).is_own


def forged(found: Version, secret: bytes) -> None:
    """Put a mark beside a version, made with another secret."""
    path = own._mark_of(found.home, found.written)
    path.write_bytes(own._digest(secret, found.written))


def public_secret(home: Path) -> None:
    """Leave a secret that others may read."""
    (home / "secret").chmod(0o640)


def linked_secret(home: Path) -> None:
    """Leave a symlink in its place."""
    (home / "secret").rename(home / "elsewhere")
    (home / "secret").symlink_to(home / "elsewhere")


def no_secret(home: Path) -> None:
    """Leave none."""
    (home / "secret").unlink()


def short_secret(home: Path) -> None:
    """Leave one of which nothing is there."""
    (home / "secret").write_bytes(b"")


def folder(home: Path) -> None:
    """Leave a folder in its place."""
    (home / "secret").unlink()
    (home / "secret").mkdir()


def pipe(home: Path) -> None:
    """Leave a pipe in its place, at which who reads waits."""
    (home / "secret").unlink()
    os.mkfifo(home / "secret", 0o600)


@pytest.mark.parametrize(
    "leave", [public_secret, linked_secret, no_secret, short_secret, folder, pipe]
)
def test_without_a_secret_nothing_is_ones_own(
    own_home: Path, leave: Callable[[Path], None]
) -> None:
    store = ModelStore()
    save(store, "m:a")
    assert store.find(Tag("m", "a")).is_own
    leave(own_home)
    assert not store.find(Tag("m", "a")).is_own


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_the_secret_of_another_user_counts_for_nothing(own_home: Path) -> None:
    store = ModelStore()
    save(store, "m:a")
    os.chown(own_home / "secret", 65534, -1)
    assert not store.find(Tag("m", "a")).is_own


def test_a_version_is_saved_where_the_secret_is_none_and_the_log_says_so(
    own_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = ModelStore()
    save(store, "m:a")
    (own_home / "secret").chmod(0o644)
    save(store, "m:b")
    assert not store.find(Tag("m", "b")).is_own
    assert "not marked as your own" in caplog.text
    assert "is not this user's alone: remove it" in caplog.text


def test_no_mark_is_forged_or_taken_from_another(own_home: Path) -> None:
    store = ModelStore()
    save(store, "m:a")
    with store.saving(Tag("m", "b"), is_own=False) as directory:
        from .hand_made import fill

        fill(directory, Tag("m", "b"))
    a, b = store.find(Tag("m", "a")), store.find(Tag("m", "b"))
    for secret in (b"", bytes(32), b.written):
        forged(b, secret)
        assert not b.is_own
    shutil.copy(own._mark_of(own_home, a.written), own._mark_of(own_home, b.written))
    assert not b.is_own
    assert a.is_own
    assert not replace(a, written=a.written + b" ").is_own


def test_a_mark_goes_with_its_version(own_home: Path) -> None:
    store = ModelStore()
    save(store, "m:a")
    kept = own_home / "kept"
    shutil.copytree(own_home / "models" / "m" / "a", kept)
    store.delete(Tag("m", "a"))
    assert list((own_home / "own").iterdir()) == []
    kept.rename(own_home / "models" / "m" / "a")
    assert not store.find(Tag("m", "a")).is_own


def test_the_secret_is_made_once_whoever_saves_first(own_home: Path) -> None:
    store = ModelStore()
    with ThreadPoolExecutor(8) as pool:
        tags = list(pool.map(lambda i: save(store, f"m:v{i}"), range(16)))
    assert all(store.find(tag).is_own for tag in tags)
    found = (own_home / "secret").stat()
    assert (found.st_size, stat.S_IMODE(found.st_mode)) == (32, 0o600)
    assert [path.name for path in own_home.glob("*.part")] == []


@pytest.mark.parametrize(
    ("module", "installed"),
    [
        *(("json", True), ("sys", True), ("zipimport", True), ("torch.nn", True)),
        *(("onnxruntime", True), ("tests.service.odd_modules", False), ("__main__", False)),
        *(("no_such_module", False), ("planted", False), ("", False), ("..x", False)),
    ],
)
def test_only_what_the_environment_has_is_installed(
    module: str, installed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "planted.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")
    assert is_installed(module) == installed


def test_a_folder_that_stands_before_an_installed_package_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "antigravity" not in sys.modules
    assert is_installed("antigravity")
    (tmp_path / "antigravity.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert not is_installed("antigravity")


KEY = oms.new_key()


@pytest.fixture
def trusted(tmp_path: Path) -> Path:
    path = tmp_path / "trusted.pem"
    path.write_bytes(oms.public_pem(KEY))
    return path


@pytest.mark.usefixtures("foreign")
def test_only_signed_versions_are_served_where_keys_are_trusted(trusted: Path) -> None:
    with (
        pytest.raises(lw.UntrustedModel, match="sealed:v is not served: it is not signed"),
        lw.serving(SEALED, trusted_keys=trusted),
    ):
        pass
    directory = version(SEALED).directory
    oms.sign(directory, KEY)
    with lw.serving(SEALED, trusted_keys=trusted) as target, Client(target) as client:
        assert client.predict(SEALED, ROW).label in ("no", "yes")
    # Without keys it is served as before.
    loads(SEALED)
    path = directory / "recipe.json"
    path.write_bytes(path.read_bytes() + b" ")
    with (
        pytest.raises(lw.UntrustedModel, match=r"the file recipe\.json was altered"),
        lw.serving(SEALED, trusted_keys=trusted),
    ):
        pass
    served = learnwire_serve(SEALED, "--trusted-keys", trusted)
    assert (served.returncode, "recipe.json was altered" in served.stderr) == (1, True)


@pytest.mark.usefixtures("store")
def test_not_even_ones_own_is_served_unsigned_where_keys_are_trusted(trusted: Path) -> None:
    for name in (ADAPTED, PICKLED, SEALED):
        with (
            pytest.raises(lw.UntrustedModel, match="not signed"),
            lw.serving(name, trusted_keys=trusted, allow_unpickling=True),
        ):
            pass


@pytest.mark.slow
@pytest.mark.usefixtures("foreign")
def test_a_trusted_signature_allows_a_models_code(trusted: Path) -> None:
    oms.sign(version(PICKLED).directory, KEY)
    with lw.serving(PICKLED, trusted_keys=trusted):
        pass
    # It covers no module that lies outside the installed packages.
    for name in (ADAPTED, MADE):
        oms.sign(version(name).directory, KEY)
        with (
            pytest.raises(lw.UntrustedModel, match="is in no installed package"),
            lw.serving(name, trusted_keys=trusted),
        ):
            pass
        with lw.serving(name, trusted_keys=trusted, allow_unpickling=True):
            pass


@pytest.mark.usefixtures("store")
def test_swapped_numbers_of_a_contract_are_noticed(
    trusted: Path, caplog: pytest.LogCaptureFixture
) -> None:
    directory = version(SEALED).directory
    oms.sign(directory, KEY)
    path = directory.parent / "contract.json"
    lock = json.loads(path.read_text())
    columns = lock["majors"][0]["input"]["columns"]
    columns[0]["number"], columns[1]["number"] = columns[1]["number"], columns[0]["number"]
    path.write_text(json.dumps(lock))
    problem = r"contract\.json beside the versions of sealed gives other names or numbers"
    with (
        pytest.raises(lw.UntrustedModel, match=problem),
        lw.serving(SEALED, trusted_keys=trusted),
    ):
        pass
    loads(SEALED)
    assert "contract.json beside the versions of sealed" in caplog.text


def test_a_manifest_tells_no_path_as_a_file(own_home: Path) -> None:
    store = ModelStore()
    found = store.find(save(store, "m:a"))
    text = (found.directory / MANIFEST_FILE).read_text()
    for name in ("../b/data.bin", "/etc/passwd", "..", "a\\\\b", "", "manifest.json", "model.sig"):
        (found.directory / MANIFEST_FILE).write_text(text.replace('"data.bin"', f'"{name}"'))
        with pytest.raises(lw.CorruptModel, match="is no name of a file in a version"):
            store.find(Tag("m", "a"))
