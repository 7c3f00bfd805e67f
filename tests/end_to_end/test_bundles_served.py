"""Bundles made by the command, from an index in a folder, and served as they stand."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import learnwire_service as lw
import numpy as np
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from learnwire_client import Client

from tests.conftest import Trained
from tests.end_to_end.test_cli import learnwire
from tests.end_to_end.test_server import await_event, process
from tests.indexes import index_of, put_wheel
from tests.service.test_bundles import checked

# Builds on a busy machine.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
ROOT = Path(__file__).parents[2]
PACKAGES = ("protos/learnwire", "client/learnwire_client", "service/learnwire_service")
REVIEW = "I really liked that movie! The end was bad."
SETTINGS = """\
serve:
  max_queue: 77
  tls_cert: certificates/cert.crt
  tls_key: certificates/tls.txt
models:
  bundled.py:svc:
  penguins:
    max_wait: 600
build:
  name: shop
  include: ["*.py", "words/"]
  environment: {MOOD: fine}
  python: {packages: [wordy>=1], requirements: my pins.txt}
"""
SERVICE = """\
import os
from pathlib import Path

import learnwire_service as lw

runner = lw.get("penguins").to_runner()
words = lw.Service("words", runners=[runner])
MOOD = os.environ["MOOD"]
svc = words


@svc.api(input=lw.Text(), output=lw.Text())
def say(text: str) -> str:
    import bundled_later

    return " ".join([bundled_later.SAYS, Path("words/a.txt").read_text(), MOOD, text])
"""


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variables of an index that has what bundles need, and nothing else."""
    folder = tmp_path_factory.mktemp("index")
    found = index_of(folder, "learnwire[serve,http,secure]")
    for version in ("1.1", "1.2"):
        put_wheel(folder, "wordy", version)
    return found


@pytest.fixture(scope="module")
def example(
    trained: dict[str, Trained], index: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """The bundle of the example's service."""
    lw.save_model("fastai_sentiment:first", trained["sentiment"].learner)
    folder = tmp_path_factory.mktemp("bundles") / "made" / "sentiment"
    done = learnwire("build", "examples/sentiment_service.py:svc", "-o", folder, **index)
    assert (done.returncode, done.stdout) == (0, f"{folder}\n"), done.stderr
    assert "fastai_sentiment:first, learner.pkl: its recipe answers" in done.stderr
    assert "fastai, PyTorch: no model here needs them" in done.stderr
    yield folder
    lw.delete_model("fastai_sentiment")


def files(folder: Path) -> dict[str, bytes]:
    paths = (one for one in folder.rglob("*") if one.is_file() and one.suffix != ".pyc")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(paths)}


def test_the_example_travels_without_pickles_and_answers_as_before(
    example: Path, trained: dict[str, Trained], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {*files(example)}
    assert {one for one in names if one.startswith("code/")} == {
        "code/examples/sentiment_service.py"
    }
    assert not [one for one in names if one.endswith(".pkl")]
    assert "store/models/fastai_sentiment/contract.json" in names
    assert {(path.stat().st_mode & 0o777) for path in example.rglob("*")} == {0o755, 0o644}
    monkeypatch.setenv("LEARNWIRE_HOME", "/nowhere")
    monkeypatch.chdir(example.parent)
    with process("./sentiment", "--port", "0", "--sealed-only", "--max-wait", "600") as server:
        target = str(await_event(server, "serving")["target"])
        with Client(target) as client:
            found = client.call("classify_text", REVIEW)
    _, _, expected = trained["sentiment"].predict(REVIEW)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_lock_has_all_packages_with_digests_those_that_the_proof_is_of_included(
    example: Path,
) -> None:
    lines = (example / "requirements.txt").read_text().splitlines()
    packages = dict(line.removesuffix(" \\").split("==") for line in lines if "==" in line)
    assert len([line for line in lines if line.startswith("    --hash=sha256:")]) == len(packages)
    assert {"learnwire", "grpcio", "starlette"} <= packages.keys()
    assert not {"torch", "fastai", "pandas", "cryptography"} & packages.keys()
    versions = lw.get("fastai_sentiment").manifest.library_versions
    assert {packages[name] == versions[name] for name in ("numpy", "onnxruntime", "pillow")} == {
        True
    }


def test_the_bill_of_materials_is_one_and_lists_the_lock(example: Path) -> None:
    text = (example / "sbom.cdx.json").read_text()
    bill = json.loads(text)
    version = SchemaVersion.from_version(bill["specVersion"])
    assert JsonStrictValidator(version).validate_str(text) is None
    lines = (example / "requirements.txt").read_text().splitlines()
    packages = dict(line.removesuffix(" \\").split("==") for line in lines if "==" in line)
    assert {one["name"]: one["version"] for one in bill["components"]} == packages


def test_all_of_learnwire_travels(example: Path) -> None:
    here = {
        path.relative_to((ROOT / package).parent).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.parent.name != "__pycache__"
    }
    [wheel] = (example / "wheels").glob("learnwire-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert packed == here


def test_the_same_makes_the_same_bytes_and_takes_the_place_of_the_old_one(
    example: Path, index: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "again"
    for _ in range(2):
        done = learnwire("build", "examples/sentiment_service.py:svc", "-o", folder, **index)
        assert done.returncode == 0, done.stderr
    assert files(folder) == files(example)
    assert [one.name for one in tmp_path.iterdir()] == ["again"]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a settings file."""
    project = tmp_path / "shop"
    texts = {
        "learnwire.yaml": SETTINGS,
        "bundled.py": SERVICE,
        "bundled_later.py": "SAYS = 'later'\n",
        "words/a.txt": "words",
        "my pins.txt": "wordy==1.1\n",
        ".env": "TOKEN=x",
    }
    for name, text in texts.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    monkeypatch.chdir(project)
    return project


def test_a_project_is_built_by_its_settings_file_and_served_elsewhere_by_another_file(
    shop: Path,
    index: dict[str, str],
    trained: dict[str, Trained],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (shop / "learnwire.yaml").write_text(SETTINGS.replace('"words/"', '"words/", ".env*"'))
    done = learnwire("build", "-o", "out", **index)
    assert done.returncode == 0, done.stderr
    assert "left out: .env: it is hidden" in done.stderr
    locked = (shop / "out" / "requirements.txt").read_text()
    assert "wordy==1.1 " in locked
    assert "cryptography==" in locked
    moved = tmp_path / "moved"
    (shop / "out").rename(moved)
    monkeypatch.chdir(tmp_path)
    plain = _without_certificates(moved)
    with process(f"{moved}/", "--port", "0", "--config", str(plain)) as server:
        line = await_event(server, "serving")
        assert line["models"][0] == "bundled.py:svc"
        with Client(str(line["target"])) as client:
            assert client.call("say", "you") == "later words fine you"
            item = trained["penguins"].items[0]
            assert client.predict("penguins", item).label == trained["penguins"].predict(item)[0]


@pytest.mark.slow
def test_manifests_ask_for_the_memory_that_the_bundle_takes(
    shop: Path, index: dict[str, str], trained: dict[str, Trained]
) -> None:
    done = learnwire("build", "-o", "out", "--kubernetes", **index)
    assert done.returncode == 0, done.stderr
    parts = checked((shop / "out" / "kubernetes.yaml").read_text())
    [container] = parts["Deployment"]["spec"]["template"]["spec"]["containers"]
    request, limit = (
        int(container["resources"][one]["memory"].removesuffix("Mi"))
        for one in ("requests", "limits")
    )
    assert limit == 2 * request
    plain = _without_certificates(shop / "out")
    with process("./out", "--port", "0", "--config", str(plain)) as server:
        target = str(await_event(server, "serving")["target"])
        with Client(target) as client:
            for item in trained["penguins"].items:
                client.predict("penguins", item)
            taken = client.server_statistics().memory_bytes / 2**20
    assert request / 2 < taken < limit


def _without_certificates(bundle: Path) -> Path:
    kept = [one for one in (bundle / "learnwire.yaml").read_text().splitlines() if "tls" not in one]
    path = bundle / "plain.yaml"
    path.write_text("\n".join(kept))
    return path


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("words/", "wrods/", "learnwire.yaml:11: include: no file of "),
        ('"*.py", ', "", "bundled.py: a service needs it, and include leaves it out"),
        ("bundled.py:svc", "nowhere.py:svc", "learnwire.yaml:6: there is no file nowhere.py"),
        ("bundled.py:svc", "bundled.py:svd", "has no svd; its services are: words, svc"),
        ("  penguins:", "  pengiuns:", 'learnwire.yaml:7: there is no model "pengiuns"'),
        ("wordy>=1", "wordy>=2", "pip finds no packages that go together: "),
        ("wordy>=1", "words @ file:///nowhere.whl", "pip finds no packages that go together: "),
        ("wordy>=1", "a b c", "pip finds no packages that go together: Invalid requirement"),
    ],
)
def test_what_cannot_be_built_is_told_in_a_sentence_and_makes_nothing(
    shop: Path, index: dict[str, str], trained: Any, old: str, new: str, problem: str
) -> None:
    (shop / "learnwire.yaml").write_text(SETTINGS.replace(old, new))
    before = files(shop)
    done = learnwire("build", "-o", "out", **index)
    assert done.returncode == 1
    assert problem in done.stderr
    assert "Traceback" not in done.stderr
    assert files(shop) == before


def test_a_folder_that_is_no_bundle_stays_as_it_is(
    shop: Path, index: dict[str, str], trained: Any
) -> None:
    done = learnwire("build", "penguins", "-o", "words", **index)
    assert (done.returncode, (shop / "words" / "a.txt").read_text()) == (1, "words")
    assert "words is there already, and is no bundle: name another folder" in done.stderr
