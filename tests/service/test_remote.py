"""A store that others share: what is pushed is pulled as it was, whole or not at all."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import create_server
from threading import Barrier, Thread
from typing import Any

import fsspec
import learnwire_service as lw
import pytest
from learnwire_service.common.errors import StoreFailed, ToolMissing
from learnwire_service.models.sharing import list_remote
from learnwire_service.store import calls
from learnwire_service.store.address import Address
from learnwire_service.store.blobs import Blobs, cache_of_remotes
from learnwire_service.store.manifest import MANIFEST_FILE
from learnwire_service.store.parcel import Parcel
from learnwire_service.store.remote import Remote
from learnwire_service.store.store import ModelStore
from learnwire_service.store.tag import Tag
from learnwire_service.store.transport import Transport

from tests.end_to_end.test_cli import learnwire_here

from . import killed_mover
from .hand_made import DATA_FILE, fill, save


@pytest.fixture(autouse=True)
def patience(own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store and a cache of this test alone, and no pause between tries."""
    monkeypatch.setenv("LEARNWIRE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(calls, "PAUSES", (0.0,))


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """A folder that has one version of each of two models."""
    for tag in ("m:aaa", "n:bbb"):
        save(ModelStore(), tag)
        lw.push_model(tag, str(tmp_path / "remote"))
    return tmp_path / "remote"


@pytest.fixture
def elsewhere(remote: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of this machine that has nothing yet; what it pulls from is there."""
    monkeypatch.setenv("LEARNWIRE_HOME", str(tmp_path / "elsewhere"))
    return tmp_path / "elsewhere"


def tags(manifests: list[Any]) -> list[str]:
    return [str(one.tag) for one in manifests]


def left_behind(home: Path) -> list[str]:
    """What a pull that was refused left: versions, parts of them, files in the cache."""
    places = (home / "models", home / "staging", cache_of_remotes())
    found = (path for place in places for path in place.rglob("*"))
    return [path.name for path in found if path.is_file() and path.suffix != ".lock"]


@pytest.mark.parametrize("kind", ["folder", "file", "memory"])
def test_what_is_pushed_is_pulled_as_it_was(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = {"folder": "", "file": "file://", "memory": "memory:/"}[kind] + str(tmp_path / "remote")
    for age, version in enumerate(("new1", "mid2", "old3")):
        save(ModelStore(), f"m:{version}", age)
        assert lw.push_model(f"m:{version}", where) == f"m:{version}"
    pushed = ModelStore().find(Tag("m"))

    monkeypatch.setenv("LEARNWIRE_HOME", str(tmp_path / "elsewhere"))
    assert (
        tags(list_remote(where)) == tags(list_remote(where, "m")) == ["m:new1", "m:mid2", "m:old3"]
    )
    assert [lw.pull_model(tag, where).tag for tag in ("m", "m:latest", "m:mi", "m:old3")] == [
        *("m:new1", "m:new1", "m:mid2", "m:old3")
    ]
    pulled = ModelStore().find(Tag("m"))
    assert pulled.written == pushed.written
    assert (pulled.directory / DATA_FILE).read_bytes() == (
        pushed.directory / DATA_FILE
    ).read_bytes()
    assert not pulled.is_own


@pytest.mark.parametrize(
    ("tag", "error", "problem"),
    [
        ("x", lw.ModelNotFound, 'there is no model "x" in {remote}, only m, n'),
        ("m:zzz", lw.ModelNotFound, 'model "m" has no version "zzz"; the newest is "aaa"'),
        ("M", lw.InvalidTag, "lower case letters"),
    ],
)
def test_what_is_not_there_is_told_as_in_a_store_of_this_machine(
    tag: str, error: type[Exception], problem: str, remote: Path, elsewhere: Path
) -> None:
    with pytest.raises(error) as told:
        lw.pull_model(tag, str(remote))
    assert problem.format(remote=remote) in str(told.value)


def test_an_empty_store_is_told(tmp_path: Path) -> None:
    with pytest.raises(lw.ModelNotFound, match="nothing was pushed there, or the address is wrong"):
        lw.pull_model("m", str(tmp_path / "nothing"))
    done = learnwire_here("models", "list", "--remote", tmp_path / "nothing")
    assert (done.exit_code, done.stdout) == (0, "No models are there yet.\n")


def test_the_commands_push_list_and_pull(
    remote: Path, elsewhere: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(ModelStore(own_home), "m:ccc", age=-1)
    pushed = learnwire_here(
        *("models", "push", "m"), LEARNWIRE_REMOTE=str(remote), LEARNWIRE_HOME=str(own_home)
    )
    assert (pushed.exit_code, pushed.stdout) == (0, "m:ccc\n")
    listed = learnwire_here("models", "list", "--remote", remote, "--json")
    assert [one["tag"] for one in json.loads(listed.stdout)] == ["m:ccc", "m:aaa", "n:bbb"]
    pulled = learnwire_here("models", "pull", "m", "--remote", remote)
    assert (pulled.exit_code, pulled.stdout) == (0, "m:ccc\n")
    lacking = learnwire_here("models", "list", "x", "--remote", remote)
    assert (lacking.exit_code, lacking.stderr) == (
        *(1, f'learnwire: there is no model "x" in {remote}, only m, n\n'),
    )


def test_the_same_version_is_pushed_and_pulled_again_without_a_word(
    remote: Path, own_home: Path
) -> None:
    before = {path: path.stat().st_ino for path in remote.rglob("*") if len(path.name) >= 64}
    assert lw.push_model("m", str(remote)) == lw.pull_model("m", str(remote)).tag == "m:aaa"
    assert {path: path.stat().st_ino for path in before} == before


def test_another_version_of_that_tag_is_refused(remote: Path, elsewhere: Path) -> None:
    save(ModelStore(), "m:aaa", age=5)
    with pytest.raises(lw.VersionExists, match="has another m:aaa already"):
        lw.push_model("m", str(remote))
    with pytest.raises(lw.VersionExists, match="another m:aaa is there already"):
        lw.pull_model("m", str(remote))


def test_nobody_sees_half_of_what_is_to_be_there_once(tmp_path: Path) -> None:
    files, data = Transport(Address(str(tmp_path))), bytes(2**22)
    with ThreadPoolExecutor(1) as pool:
        for number in range(30):
            done = pool.submit(files.create, f"m/{number}", data)
            while not (tmp_path / "m" / str(number)).exists():
                assert not done.done() or done.result() is None
            assert (tmp_path / "m" / str(number)).stat().st_size == len(data)
            done.result()
    with pytest.raises(FileExistsError):
        files.create("m/0", b"another")
    assert len([*(tmp_path / "m").iterdir()]) == 30


def test_of_several_pushers_of_one_tag_one_wins(tmp_path: Path) -> None:
    count = 6
    where, begin = str(tmp_path / "remote"), Barrier(count)
    stores = [ModelStore(tmp_path / f"store{number}") for number in range(count)]
    for number, store in enumerate(stores):
        save(store, "m:aaa", age=number)

    def push(store: ModelStore) -> bool:
        parcel = Parcel.of(store.find(Tag("m")))
        begin.wait()
        try:
            return Remote(where, Blobs(0)).push(parcel)
        except lw.VersionExists:
            return False

    with ThreadPoolExecutor(count) as pool:
        won = list(pool.map(push, stores))
    assert sum(won) == 1
    pulled = lw.pull_model("m", where)
    assert pulled.version.written == stores[won.index(True)].find(Tag("m")).written
    pulled.manifest.check_files(pulled.directory)


def test_pushers_at_one_time_are_all_in_the_index(tmp_path: Path) -> None:
    count = 6
    where, begin, store = str(tmp_path / "remote"), Barrier(count), ModelStore()
    names = [f"m:v{number}" for number in range(count)]
    parcels = [Parcel.of(store.find(save(store, name))) for name in names]

    def push(parcel: Parcel) -> bool:
        begin.wait()
        return Remote(where, Blobs(0)).push(parcel)

    with ThreadPoolExecutor(count) as pool:
        assert all(pool.map(push, parcels))
    index = json.loads((tmp_path / "remote" / "m" / "index.json").read_text())
    assert [f"m:{version}" for version in index["folders"]] == names


@pytest.mark.slow
@pytest.mark.parametrize("road", ["push", "pull"])
def test_who_is_killed_at_any_step_leaves_nothing_half_and_the_next_one_ends_it(
    road: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", killed_mover.__name__, road, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    reports = json.loads(done.stdout)
    assert len(reports) > 20
    for report in reports:
        assert report["seen"] in ([], ["m:new"])
        assert report["there"] in ([], ["new"])
        assert report["there_after"] == ["new"]


def test_only_what_is_missing_is_sent(remote: Path, elsewhere: Path, own_home: Path) -> None:
    [data] = [path for path in (remote / "m" / "aaa").iterdir() if len(path.name) == 64]
    kept = data.stat().st_ino
    (remote / "m" / "aaa" / MANIFEST_FILE).unlink()
    # Half of a file, as where the store takes files in pieces.
    [other] = [path for path in (remote / "n" / "bbb").iterdir() if len(path.name) == 64]
    other.write_bytes(other.read_bytes()[:2])
    for tag in ("m", "n"):
        parcel = Parcel.of(ModelStore(own_home).find(Tag(tag)))
        Remote(str(remote), Blobs(0)).push(parcel)
        lw.pull_model(tag, str(remote))
    assert data.stat().st_ino == kept
    [cached] = cache_of_remotes().glob(f"files/{data.name}")
    kept = cached.stat().st_ino
    lw.delete_model("m")
    lw.pull_model("m", str(remote))
    assert cached.stat().st_ino == kept


def test_a_manifest_that_broke_off_is_not_there_yet(remote: Path, elsewhere: Path) -> None:
    path = remote / "m" / "aaa" / MANIFEST_FILE
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert tags(list_remote(str(remote))) == ["n:bbb"]
    with pytest.raises(lw.CorruptModel, match=r"not whole in .*: its push goes on, or broke off"):
        lw.pull_model("m:aaa", str(remote))
    save(ModelStore(), "m:aaa")
    lw.push_model("m", str(remote))
    assert path.read_bytes() == whole


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def rewrite(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def link(path: Path) -> None:
    path.rename(path.with_suffix(".moved"))
    path.symlink_to(path.with_suffix(".moved"))


def be_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DIGEST = "0" * 64
HOSTILE: dict[str, tuple[Callable[[Path, Path], object], str]] = {
    "a flipped byte": (lambda m, data: flip(data), "m:aaa in .*: a file came whose digest is not"),
    "a longer file": (lambda m, data: data.write_bytes(data.read_bytes() + b"!"), "more than the"),
    "a shorter file": (lambda m, data: data.write_bytes(b"m"), "whose digest is not"),
    "a missing file": (lambda m, data: data.unlink(), "m:aaa in .*: a file is not there: push it"),
    "a link for a file": (lambda m, data: link(data), "is a symlink"),
    "a folder for a file": (lambda m, data: be_a_folder(data), "is no file"),
    "a link for the manifest": (lambda m, data: link(m), "is a symlink"),
    "a link for the version": (lambda m, data: link(m.parent), "is a symlink"),
    "another's manifest": (
        lambda m, data: rewrite(m, name="n"),
        "what lies in .* as m:aaa says that it is n:aaa",
    ),
    "a path for a name": (
        lambda m, data: rewrite(m, files={"../../x": {"sha256": DIGEST, "size": 1}}),
        "is no name of a file",
    ),
    "a path for a digest": (
        lambda m, data: rewrite(m, files={"x": {"sha256": "../../../etc/passwd", "size": 1}}),
        "no size or no digest",
    ),
    "a size below nothing": (
        lambda m, data: rewrite(m, files={"x": {"sha256": DIGEST, "size": -1}}),
        "no size or no digest",
    ),
    "a size beyond all disks": (
        lambda m, data: rewrite(m, files={"x": {"sha256": DIGEST, "size": 10**18}}),
        "bytes have no room",
    ),
    "more files than a version has": (
        lambda m, data: rewrite(
            m, files={f"x{n}": {"sha256": DIGEST, "size": 1} for n in range(2000)}
        ),
        "has 2000 files",
    ),
    "a manifest beyond all bounds": (
        lambda m, data: m.write_bytes(b" " * (65 * 2**20)),
        "more than the 67108864 bytes",
    ),
    "JSON without end": (lambda m, data: m.write_text("[" * 100_000), "not whole"),
    "another JSON": (lambda m, data: m.write_text("[]"), "does not read"),
    "a contract that is none": (
        lambda m, data: next(m.parent.glob("*.contract.json")).write_text("{}"),
        "does not read",
    ),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_what_is_not_as_it_was_pushed_is_told_and_leaves_nothing(
    case: str, remote: Path, elsewhere: Path, tmp_path: Path
) -> None:
    harm, problem = HOSTILE[case]
    [data] = [path for path in (remote / "m" / "aaa").iterdir() if len(path.name) == 64]
    harm(remote / "m" / "aaa" / MANIFEST_FILE, data)
    before = sorted(path for path in tmp_path.rglob("*") if "elsewhere" not in path.parts)
    with pytest.raises((lw.LearnwireError, StoreFailed), match=problem):
        lw.pull_model("m:aaa", str(remote))
    left = [name for name in left_behind(elsewhere) if name != data.name or "contract" not in case]
    assert left == []
    after = sorted(path for path in tmp_path.rglob("*") if "elsewhere" not in path.parts)
    assert [path for path in after if path not in before and "cache" not in path.parts] == []
    lw.pull_model("n", str(remote))


def test_what_is_no_models_is_passed_over(remote: Path, elsewhere: Path) -> None:
    for name in ("UPPER", "..x", "m/Version", "m/.hidden", "m/eee", "liveness"):
        (remote / name).mkdir()
    (remote / "README.md").write_text("hello")
    (remote / "m" / "aaa" / "more").write_text("hello")
    assert tags(list_remote(str(remote))) == ["m:aaa", "n:bbb"]
    pulled = lw.pull_model("m", str(remote))
    assert sorted(path.name for path in pulled.directory.iterdir()) == [DATA_FILE, MANIFEST_FILE]


def test_nothing_is_written_through_a_link(remote: Path, own_home: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (remote / "k").symlink_to(tmp_path / "outside")
    save(ModelStore(), "k:aaa")
    with pytest.raises(lw.CorruptModel, match="is a symlink"):
        lw.push_model("k", str(remote))
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_contract_that_contradicts_the_one_here_is_refused(remote: Path, elsewhere: Path) -> None:
    [lock] = (remote / "m" / "aaa").glob("*.contract.json")
    said = json.loads(lock.read_text())
    classes = said["majors"][0]["heads"][0]["classes"]
    classes[0]["number"], classes[1]["number"] = classes[1]["number"], classes[0]["number"]
    lock.write_text(json.dumps(said))
    save(ModelStore(), "m:zzz")
    lw.push_model("m:zzz", str(remote))
    with pytest.raises(lw.ContractClash, match='class "no" is NO = 1 here and NO = 2 there'):
        lw.pull_model("m:aaa", str(remote))
    assert [one.tag for one in lw.list_models("m")] == ["m:zzz"]


def test_a_disk_that_is_full_is_told_and_leaves_nothing(
    remote: Path, elsewhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(small)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        store = ModelStore(tmp_path / "large")
        with store.saving(Tag("big", "aaa")) as directory:
            fill(directory, Tag("big", "aaa"), data=bytes(2**21))
        Remote(str(remote), Blobs(0)).push(Parcel.of(store.find(Tag("big"))))
        with monkeypatch.context() as patch:
            patch.setenv("LEARNWIRE_CACHE", str(small / "cache"))
            with pytest.raises(StoreFailed, match=r"is full .*no room.*LEARNWIRE_CACHE"):
                lw.pull_model("big", str(remote))
            assert left_behind(elsewhere) == []
        monkeypatch.setenv("LEARNWIRE_HOME", str(small / "home"))
        with pytest.raises(StoreFailed, match=r"the disk of the store .* is full"):
            lw.pull_model("big", str(remote))
        assert ModelStore().names() == []
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


def test_the_cache_keeps_what_was_asked_for_last_within_its_bound(
    remote: Path, elsewhere: Path
) -> None:
    def cached() -> set[str]:
        return {path.name for path in cache_of_remotes().glob("files/*")}

    digests = {name: hashlib.sha256(name.encode()).hexdigest() for name in ("m:aaa", "n:bbb")}
    lw.pull_model("m", str(remote), cache_bytes=5)
    assert cached() == {digests["m:aaa"]}
    lw.pull_model("n", str(remote), cache_bytes=5)
    assert cached() == {digests["n:bbb"]}
    lw.delete_model("n")
    lw.pull_model("n", str(remote), cache_bytes=0)
    assert cached() == set()


def test_a_file_in_the_cache_that_was_changed_is_fetched_again(
    remote: Path, elsewhere: Path
) -> None:
    lw.pull_model("m", str(remote))
    [cached] = cache_of_remotes().glob("files/*")
    flip(cached)
    lw.delete_model("m")
    pulled = lw.pull_model("m", str(remote))
    pulled.manifest.check_files(pulled.directory)


class Quiet(SimpleHTTPRequestHandler):
    """A web server of a folder, which asks for a password if it has one."""

    authorization = ""

    def do_GET(self) -> None:
        if self.authorization and self.headers.get("Authorization") != self.authorization:
            self.send_error(401)
        else:
            super().do_GET()

    do_HEAD = do_GET  # noqa: N815 - as http.server calls it

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def web_server(folder: Path, authorization: str = "") -> Iterator[int]:
    handler = type("Handler", (Quiet,), {"authorization": authorization})
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder))) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def test_a_web_server_gives_what_was_pushed_to_its_folder(remote: Path, elsewhere: Path) -> None:
    with web_server(remote.parent) as port:
        where = f"http://127.0.0.1:{port}/remote"
        assert tags(list_remote(where)) == ["m:aaa", "n:bbb"]
        assert lw.pull_model("m", where).tag == "m:aaa"
        save(ModelStore(), "m:zzz")
        with pytest.raises(lw.RemoteFailed, match=f"{where} fails: "):
            lw.push_model("m:zzz", where)
        (remote / "index.json").write_text("<html>")
        with pytest.raises(lw.RemoteFailed, match=r"index.json of .* does not read"):
            list_remote(where)


def test_a_password_is_taken_and_never_told(remote: Path, elsewhere: Path) -> None:
    # user:s%20ecret
    with web_server(remote, "Basic dXNlcjpzIGVjcmV0") as port:
        assert lw.pull_model("m", f"http://user:s%20ecret@127.0.0.1:{port}").tag == "m:aaa"
        for where in (f"http://user:wr%20ong@127.0.0.1:{port}", f"http://wrong@127.0.0.1:{port}"):
            done = learnwire_here("models", "pull", "m", "--remote", where)
            assert done.exit_code == 1
            assert "does not allow it" in done.stderr
            assert "ong" not in done.stderr.replace("wrong", "") + done.output


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("sftp://ann:secret@host:22/models", "sftp://ann:***@host:22/models"),
        ("sftp://ann@host/models", "sftp://ann@host/models"),
        ("https://secret@host/models", "https://***@host/models"),
        ("s3://bucket/models", "s3://bucket/models"),
        ("abfs://box@account/models", "abfs://box@account/models"),
    ],
)
def test_an_address_is_told_without_what_opens_it(address: str, shown: str) -> None:
    assert str(Address(address)) == repr(Address(address)) == shown
    assert "secret" not in Address(address).hidden(f"GET {address} failed")


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("", "got none"),
        ("simplecache::s3://bucket", "got several"),
        ("https://host/models?token=secret", r"has no \? and no #: https://host/models;"),
        ("s3://", "is no address of a store"),
        ("http://host:notaport/x", "is no address of a store"),
        ("nothing://host/models", "cannot be opened"),
    ],
)
def test_what_is_no_address_is_told(address: str, problem: str) -> None:
    with pytest.raises(lw.RemoteFailed, match=problem) as told:
        list_remote(address)
    assert "secret" not in str(told.value)


def test_a_package_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, address, package in (
        ("s3fs", "s3://bucket/models", "'learnwire\\[remote\\]'"),
        ("gcsfs", "gs://bucket/models", "gcsfs"),
        ("adlfs", "abfs://box@account/models", "adlfs"),
    ):
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(ToolMissing, match=f"{address} needs .*: pip install {package}$"):
            list_remote(address)
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(ToolMissing, match=r"pip install 'learnwire\[remote\]'"):
        list_remote("s3://bucket/models")


def test_who_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "PATIENCE_SECONDS", 0.3)
    with create_server(("127.0.0.1", 0)) as silent:
        where = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(lw.RemoteFailed, match=f"{where} does not answer within 0.3 s"):
            lw.pull_model("m", where)


def test_who_is_not_there_is_told() -> None:
    with create_server(("127.0.0.1", 0)) as gone:
        where = f"http://127.0.0.1:{gone.getsockname()[1]}"
    with pytest.raises(lw.RemoteFailed, match=f"{where} fails: "):
        list_remote(where)


def test_a_push_that_fails_in_the_middle_leaves_no_manifest(own_home: Path, tmp_path: Path) -> None:
    save(ModelStore(), "m:aaa")
    flip(ModelStore().find(Tag("m")).directory / DATA_FILE)
    with pytest.raises(lw.CorruptModel, match=r"the file data.bin of m:aaa is not the one"):
        lw.push_model("m", f"memory:/{tmp_path}")
    found = fsspec.filesystem("memory").find(str(tmp_path))
    assert found == []


def test_versions_that_are_called_alike_are_not_in_the_way(remote: Path, elsewhere: Path) -> None:
    for version in ("aaa1", "aaa2"):
        save(ModelStore(), f"m:{version}")
    assert lw.pull_model("m:aaa", str(remote)).tag == "m:aaa"
    assert lw.pull_model("m:aaa", str(remote)).tag == "m:aaa"
