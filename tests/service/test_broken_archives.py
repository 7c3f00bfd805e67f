"""Archives that nobody wrote so: each is refused with a sentence, and leaves nothing behind."""

import gzip
import io
import json
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import learnwire_service as lw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from learnwire_service.contracts.keeping import LOCK_FILE
from learnwire_service.store import archive
from learnwire_service.store.archive import INDEX_FILE
from learnwire_service.store.manifest import MANIFEST_FILE, File
from learnwire_service.store.store import ModelStore
from learnwire_service.store.tag import Tag
from learnwire_service.store.tar import header_of

from tests.end_to_end.test_cli import learnwire_here

from .hand_made import DATA_FILE, save

TAG = "m:v"
FOLDER = "m/v/"
BLOCK = tarfile.BLOCKSIZE

Entries = dict[str, bytes]


@pytest.fixture
def written(own_home: Path, tmp_path: Path) -> bytes:
    """The bytes of an archive of a version made by hand, which its store has no more."""
    store = ModelStore()
    save(store, TAG)
    lw.export_model(TAG, tmp_path / "good.tar")
    store.delete(Tag("m"))
    (store.home / "models" / "m" / LOCK_FILE).unlink()
    (store.home / "models" / "m").rmdir()
    return (tmp_path / "good.tar").read_bytes()


def entries(data: bytes) -> Entries:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {one.name: tar.extractfile(one).read() for one in tar}  # type: ignore[union-attr]


def made(of: Entries) -> bytes:
    """Write entries as an archive does, whatever they are."""
    file = io.BytesIO()
    for name, data in of.items():
        archive._write(file, name, data)
    return file.getvalue() + bytes(2 * BLOCK)


def with_index(of: Entries) -> Entries:
    """Bring the index in line with what it describes."""
    index = json.loads(of[INDEX_FILE])
    for key, name in (("manifest", FOLDER + MANIFEST_FILE), ("contract", f"m/{LOCK_FILE}")):
        described = archive._described(of[name])
        index[key] = described.model_dump()
    return of | {INDEX_FILE: as_index(index)}


def as_index(index: Any) -> bytes:
    return json.dumps(index, indent=2).encode() + b"\n"


def told(change: Callable[[Any], None], name: str = FOLDER + MANIFEST_FILE) -> Any:
    """Change what a JSON file of the archive says, and have the index agree."""

    def broken(data: bytes) -> bytes:
        of = entries(data)
        said = json.loads(of[name])
        change(said)
        if name == INDEX_FILE:
            return made(of | {INDEX_FILE: as_index(said)})
        return made(with_index(of | {name: json.dumps(said).encode()}))

    return broken


def index_as(change: Callable[[bytes], bytes]) -> Any:
    """Write the index otherwise."""

    def broken(data: bytes) -> bytes:
        of = entries(data)
        return made(of | {INDEX_FILE: change(of[INDEX_FILE])})

    return broken


def renamed(version: str) -> Any:
    """Give the version another name, everywhere."""

    def broken(data: bytes) -> bytes:
        of = entries(data)
        manifest = json.loads(of[FOLDER + MANIFEST_FILE]) | {"version": version}
        written = json.dumps(manifest).encode()
        described = archive._described(written).model_dump()
        index = json.loads(of[INDEX_FILE])
        index |= {"tag": f"m:{version}", "manifest": described, "contract": None}
        return made(
            {
                INDEX_FILE: as_index(index),
                f"m/{version}/{MANIFEST_FILE}": written,
                f"m/{version}/{DATA_FILE}": of[DATA],
            }
        )

    return broken


def swapped(data: bytes) -> bytes:
    """Put the bytes of one file where those of another are due, as many."""
    of = entries(data)
    manifest = json.loads(of[FOLDER + MANIFEST_FILE])
    of[FOLDER + "more.bin"], other = of[DATA], b"v:m"
    manifest["files"]["more.bin"] = archive._described(other).model_dump()
    of[FOLDER + MANIFEST_FILE] = json.dumps(manifest).encode()
    return made(with_index(of) | {DATA: other})


def pax(kind: bytes, **said: str) -> bytes:
    """Give an entry of pax, which changes what is said of the next, or of all."""
    header: bytes = tarfile.TarInfo._create_pax_generic_header(said, kind, "utf-8")  # type: ignore[attr-defined]
    return header


def ahead_of(name: str, entry: bytes) -> Any:
    """Put one more entry in front of a file."""

    def broken(data: bytes) -> bytes:
        start = data.index(header_of(name, len(entries(data)[name])))
        return data[:start] + entry + data[start:]

    return broken


def with_size(field: bytes) -> Any:
    """Have a file's header say its size otherwise, and sum up rightly."""

    def broken(data: bytes) -> bytes:
        start = data.index(DATA.encode())
        header = bytearray(data[start : start + BLOCK])
        header[124:136], header[148:156] = field, b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
        return data[:start] + header + data[start + BLOCK :]

    return broken


def file_named(name: str) -> Any:
    """Have the manifest name a file otherwise, and put it there."""

    def broken(data: bytes) -> bytes:
        of = entries(data)
        manifest = json.loads(of[FOLDER + MANIFEST_FILE])
        manifest["files"] = {name: manifest["files"][DATA_FILE]}
        of[FOLDER + MANIFEST_FILE] = json.dumps(manifest).encode()
        content = of.pop(FOLDER + DATA_FILE)
        return made(with_index(of))[: -2 * BLOCK] + raw(FOLDER + name, content) + bytes(2 * BLOCK)

    return broken


def raw(name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname, info.mode = len(content), kind, link, 0o644
    header = info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
    return header + content + bytes(-len(content) % BLOCK)


def in_place_of(name: str, entry: bytes) -> Any:
    """Put another entry where a file is due."""

    def broken(data: bytes) -> bytes:
        of = entries(data)
        at = list(of).index(name)
        before = made(dict(list(of.items())[:at]))[: -2 * BLOCK]
        return before + entry + made(dict(list(of.items())[at + 1 :]))

    return broken


def at_the_end(entry: bytes) -> Any:
    return lambda data: data[: -2 * BLOCK] + entry + bytes(2 * BLOCK)


def flipped(name: str) -> Any:
    """Flip a bit in the middle of a file."""

    def broken(data: bytes) -> bytes:
        start = data.rindex(entries(data)[name]) + len(entries(data)[name]) // 2
        return data[:start] + bytes([data[start] ^ 1]) + data[start + 1 :]

    return broken


def zipped(data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in entries(data).items():
            archive.writestr(name, content)
    return file.getvalue()


def repacked(data: bytes) -> bytes:
    """Pack the same files as tar itself would."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name, content in entries(data).items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.uname = len(content), 1_700_000_000, "me"
            tar.addfile(info, io.BytesIO(content))
    return file.getvalue()


def sized(size: object) -> Any:
    return told(lambda manifest: manifest["files"][DATA_FILE].update(size=size))


DATA = FOLDER + DATA_FILE
LINK = tarfile.SYMTYPE
BROKEN: dict[str, tuple[Any, str]] = {
    "empty": (lambda data: b"", "no archive that learnwire models export wrote"),
    "no archive": (lambda data: b"PK" * 4000, "no archive that learnwire models export wrote"),
    "zip": (zipped, "no archive that learnwire models export wrote"),
    "compressed": (gzip.compress, "no archive that learnwire models export wrote"),
    "packed by another": (repacked, "no archive that learnwire models export wrote"),
    "no files": (lambda data: bytes(20 * BLOCK), "no archive that learnwire models export wrote"),
    "ends in its index": (lambda data: data[: BLOCK + 9], f"ends too early, at {INDEX_FILE}"),
    "ends in a header": (lambda data: data[: data.index(DATA.encode()) + 100], "ends too early"),
    "ends in a file": (lambda data: data[: -2 * BLOCK - 505], "ends too early"),
    "without its end": (lambda data: data[:-BLOCK], "ends too early, after its last file"),
    "bytes after its end": (lambda data: data + b"\0", "bytes after its end"),
    "another archive after its end": (lambda data: data * 2, "bytes after its end"),
    "one file more": (at_the_end(raw(FOLDER + "x", b"x")), "the file 'm/v/x' of 1 bytes after"),
    "a file twice": (at_the_end(raw(DATA, b"x")), f"the file '{DATA}' of 1 bytes after its last"),
    "out of the folder": (
        in_place_of(DATA, raw("m/v/../../../evil", b"m:v")),
        r"the file 'm/v/../../../evil' of 3 bytes where m/v/data.bin of 3 bytes is due",
    ),
    "an absolute path": (in_place_of(DATA, raw("/etc/evil", b"m:v")), "the file '/etc/evil'"),
    "a symlink": (in_place_of(DATA, raw(DATA, b"", LINK, "/etc/passwd")), "has a symlink"),
    "a hard link": (in_place_of(DATA, raw(DATA, b"", tarfile.LNKTYPE, "x")), "has a hard link"),
    "a device": (in_place_of(DATA, raw(DATA, b"", tarfile.CHRTYPE)), "has a device"),
    "a pipe": (in_place_of(DATA, raw(DATA, b"", tarfile.FIFOTYPE)), "has a pipe"),
    "a folder": (in_place_of(DATA, raw(FOLDER, b"", tarfile.DIRTYPE)), "has a folder"),
    "a sparse file": (in_place_of(DATA, raw(DATA, b"", b"S")), "an entry of another kind"),
    "a path in a header of pax": (ahead_of(DATA, pax(b"x", path="../evil")), "'././@PaxHeader'"),
    "a size in a header of pax": (ahead_of(DATA, pax(b"x", size="9" * 15)), "'././@PaxHeader'"),
    "a path for all in a header of pax": (
        lambda data: pax(b"g", path="evil") + data,
        "no archive that learnwire models export wrote",
    ),
    "a sparse file of pax": (
        ahead_of(DATA, pax(b"x", **{"GNU.sparse.major": "1", "GNU.sparse.realsize": "9" * 18})),
        "'././@PaxHeader'",
    ),
    "a long name of GNU's": (ahead_of(DATA, raw("././@LongLink", b"../x\0", b"L")), "LongLink"),
    "a volume's label": (ahead_of(DATA, raw("label", b"", b"V")), "another kind 'label'"),
    "a symlink for the folder": (
        ahead_of(DATA, raw("m/v", b"", LINK, "/tmp")),
        "has a symlink 'm/v' of 0 bytes where m/v/data.bin of 3 bytes is due",
    ),
    "a size beyond octal": (
        with_size(b"\x80" + (2**62).to_bytes(11, "big")),
        "of 4611686018427387904 bytes where m/v/data.bin of 3 bytes is due",
    ),
    "a size below zero": (with_size(b"\xff" * 12), "of -1 bytes where"),
    "a sum that is wrong": (with_size(b"0000000000x\0"), "nothing that can be read where"),
    "a name that goes on behind its end": (
        in_place_of(DATA, raw(DATA + "\0evil", b"m:v")),
        "where m/v/data.bin of 3 bytes is due",
    ),
    "a name of two lines": (in_place_of(DATA, raw("m/v/da\nta.bin", b"m:v")), r"da\\nta\.bin"),
    "an archive in an archive": (
        lambda data: made({"good.tar": data}),
        "no archive that learnwire models export wrote",
    ),
    "two indexes": (lambda data: data[: 2 * BLOCK] + data, f"the file '{INDEX_FILE}' of"),
    "50 MB of zeros, compressed": (
        lambda data: gzip.compress(bytes(50 * 2**20)),
        "no archive that learnwire models export wrote",
    ),
    "the digest of another file": (swapped, "the file data.bin of m:v is not the one"),
    "a key twice": (
        index_as(lambda index: index.replace(b"{", b'{"tag": "n:v",', 1)),
        f"its {INDEX_FILE} is not as it is written",
    ),
    "an index with room": (index_as(lambda index: index + b" "), "is not as it is written"),
    "an index and more": (index_as(lambda index: index + b"{}"), "does not read .no JSON"),
    "an index without bottom": (index_as(lambda index: b"[" * 60_000), "does not read .no JSON"),
    "a terminal's commands": (in_place_of(DATA, raw("\x1b[2Jm", b"m:v")), r"'\\x1b\[2Jm'"),
    "bytes between files": (
        lambda data: data.replace(b"m:v" + bytes(20), b"m:v" + b"\1" * 20),
        "bytes between its files",
    ),
    "a flipped bit in a file": (flipped(DATA), "data.bin of m:v is not the one that was saved"),
    "a flipped bit in the manifest": (
        flipped(FOLDER + MANIFEST_FILE),
        "its m/v/manifest.json is not the one that was written",
    ),
    "a flipped bit in the contract": (flipped(f"m/{LOCK_FILE}"), "its m/contract.json is not"),
    "larger than it is": (sized(2**40), "where m/v/data.bin of 1099511627776 bytes is due"),
    "larger than any disk": (sized(10**30), "no size or no digest of data.bin"),
    "smaller than nothing": (sized(-512), "no size or no digest of data.bin"),
    "a size that is none": (sized("many"), r"manifest.json does not read: .*size"),
    "no digest": (
        told(lambda manifest: manifest["files"][DATA_FILE].update(sha256="x" * 64)),
        "no size or no digest of data.bin",
    ),
    "a path for a name": (file_named("../evil"), r"'../evil' is no name of a file in a version"),
    "a hidden name": (file_named(".bashrc"), r"'\.bashrc' is no name of a file"),
    "an odd name": (file_named("da\u202eta.bin"), r"'da\\u202eta\.bin' is no name of a file"),
    "a letter of another script": (file_named("d\u0430ta.bin"), r"'d\\u0430ta\.bin' is no name"),
    "a stream of Windows": (file_named("data.bin:x"), "'data.bin:x' is no name of a file"),
    "the manifest in capitals": (file_named("Manifest.json"), "are one where case does not count"),
    "the signature in capitals": (file_named("Model.SIG"), "are one where case does not count"),
    "two that case alone tells apart": (
        told(lambda m: m["files"].update({"Data.bin": m["files"][DATA_FILE]})),
        "the files data.bin and Data.bin are one where case does not count",
    ),
    "a thousand files": (
        told(lambda m: m["files"].update({f"f{i}": m["files"][DATA_FILE] for i in range(1001)})),
        "1000 at most",
    ),
    "the manifest among its files": (
        told(lambda m: m["files"].update({MANIFEST_FILE: m["files"][DATA_FILE]})),
        "no name of a file in a version",
    ),
    "another's manifest": (told(lambda m: m.update(version="w")), "its manifest m:w"),
    "the manifest of latest": (
        told(lambda m: m.update(version="latest")),
        '"latest" means the newest version',
    ),
    "the name of the contract": (renamed(LOCK_FILE), f'"m:{LOCK_FILE}" ends in .json, as files of'),
    "a time of no zone": (told(lambda m: m.update(created="2026-01-01T00:00:00")), "a time of UTC"),
    "a time before all": (
        told(lambda m: m.update(created="0001-01-01T00:00:00+14:00")),
        "does not read: .*created: .*a time of UTC",
    ),
    "a manifest of another format": (told(lambda m: m.update(format=2)), "does not read: .*format"),
    "no kind of manifest": (told(lambda m: m.update(kind="pickle")), "does not read"),
    "no tag": (told(lambda i: i.update(tag="../../m:v"), INDEX_FILE), "does not read .tag"),
    "a tag that is a terminal's command": (
        told(lambda i: i.update(tag="m:\x1b[2J"), INDEX_FILE),
        "expected name:version",
    ),
    "a key that is a terminal's command": (
        told(lambda m: m["files"].update({"\x1b[2J": 1})),
        "does not read",
    ),
    "a bare name": (told(lambda i: i.update(tag="m"), INDEX_FILE), "expected name:version"),
    "another format": (told(lambda i: i.update(format=2), INDEX_FILE), "where a newer release"),
    "a huge manifest": (
        told(lambda i: i["manifest"].update(size=10**12), INDEX_FILE),
        "manifest.json would have 1000000000000 bytes",
    ),
    "the contract of another": (
        told(lambda lock: lock.update(model="n"), f"m/{LOCK_FILE}"),
        "contract.json of the model m is that of n",
    ),
    "a contract that writes code": (
        told(lambda lock: lock.update(package='m"; option x = "'), f"m/{LOCK_FILE}"),
        "contract.json of the model m does not read",
    ),
    "a contract of Google's": (
        told(lambda lock: lock.update(package="google"), f"m/{LOCK_FILE}"),
        "names no package of a contract",
    ),
    "a contract that does not fit": (
        told(lambda lock: lock["majors"][0].update(heads=[]), f"m/{LOCK_FILE}"),
        "does not fit it",
    ),
}


def there(home: Path) -> list[str]:
    """List what a store has of versions, contracts and what was begun."""
    return sorted(
        str(path.relative_to(home))
        for folder in ("models", "staging", "own")
        for path in (home / folder).rglob("*")
        if path.is_file()
    )


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_archive_is_told_in_a_sentence_and_leaves_nothing(
    case: str, written: bytes, own_home: Path, tmp_path: Path
) -> None:
    breaks, sentence = BROKEN[case]
    path = tmp_path / "broken.tar"
    path.write_bytes(breaks(written))
    before = sorted(tmp_path.iterdir())
    with pytest.raises(lw.CorruptModel, match=sentence) as caught:
        lw.import_model(path)
    assert len(str(caught.value).splitlines()) == 1
    assert str(caught.value).isprintable()
    assert there(own_home) == []
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("none.tar", "cannot be read"), ("folder", "is no file"), ("pipe", "is no file")],
)
def test_what_is_no_file_is_told(name: str, sentence: str, tmp_path: Path, own_home: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    done = learnwire_here("models", "import", tmp_path / name)
    assert (done.exit_code, sentence in done.stderr) == (1, True)
    assert there(own_home) == []


@settings(max_examples=25)
@given(data=st.data())
def test_an_archive_that_lost_gained_or_changed_a_byte_is_refused(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("any")
        patch.setenv("LEARNWIRE_HOME", str(folder / "home"))
        save(ModelStore(), TAG)
        lw.export_model(TAG, folder / "good.tar")
        patch.setenv("LEARNWIRE_HOME", str(folder / "other"))
        good = (folder / "good.tar").read_bytes()
        at = data.draw(st.integers(0, len(good) - 2))
        byte = data.draw(st.integers(1, 255))
        changed = {
            "changed": good[:at] + bytes([good[at] ^ byte]) + good[at + 1 :],
            "lost": good[:at] + good[at + 1 :],
            "gained": good[:at] + bytes([byte]) + good[at:],
            "ends": good[:at],
        }
        path = folder / "broken.tar"
        path.write_bytes(changed[data.draw(st.sampled_from(sorted(changed)))])
        with pytest.raises(lw.CorruptModel):
            lw.import_model(path)
        assert there(folder / "other") == []


# Names as a version may have them, no two of which are one where case does not count.
NAMES = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,30}[A-Za-z0-9_-]", fullmatch=True).filter(
    lambda name: name not in (MANIFEST_FILE, "model.sig")
)
FILES = st.dictionaries(NAMES, st.binary(max_size=1500), max_size=5).filter(
    lambda files: len({name.lower() for name in files}) == len(files)
)
TAGS = st.from_regex(r"[a-z0-9]([-._a-z0-9]{0,61}[a-z0-9])?", fullmatch=True).filter(
    lambda name: name not in ("latest", "liveness")
)


@settings(max_examples=25)
@given(name=TAGS, version=TAGS, files=FILES, signature=st.none() | st.binary(max_size=600))
def test_any_version_arrives_as_it_left(
    name: str,
    version: str,
    files: dict[str, bytes],
    signature: bytes | None,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("any")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEARNWIRE_HOME", str(folder / "home"))
        tag = save(ModelStore(), f"{name}:{version}")
        found = ModelStore().find(tag)
        for file, content in files.items():
            (found.directory / file).write_bytes(content)
        described = {path.name: File.of(path) for path in found.directory.iterdir()}
        described.pop(MANIFEST_FILE)
        found.manifest.model_copy(update={"files": described}).write(found.directory)
        if signature is not None:
            (found.directory / "model.sig").write_bytes(signature)
        left = {path.name: path.read_bytes() for path in found.directory.iterdir()}
        lw.export_model(str(tag), folder / "a.tar")
        patch.setenv("LEARNWIRE_HOME", str(folder / "other"))
        model = lw.import_model(folder / "a.tar")
        assert model.tag == str(tag)
        assert {path.name: path.read_bytes() for path in model.directory.iterdir()} == left
        lw.export_model(str(tag), folder / "b.tar")
        assert (folder / "b.tar").read_bytes() == (folder / "a.tar").read_bytes()
        with tarfile.open(folder / "a.tar") as tar:
            assert f"{tag.name}/{tag.version}/{MANIFEST_FILE}" in tar.getnames()
