"""Images of bundles, built by buildah on a base that debootstrap made, and run by another user.

No base of a registry is pulled: the base is a Debian of this machine's mirror with its Python.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import learnwire_service as lw
import numpy as np
import pytest
import yaml  # type: ignore[import-untyped]
from jsonschema import validate  # type: ignore[import-untyped]
from learnwire_client import Client

from tests.conftest import Trained
from tests.end_to_end.test_server import await_event
from tests.end_to_end.web import free_port
from tests.installing import run
from tests.once import once

pytestmark = [pytest.mark.system, pytest.mark.timeout(3600)]

ROOT = Path(__file__).parents[2]
TOOLS = {
    "buildah": "buildah",
    "debootstrap": "debootstrap",
    "bwrap": "bubblewrap",
    "setpriv": "util-linux",
}
SERVICE = "examples/sentiment_service.py:svc"
REVIEW = "I really liked that movie! The end was bad."
BASE = "localhost/learnwire-base"
USER = "10001"
MOST_MEGABYTES = 320
CONDA = "models:\n  {service}:\nbuild:\n  conda:\n    dependencies: [numpy={numpy}, libgdal]\n"
# What conda itself says of an environment.yml, as far as one can be written here.
ENVIRONMENT = {
    "type": "object",
    "required": ["name", "channels", "dependencies"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string"},
        "channels": {"type": "array", "items": {"type": "string"}},
        "dependencies": {
            "type": "array",
            "items": {
                "anyOf": [
                    {"type": "string"},
                    {
                        "type": "object",
                        "required": ["pip"],
                        "additionalProperties": False,
                        "properties": {"pip": {"type": "array", "items": {"type": "string"}}},
                    },
                ]
            },
        },
    },
}


@dataclass(frozen=True)
class Image:
    """The files of an image, and how many bytes they have above those of the base."""

    files: Path
    above_base: int


@pytest.fixture(scope="module")
def base() -> Path:
    """A Debian with Python, as a tar file that later runs find again."""
    if missing := {package for tool, package in TOOLS.items() if shutil.which(tool) is None}:
        pytest.skip(f"not installed: apt-get install {' '.join(sorted(missing))}")
    if os.getuid() != 0:
        pytest.skip("only root can build images in this way: sudo make test-system")
    if sys.version_info[:2] != (3, 11):
        pytest.skip("Debian bookworm has Python 3.11, and locks are for the Python that makes them")
    kept = ROOT / ".cache" / "images"
    kept.mkdir(parents=True, exist_ok=True)
    return once(kept / "bookworm.tar", _debian)


def _debian(tar: Path) -> None:
    targets = run("apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages")
    folder = tar.with_suffix(".root")
    packages = "--include=python3,python3-venv"
    run("debootstrap", "--variant=minbase", packages, "bookworm", folder, targets.split()[0])
    for left in ("var/cache/apt/archives", "var/lib/apt/lists"):
        shutil.rmtree(folder / left)
    run("tar", "-C", folder, "-cf", tar, ".")
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def bundle(trained: dict[str, Trained], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The bundle of the example's service, its packages found by pip where pip looks here."""
    lw.save_model("fastai_sentiment", trained["sentiment"].learner)
    folder = tmp_path_factory.mktemp("images") / "sentiment"
    run(sys.executable, "-m", "learnwire_service", "build", SERVICE, "-o", folder)
    yield folder
    lw.delete_model("fastai_sentiment")


@pytest.fixture(scope="module")
def image(base: Path, bundle: Path) -> Iterator[Image]:
    """The image's files.

    What the lock names is brought here first, so that the stage that runs pip needs no network.
    """
    # Its user has to get there: pytest closes its own folders to others whenever a run begins.
    with TemporaryDirectory(prefix="learnwire-image-") as folder:
        Path(folder).chmod(0o755)
        yield built(base, bundle, Path(folder))


def built(base: Path, bundle: Path, place: Path) -> Image:
    """Build an image in a folder, and copy its files there."""
    lock = bundle / "requirements.txt"
    pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes")
    run(*pip, "-r", lock, "-d", bundle / "wheels")
    (place / "pip.conf").write_text("[global]\nno-index = true\n")
    buildah = f"buildah --storage-driver vfs --root {place}/root --runroot {place}/run"
    steps = (
        f"b='{buildah}'",
        "c=$($b from scratch)",
        f"$b add -q $c {base} /",
        f"$b commit -q $c {BASE}",
        "$b rm $c",
        f"$b bud --isolation chroot --volume {place}/pip.conf:/etc/pip.conf:ro"
        f" --build-arg BASE={BASE} -t localhost/sentiment {bundle}",
        f"c=$($b from {BASE})",
        f"du -sb $($b mount $c) | cut -f1 > {place}/base.bytes",
        "c=$($b from localhost/sentiment)",
        "m=$($b mount $c)",
        f"du -sb $m | cut -f1 > {place}/image.bytes",
        f"cp -a $m {place}/files",
        "$b umount --all",
    )
    # In a namespace of its own: what is mounted there is gone afterwards.
    run("unshare", "-m", "sh", "-ec", "\n".join(steps))
    sizes = [int((place / f"{name}.bytes").read_text()) for name in ("image", "base")]
    return Image(place / "files", sizes[0] - sizes[1])


def inside(image: Image, *command: str) -> list[str]:
    """Give what runs a command in the image, as its user, on a file system that is read-only."""
    variables = {
        "PATH": "/opt/learnwire/bin:/usr/bin:/bin",
        "LEARNWIRE_CACHE": "/tmp/learnwire",
        "LEARNWIRE_HOST": "0.0.0.0",
        "LEARNWIRE_INSECURE": "true",
    }
    said = [part for name, value in variables.items() for part in ("--setenv", name, value)]
    return [
        *("setpriv", "--reuid", USER, "--regid", USER, "--clear-groups"),
        *("bwrap", "--unshare-user", "--unshare-pid", "--die-with-parent", "--clearenv", *said),
        *("--ro-bind", str(image.files), "/", "--proc", "/proc", "--dev", "/dev"),
        *("--tmpfs", "/tmp", "--chdir", "/srv/bundle/code", *command),
    ]


def test_the_image_answers_as_the_learner_run_by_another_user_on_a_read_only_root(
    image: Image, trained: dict[str, Trained]
) -> None:
    port = str(free_port())
    serve = ("learnwire", "serve", "/srv/bundle", "--port", port, "--log-format", "json")
    with subprocess.Popen(inside(image, *serve), stderr=subprocess.PIPE, text=True) as server:
        try:
            await_event(server, "serving")
            with Client(f"127.0.0.1:{port}") as client:
                found = client.call("classify_text", REVIEW)
            health = run(*inside(image, "learnwire", "health", "--target", f"localhost:{port}"))
        finally:
            server.terminate()
            server.communicate()
    _, _, expected = trained["sentiment"].predict(REVIEW)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert health.endswith("SERVING\n")


def test_the_image_is_small_and_has_neither_compiler_nor_pip_nor_root(image: Image) -> None:
    assert image.above_base < MOST_MEGABYTES * 1e6
    looked = run(*inside(image, "sh", "-c", "id -u; which gcc cc pip pip3 || true"))
    assert looked == f"{USER}\n"
    refused = subprocess.run(inside(image, "touch", "/srv/x"), capture_output=True, text=True)
    assert "Read-only file system" in refused.stderr
    packages = {one.name for one in image.files.glob("opt/learnwire/lib/python3*/site-packages/*")}
    assert not {"torch", "fastai", "pip"} & packages


def test_condas_file_is_one_and_the_lock_has_the_rest_by_name(
    bundle: Path, tmp_path: Path, trained: dict[str, Trained]
) -> None:
    # No channel is asked: whether conda finds these is not shown here.
    numpy = lw.get("fastai_sentiment").manifest.library_versions["numpy"]
    settings = tmp_path / "conda.yaml"
    settings.write_text(CONDA.format(service=SERVICE, numpy=numpy))
    run(sys.executable, "-m", "learnwire_service", "build", settings, "-o", tmp_path / "out")
    environment = yaml.safe_load((tmp_path / "out" / "environment.yml").read_text())
    validate(environment, ENVIRONMENT)
    *plain, by_pip = environment["dependencies"]
    by_conda = {one.partition("=")[0] for one in plain}
    assert by_conda == {"python", "pip", "numpy", "libgdal"}
    assert by_pip == {"pip": ["-r requirements.txt"]}
    assert names(tmp_path / "out") == names(bundle) - {"numpy"}
    assert "conda env create" in (tmp_path / "out" / "Dockerfile").read_text()


def names(folder: Path) -> set[str]:
    lines = (folder / "requirements.txt").read_text().splitlines()
    return {line.partition("==")[0] for line in lines if "==" in line}
