"""`learnwire save` and `models seal` of learners that do harm, and of some that do not."""

import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import learnwire_service as lw
import psutil
import pytest
from learnwire_service.learners.export import export
from learnwire_service.signature.training import TRAINING_FILE
from learnwire_service.store.manifest import File
from learnwire_service.trust.rights import lack

from . import lacking_kernel
from .poison import When, poisoned
from .small_learners import ROW, language_model, shop_learner
from .small_networks import array_learner
from .test_jail import DEEDS, IMPORTS, REFUSED, World, world

__all__ = ["world"]

LEARNWIRE = Path(sys.executable).with_name("learnwire")
WHENS = get_args(When)
# Each takes a fresh interpreter, and imports fastai in it.
pytestmark = [
    pytest.mark.skipif(lack() != "", reason=f"no jail here: {lack()}"),
    pytest.mark.exhaustive,
    pytest.mark.timeout(900),
]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a store that nothing is left in but whole versions, nor any process."""
    home = tmp_path / "home"
    monkeypatch.setenv("LEARNWIRE_HOME", str(home))
    yield home
    assert list(home.glob("staging/*")) == []
    assert [one for one in psutil.Process().children() if "confined" in str(one.cmdline())] == []


def learnwire(*arguments: object, **environment: str) -> "subprocess.CompletedProcess[str]":
    return command(LEARNWIRE, *arguments, **environment)


def command(*arguments: object, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, **environment},
        check=False,
    )


def assert_told(done: "subprocess.CompletedProcess[str]") -> None:
    """Assert that a command failed with a sentence."""
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1].startswith("learnwire: ")
    assert "Traceback" not in done.stderr


def with_names(code: str, names: dict[str, Any]) -> str:
    return IMPORTS + "".join(f"{name} = {value!r}\n" for name, value in names.items()) + code


@pytest.mark.parametrize("when", WHENS)
@pytest.mark.parametrize(
    "deed",
    [
        "writes a file",
        "connects by TCP",
        "sends by UDP",
        "connects to a socket's file",
        "starts a shell",
        "starts a program",
        "forks",
        "tells what a file holds",
        "tells the environment",
        "kills another",
    ],
)
def test_a_learner_that_does_harm_does_none_and_is_not_saved(
    deed: str, when: When, world: World, store: Path, tmp_path: Path
) -> None:
    before = world.state()
    code = with_names(DEEDS[deed], world.names)
    done = learnwire("save", "m", poisoned(shop_learner(), when, code, tmp_path / "e.pkl"))
    assert_told(done)
    assert "secret" not in done.stderr
    assert world.state() == before
    assert lw.list_models() == []


@pytest.mark.parametrize("when", WHENS)
def test_one_that_does_all_of_it_quietly_does_nothing_either(
    when: When, world: World, store: Path, tmp_path: Path
) -> None:
    before = world.state()
    deeds = [*DEEDS.values(), *REFUSED.values()]
    names = {**world.names, "hidden": str(store), "out": "/", "deeds": deeds}
    code = "for deed in deeds:\n    try: exec(deed)\n    except BaseException: pass\n"
    code = with_names(code, names)
    done = learnwire("save", "m", poisoned(shop_learner(), when, code, tmp_path / "e.pkl"))
    assert (done.returncode, world.state()) == (0, before)
    model = lw.get("m")
    assert model.manifest.is_sealed == (when == "load")
    # It is not this user's own: nothing of it runs here either.
    with pytest.raises(lw.UntrustedModel, match="its Learner, a pickle"):
        model.load()
    if not model.manifest.is_sealed:
        served = learnwire("serve", "m", "--port", 0)
        assert_told(served)
        assert "--allow-unpickling" in served.stderr
    assert world.state() == before


def seconds(told: str) -> int:
    """Give a learner time for what it is to be told for; what has no end may be ended soon."""
    return 10 if "was ended" in told else 60


@pytest.mark.parametrize("when", WHENS)
@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("open('/etc/passwd').read()", "Permission denied"),
        ("data = []\nwhile True: data.append(bytearray(2**24))", "MemoryError"),
        ("while True: pass", "took more than 10 s and was ended; --max-seconds allows more"),
        ("import time; time.sleep(10**6)", "took more than 10 s and was ended"),
        (
            "import threading\nwait = threading.Event().wait\n"
            "while True: threading.Thread(target=wait).start()",
            "can't start new thread",
        ),
        ("import os; os.kill(os.getppid(), 9)", "not permitted"),
        ("import os; os._exit(0)", "ended with exit code 0"),
        ("import ctypes; ctypes.string_at(0)", "ended by signal 11"),
    ],
)
def test_one_that_has_no_end_or_no_manners_is_told_in_a_sentence(
    code: str, told: str, when: When, store: Path, tmp_path: Path
) -> None:
    path = poisoned(shop_learner(), when, code, tmp_path / "e.pkl")
    done = learnwire("save", "m", path, "--max-seconds", seconds(told), "--max-memory", 1)
    assert_told(done)
    # What a learner raises when it is asked, fastai tells in words of its own.
    assert told in done.stderr or (when, "takes none of" in done.stderr) == ("predict", True)
    assert lw.list_models() == []


@pytest.mark.parametrize("when", WHENS)
@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("open('/etc/passwd').read()", "Permission denied"),
        ("import os; os.fork()", "not permitted"),
        ("while True: pass", "took more than 10 s and was ended"),
    ],
)
def test_a_version_that_came_from_elsewhere_is_sealed_without_harm(
    code: str, told: str, when: When, store: Path
) -> None:
    saved = lw.save_model("m", shop_learner(), examples=[ROW])
    poisoned(shop_learner(), when, code, saved.directory / "learner.pkl")
    made = json.loads((saved.directory / "manifest.json").read_text())
    made["files"]["learner.pkl"] = File.of(saved.directory / "learner.pkl").model_dump()
    (saved.directory / "manifest.json").write_text(json.dumps(made))

    done = learnwire("models", "seal", "m", "--max-seconds", seconds(told))
    assert_told(done)
    assert told in done.stderr or (when, "PermissionError" in done.stderr) == ("predict", True)
    assert [model.tag for model in lw.list_models()] == [saved.tag]


def test_what_reads_it_goes_when_the_command_is_killed(store: Path, tmp_path: Path) -> None:
    mark = "import time; time.sleep(10**6)"
    path = poisoned(shop_learner(), "load", mark, tmp_path / "e.pkl")
    saver = psutil.Popen([LEARNWIRE, "save", "m", str(path)])
    while not (children := saver.children()):
        time.sleep(0.01)
    saver.send_signal(signal.SIGKILL)
    saver.wait()
    assert psutil.wait_procs(children, timeout=60)[1] == []
    learnwire("models", "delete", "m", "--yes")
    lw.save_model("m", shop_learner(), examples=[ROW])  # which clears up


SAY = """
import os, stat
for fd in range(3, 50):
    try:
        if stat.S_ISFIFO(os.fstat(fd).st_mode):
            os.write(fd, said)
    except OSError:
        pass
os._exit(0)
"""


def forged(said: dict[str, Any], files: dict[str, bytes], path: Path) -> Path:
    """Export a learner that says what came of it itself, and leaves files of its own."""
    line = json.dumps({"result": json.dumps(said)}).encode() + b"\n"
    code = f"said, files = {line!r}, {files!r}\n" + (
        "import gc\n"
        "from learnwire_service.trust.cell import Cell\n"
        "out = next(one.order['out'] for one in gc.get_objects() if isinstance(one, Cell))\n"
        "for name, data in files.items(): open(out + '/' + name, 'wb').write(data)\n"
    )
    return poisoned(shop_learner(), "load", code + SAY, path)


def test_a_result_that_is_forged_is_taken_only_where_it_proves(store: Path, tmp_path: Path) -> None:
    saved = lw.save_model("true", shop_learner(), examples=[ROW])
    manifest = json.loads(saved.manifest.model_dump_json())
    made = {one: manifest[one] for one in ("signature", "adapter", "oracle", "verified", "sealed")}
    left = set(saved.manifest.files) - {TRAINING_FILE}
    files = {name: (saved.directory / name).read_bytes() for name in left}
    other = lw.save_model("other", shop_learner(target="cheap"), examples=[ROW])
    cases = [
        (made | {"adapter": "os:system"}, files, "an adapter that is none of Learnwire's own"),
        (made | {"signature": {}}, files, "said what nobody understands"),
        (made | {"more": 1}, files, "said what nobody understands"),
        (made, {}, "it left no learner.pkl"),
        (made, files | {"manifest.json": b"{}"}, "it left 'manifest.json', which is no part"),
        (made, files | {"custom_objects.pkl": b""}, "it left 'custom_objects.pkl'"),
        (made, files | {TRAINING_FILE: b"{}"}, f"it left '{TRAINING_FILE}'"),
        (made, files | {"golden.json": b"[" * 10**6}, "does not answer as it did"),
        (made, files | {"recipe.json": b"{}"}, "does not answer as it did"),
        (
            made,
            files | {"network.onnx": (other.directory / "network.onnx").read_bytes()},
            "does not answer as it did: golden example 1",
        ),
    ]
    for said, kept, told in cases:
        done = learnwire("save", "m", forged(said, kept, tmp_path / "e.pkl"))
        assert_told(done)
        assert told in done.stderr
    assert not lw.list_models("m")

    # What proves is as good as what was sealed honestly: data, and no code of anybody's.
    done = learnwire("save", "m", forged(made, files, tmp_path / "e.pkl"))
    assert done.returncode == 0
    assert lw.get("m").manifest.sealed == saved.manifest.sealed

    # What a sealer wrote before it gave up is no part of the version.
    unsealed = {"plan": None, "reason": "odd", "proof": None}
    done = learnwire("save", "m", forged(made | {"sealed": unsealed}, files, tmp_path / "e.pkl"))
    assert done.returncode == 0
    assert lw.get("m").manifest.files.keys() == {"golden.json", "learner.pkl", TRAINING_FILE}


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the filter is for x86_64")
@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("landlock", "the kernel has no Landlock"),
        ("seccomp", "the kernel has no seccomp filters"),
    ],
)
def test_a_kernel_that_takes_no_rights_away_is_told(
    what: str, told: str, store: Path, tmp_path: Path
) -> None:
    shop_learner().export(tmp_path / "e.pkl")
    lacking = (sys.executable, "-m", lacking_kernel.__name__, what)
    saved = lw.save_model("m:old", shop_learner(), examples=[ROW])
    for arguments in (("save", "m", tmp_path / "e.pkl"), ("models", "seal", "m:old")):
        done = command(*lacking, *arguments)
        assert_told(done)
        assert f"cannot be kept from doing harm: {told}; where you trust" in done.stderr
        assert [model.tag for model in lw.list_models()] == [saved.tag]
    for arguments in (("save", "m", tmp_path / "e.pkl"), ("models", "seal", "m:old")):
        done = command(*lacking, *arguments, "--allow-unpickling")
        assert done.returncode == 0


def test_good_learners_come_out_with_the_same_bits(
    penguins: Any, sentiment: Any, digits: Any, store: Path, tmp_path: Path
) -> None:
    for name, learner in (
        ("tables", penguins.learner),
        ("texts", sentiment.learner),
        ("images", digits.learner),
    ):
        learner.export(tmp_path / "e.pkl")
        for version, options in (("jail", ()), ("here", ("--allow-unpickling",))):
            done = learnwire("save", f"{name}:{version}", tmp_path / "e.pkl", *options)
            assert (done.returncode, done.stdout) == (0, f"{name}:{version}\n")
        ours, theirs = lw.get(f"{name}:jail"), lw.get(f"{name}:here")
        assert ours.manifest.is_sealed
        assert ours.manifest.sealed == theirs.manifest.sealed
        assert ours.manifest.signature == theirs.manifest.signature
        _same(ours, theirs)
        done = learnwire("models", "seal", f"{name}:jail")
        assert done.returncode == 0
        _same(lw.get(done.stdout.strip()), ours)


def test_a_learner_that_is_refused_is_refused_with_the_same_words(
    store: Path, tmp_path: Path
) -> None:
    for make in (array_learner, language_model):
        export(make(), tmp_path / "e.pkl")
        jailed, here = (
            learnwire("save", "m", tmp_path / "e.pkl", *options)
            for options in ((), ("--allow-unpickling",))
        )
        assert_told(jailed)
        assert jailed.stderr.splitlines()[-1] == here.stderr.splitlines()[-1]


def _same(one: lw.Model, other: lw.Model) -> None:
    assert set(one.manifest.files) == set(other.manifest.files)
    for name in set(one.manifest.files) - {"learner.pkl"}:
        assert (one.directory / name).read_bytes() == (other.directory / name).read_bytes()
