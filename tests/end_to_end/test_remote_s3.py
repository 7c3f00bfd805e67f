"""An S3 that moto serves, and who shares models through it, with what the extras install."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import learnwire_service as lw
import pytest
from learnwire_client import Client
from learnwire_service.store.store import ModelStore
from learnwire_service.store.tag import Tag

from tests.conftest import Trained
from tests.end_to_end.test_server import await_event
from tests.end_to_end.test_wheel import SERVE
from tests.installing import environment, installed
from tests.service.hand_made import fill

pytestmark = [pytest.mark.environments, pytest.mark.timeout(1800)]

REMOTE = "s3://bucket/models"
MAKE_BUCKET = "import s3fs; s3fs.S3FileSystem().mkdir('bucket')"
FLIP = """
import s3fs, sys

fs = s3fs.S3FileSystem()
[path] = [one for one in fs.find(sys.argv[1]) if len(one.rpartition("/")[2]) == 64]
data = bytearray(fs.cat_file(path))
data[len(data) // 2] ^= 1
fs.pipe_file(path, bytes(data))
"""
# When each file was written, by its name.
TIMES = """
import json, s3fs, sys

fs = s3fs.S3FileSystem()
found = fs.find(sys.argv[1], detail=True)
print(json.dumps({path: str(one["LastModified"]) + one["ETag"] for path, one in found.items()}))
"""
# Dies in the middle of the second file.
KILLED = """
import os, signal, sys
from learnwire_service.cli.main import main
from learnwire_service.store.transport import Transport

count, write = 0, Transport._write

def dying(self, place, blocks):
    global count
    count += 1

    def given():
        for number, block in enumerate(blocks):
            if count == 2 and number == 10:
                os.kill(os.getpid(), signal.SIGKILL)
            yield block

    write(self, place, given())

Transport._write = dying
main()
"""


@dataclass(frozen=True)
class Place:
    """An environment with the wheel, a store, and an S3.

    Attributes:
        binaries: the environment's folder of commands.
        variables: its variables.
    """

    binaries: Path
    variables: dict[str, str]

    def at(self, home: Path, **more: str) -> "Place":
        """Give the same with another store, and a cache of its own."""
        variables = {"LEARNWIRE_HOME": str(home), "LEARNWIRE_CACHE": str(home / "cache"), **more}
        return Place(self.binaries, {**self.variables, **variables})

    def start(self, *command: str) -> "subprocess.Popen[str]":
        program, *arguments = command
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [str(self.binaries / program), *arguments],
            env=self.variables,
            stdout=pipe,
            stderr=pipe,
            text=True,
        )

    def run(self, *command: str) -> str:
        """Run a command that is to end well, and give what it prints."""
        process = self.start(*command)
        printed, problem = process.communicate()
        assert process.returncode == 0, problem
        return printed

    def refused(self, *command: str) -> str:
        """Run a command that is to say in a line why it does not work."""
        process = self.start(*command)
        _, problem = process.communicate()
        assert process.returncode == 1, problem
        assert "Traceback" not in problem
        return problem.splitlines()[-1]


@pytest.fixture
def s3(shared: Path) -> Iterator["subprocess.Popen[str]"]:
    """An S3 with nothing in it; its log says where it is."""
    command = environment(shared, "venv-moto", "moto[server]>=5") / "moto_server"
    with subprocess.Popen(
        [command, "-H", "127.0.0.1", "-p", "0"], stderr=subprocess.PIPE, text=True
    ) as server:
        try:
            yield server
        finally:
            server.kill()


@pytest.fixture
def place(shared: Path, s3: "subprocess.Popen[str]", tmp_path: Path) -> Place:
    """Where `[serve,remote]` is installed, and there is an empty bucket."""
    assert s3.stderr is not None
    address = next(found[0] for line in s3.stderr if (found := re.search(r"http://\S+\d", line)))
    variables = {
        **os.environ,
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "PYTHONPATH": "",
    }
    there = Place(installed(shared, "serve,remote"), variables).at(tmp_path / "home")
    there.run("python", "-c", MAKE_BUCKET)
    return there


def save_large(home: Path, version: str, seed: int) -> str:
    """Save a version with two files of several blocks each."""
    tag, store = Tag("big", version), ModelStore(home)
    with store.saving(tag) as directory:
        fill(
            directory, tag, seed, data=bytes([seed]) * (20 * 2**20), more=bytes([seed + 1]) * 2**24
        )
    return str(tag)


def test_what_was_saved_here_is_pushed_pulled_and_served_elsewhere(
    place: Place,
    s3: "subprocess.Popen[str]",
    penguins: Trained,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LEARNWIRE_HOME", str(tmp_path / "home"))
    saved = lw.save_model("birds", penguins.learner)
    [tag] = place.run(
        "learnwire", "models", "push", "birds", "--sealed", "--remote", REMOTE
    ).split()
    assert tag == f"{saved.tag}-sealed"
    assert tag in place.run("learnwire", "models", "list", "--remote", REMOTE)

    other = place.at(tmp_path / "other")
    assert other.run("learnwire", "models", "pull", "birds", "--remote", REMOTE).split() == [tag]
    # Its answers are those at save, and nothing of the training stack is there.
    checked = json.loads(other.run("python", "-c", SERVE, tag))
    assert checked == {"differ": [], "heavy": [], "same_bits": True}

    options = ("--port", "0", "--log-format", "json", "--log-sample", "0", "--watch")
    server = place.at(tmp_path / "none").start(
        "learnwire", "serve", "birds", "--remote", REMOTE, *options
    )
    try:
        with Client(await_event(server, "serving")["target"]) as client:
            for item in penguins.items[:5]:
                answer = client.predict("birds", item)
                label, _, probabilities = penguins.predict(item)
                assert answer.label == label
                assert answer.probabilities == pytest.approx(probabilities, abs=1e-5)
            s3.kill()
            s3.wait()
            assert client.predict("birds", penguins.items[0]).version == tag.partition(":")[2]
        assert "fails: " in other.refused("learnwire", "models", "list", "--remote", REMOTE)
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(120) == 0
        server.communicate()


def test_a_push_that_was_killed_sends_only_what_is_missing(place: Place, tmp_path: Path) -> None:
    tag = save_large(tmp_path / "home", "aaa", 1)
    push = ("models", "push", tag, "--remote", REMOTE)
    killed = place.start("python", "-c", KILLED, *push)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    listed = place.run("learnwire", "models", "list", "--remote", REMOTE, "--json")
    assert json.loads(listed) == []
    before = json.loads(place.run("python", "-c", TIMES, f"{REMOTE}/big/aaa"))
    assert len(before) == 1
    assert place.run("learnwire", *push) == f"{tag}\n"
    after = json.loads(place.run("python", "-c", TIMES, f"{REMOTE}/big/aaa"))
    assert {path: after[path] for path in before} == before
    pulled = place.at(tmp_path / "other").run(
        "learnwire", "models", "pull", "big", "--remote", REMOTE
    )
    assert pulled == f"{tag}\n"


def test_of_two_pushers_of_one_tag_one_wins(place: Place, tmp_path: Path) -> None:
    for seed in (1, 2):
        save_large(tmp_path / f"home{seed}", "aaa", seed)
    places = [place.at(tmp_path / f"home{seed}") for seed in (1, 2)]
    push = ("learnwire", "models", "push", "big", "--remote", REMOTE)
    ended = [(*one.communicate(), one.returncode) for one in [p.start(*push) for p in places]]
    assert sorted(code for _, _, code in ended) == [0, 1]
    winner = next(number for number, (_, _, code) in enumerate(ended) if code == 0)
    assert f"{REMOTE} has another big:aaa already" in ended[1 - winner][1]
    place.at(tmp_path / "other").run("learnwire", "models", "pull", "big", "--remote", REMOTE)
    written = [
        ModelStore(tmp_path / home).find(Tag("big")).written
        for home in ("other", f"home{winner + 1}")
    ]
    assert written[0] == written[1]


def test_what_is_wrong_with_a_bucket_is_told(place: Place, tmp_path: Path) -> None:
    with ModelStore(tmp_path / "home").saving(Tag("m", "aaa")) as directory:
        fill(directory, Tag("m", "aaa"))
    other = place.at(tmp_path / "other")
    pull = ("learnwire", "models", "pull", "m", "--remote")
    assert "nothing was pushed there, or the address is wrong" in other.refused(*pull, REMOTE)
    assert "or the address is wrong" in other.refused(*pull, "s3://nobody/models")
    push = ("learnwire", "models", "push", "m", "--remote")
    assert "is not there to be written to" in place.refused(*push, "s3://nobody/models")
    nobody = {
        "AWS_ACCESS_KEY_ID": "",
        "AWS_SECRET_ACCESS_KEY": "",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    for command in (push, pull):
        told = place.at(tmp_path / "home", **nobody).refused(*command, REMOTE)
        assert f"{REMOTE} wants credentials" in told
    place.run(*push, REMOTE)
    place.run("python", "-c", FLIP, f"{REMOTE}/m/aaa")
    assert f"m:aaa in {REMOTE} is refused: a file came whose digest is not" in other.refused(
        *pull, REMOTE
    )
    assert not (tmp_path / "other" / "models").exists()
