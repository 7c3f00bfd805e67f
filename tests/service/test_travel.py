"""Versions that come from elsewhere meet what is here: names, contracts, signatures, disks."""

from collections.abc import Callable
from pathlib import Path

import learnwire_service as lw
import pytest
from learnwire_service.common.errors import BadFile, StoreFailed
from learnwire_service.contracts.joining import joined
from learnwire_service.contracts.keeping import lock_of
from learnwire_service.contracts.lock import Lock
from learnwire_service.models.travel import incoming
from learnwire_service.signature.specs import (
    CellType,
    Column,
    Signature,
    SingleLabelOutput,
    TabularInput,
)
from learnwire_service.store.archive import open_archive
from learnwire_service.store.manifest import MANIFEST_FILE, SIGNATURE_FILE, File
from learnwire_service.store.store import ModelStore
from learnwire_service.store.tag import Tag

from tests.end_to_end.test_cli import learnwire_here

from .hand_made import DATA_FILE, save

LABELS = SingleLabelOutput(classes=("no", "yes"))


def taking(*columns: str, classes: tuple[str, ...] = ("no", "yes")) -> Signature:
    """A row of optional numbers, answered with a label."""
    spec = TabularInput(
        columns=tuple(Column(name=one, type=CellType.FLOAT, nullable=True) for one in columns)
    )
    return Signature(input=spec, output=SingleLabelOutput(classes=classes))


Pack = Callable[..., Path]


@pytest.fixture
def pack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pack:
    """Make versions in a store elsewhere, and an archive of the last one; `here` is the store."""

    def made(*versions: tuple[str, Signature], store: str = "there") -> Path:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("LEARNWIRE_HOME", str(tmp_path / store))
            for i, (tag, signature) in enumerate(versions):
                save(ModelStore(), tag, 100 - i, signature)
            file = tmp_path / f"{store}.tar"
            lw.export_model(versions[-1][0], file)
        return file

    monkeypatch.setenv("LEARNWIRE_HOME", str(tmp_path / "here"))
    return made


def numbers(lock: Lock) -> dict[str, int]:
    row = lock.majors[-1].input
    assert row.kind == "row"
    return {one.original: one.number for one in row.columns}


def test_the_numbers_of_another_store_come_along(pack: Pack) -> None:
    lw.import_model(pack(("m:a", taking("x", "y")), ("m:b", taking("y", "z", "x"))))
    # Those of `a` as well, which stayed there.
    assert numbers(lock_of(ModelStore(), "m")) == {"x": 1, "y": 2, "z": 3}
    save(ModelStore(), "m:c", 0, taking("w", "x"))
    assert numbers(lock_of(ModelStore(), "m")) == {"x": 1, "y": 2, "z": 3, "w": 4}


def test_what_two_stores_added_without_contradiction_is_put_together(pack: Pack) -> None:
    one = pack(("m:a", taking("x")), ("m:b", taking("x", "y")))
    more = pack(("m:a", taking("x")), ("m:b", taking("x", "y")), ("m:c", taking("z")), store="more")
    lw.import_model(more)
    lw.import_model(one)
    lock = lock_of(ModelStore(), "m")
    assert numbers(lock) == {"x": 1, "y": 2, "z": 3}
    assert lock.majors[-1].names == ("a", "b", "c")
    assert [model.manifest.version for model in lw.list_models("m")] == ["c", "b"]


def test_a_contract_that_contradicts_is_refused_and_the_numbers_are_told(
    pack: Pack, own_lock: Callable[[], bytes]
) -> None:
    save(ModelStore(), "m:a", 3, taking("x", "height", classes=("no", "yes", "well")))
    before = own_lock()
    file = pack(("m:b", taking("x", "weight", "height", classes=("no", "well"))))
    done = learnwire_here("models", "import", file)
    assert done.exit_code == 1
    assert '"height" is float height = 2 here, and "weight" is float weight = 2' in done.stderr
    assert 'column "height" is float height = 2 here and float height = 3 there' in done.stderr
    assert 'class "well" is WELL = 3 here and WELL = 2 there' in done.stderr
    assert own_lock() == before
    assert [model.tag for model in lw.list_models()] == ["m:a"]


@pytest.fixture
def own_lock() -> Callable[[], bytes]:
    """Read the contract of `m` as the store here keeps it."""

    def read() -> bytes:
        lock_of(ModelStore(), "m")
        return (ModelStore().home / "models" / "m" / "contract.json").read_bytes()

    return read


def test_a_package_that_another_model_has_is_refused(pack: Pack) -> None:
    save(ModelStore(), "a-b:v")
    lock_of(ModelStore(), "a-b")
    with pytest.raises(lw.ContractClash, match=r"the package a_b, which here is that of .* a-b"):
        lw.import_model(pack(("a.b:v", taking("x"))))


def test_versions_of_two_majors_contradict() -> None:
    def lock(*majors: tuple[str, ...]) -> Lock:
        data = [
            {
                "number": i,
                "versions": [{"version": one, "created": "1"} for one in versions],
                "several": False,
                "heads": [{"kind": "regression"}],
                "input": {"kind": "text"},
            }
            for i, versions in enumerate(majors, 1)
        ]
        return Lock.model_validate({"model": "m", "package": "m", "majors": data})

    first, second = lock(("a",)), lock((), ("a",))
    with pytest.raises(lw.ContractClash, match="version a speaks v1 here and v2 there"):
        joined(first, second)
    assert joined(second, second) == second


def test_a_tag_that_is_taken_is_told_apart_from_the_same_version(pack: Pack) -> None:
    file = pack(("m:a", taking("x")))
    lw.import_model(file)
    with pytest.raises(lw.VersionExists, match="m:a is there already, and is the same"):
        lw.import_model(file)
    other = pack(("m:a", taking("y")), store="other")
    with pytest.raises(
        lw.VersionExists, match=r"another m:a is there already; .*models delete m:a"
    ):
        lw.import_model(other)


def test_an_archive_is_never_put_in_the_place_of_a_file(pack: Pack, tmp_path: Path) -> None:
    save(ModelStore(), "m:a")
    file = tmp_path / "learner.pkl"
    file.write_text("dear")
    with pytest.raises(BadFile, match="is there already"):
        lw.export_model("m:a", file)
    assert file.read_text() == "dear"
    with pytest.raises(BadFile, match="cannot be written"):
        lw.export_model("m:a", tmp_path / "none" / "m.tar")


def test_an_altered_version_is_not_exported(pack: Pack, tmp_path: Path) -> None:
    tag = save(ModelStore(), "m:a")
    (ModelStore().find(tag).directory / DATA_FILE).write_text("m:b")
    with pytest.raises(lw.CorruptModel, match=r"data\.bin of m:a is not the one that was saved"):
        lw.export_model("m:a", tmp_path / "m.tar")
    assert list(tmp_path.glob("*m.tar*")) == []


def test_what_does_not_seal_travels_whole_only(pack: Pack, tmp_path: Path) -> None:
    save(ModelStore(), "m:a")
    done = learnwire_here("models", "export", "m:a", tmp_path / "m.tar", "--sealed")
    assert (done.exit_code, list(tmp_path.glob("*.tar"))) == (1, [])
    assert "m:a is not sealed, so without its Learner nothing would answer" in done.stderr


def test_a_signature_travels_with_a_whole_version_and_not_with_a_sealed_copy(
    saved_shop: lw.Model,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (saved_shop.directory / SIGNATURE_FILE).write_text("signed")
    lw.export_model("shop", tmp_path / "whole.tar")
    assert "signature" not in caplog.text
    copy = lw.export_model("shop", tmp_path / "copy.tar", sealed=True)
    assert f"the signature of {saved_shop.tag} does not cover {copy}" in caplog.text
    monkeypatch.setenv("LEARNWIRE_HOME", str(tmp_path / "other"))
    for file, is_signed in (("whole.tar", True), ("copy.tar", False)):
        model = lw.import_model(tmp_path / file)
        assert (model.directory / SIGNATURE_FILE).exists() == is_signed


@pytest.fixture
def two_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of a version with two files of 300 kB."""
    folder = tmp_path_factory.mktemp("large")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEARNWIRE_HOME", str(folder / "home"))
        found = ModelStore().find(save(ModelStore(), "m:large"))
        for name in ("a.bin", "b.bin"):
            (found.directory / name).write_bytes(bytes(300_000))
        files = {path.name: File.of(path) for path in found.directory.iterdir()}
        files.pop(MANIFEST_FILE)
        found.manifest.model_copy(update={"files": files}).write(found.directory)
        lw.export_model("m:large", folder / "large.tar")
    return folder / "large.tar"


def test_a_disk_that_fills_up_while_a_version_comes_in_loses_nothing(
    small_disk: Path, own_home: Path, two_files: Path
) -> None:
    save(ModelStore(), "m:a", 1)
    kept = ModelStore().find(Tag("m", "a"))
    rest = small_disk / "rest"

    def fill(_: int) -> None:
        with rest.open("ab", buffering=0) as file:
            while file.write(bytes(4096)) == 4096:
                pass

    def till_full(count: int) -> None:
        with pytest.raises(OSError, match="No space left"):
            fill(count)

    with open_archive(two_files) as parcel, pytest.raises(StoreFailed, match="is full"):
        incoming(parcel, till_full)
    with rest.open("r+b") as file:
        file.truncate(rest.stat().st_size - 200_000)
    # Not even begun, where it is known before.
    with pytest.raises(StoreFailed, match="bytes have no room: the disk of the store"):
        lw.import_model(two_files)
    assert [model.tag for model in lw.list_models()] == ["m:a"]
    assert ModelStore().find(Tag("m", "a")) == kept
    kept.manifest.check_files(kept.directory)
    assert list((own_home / "staging").iterdir()) == []
    rest.unlink()
    assert lw.import_model(two_files).tag == "m:large"
