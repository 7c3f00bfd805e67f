"""The README: short, and its snippets run on exactly the installations that it names."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.demo import data
from tests.end_to_end.test_grpcurl import GRPCURL
from tests.installing import ROOT, installed

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
FIVE_LINES, OUTPUT, SERVE, SHELL, PYTHON, ANY_LANGUAGE = (block for _, block in BLOCKS)
ROW = re.search(r"^\{\"island.*?\}$", SHELL, re.MULTILINE | re.DOTALL)
TARGET = "localhost:50051"
# What stands before the five lines at the end of a notebook.
NOTEBOOK = """
import pandas as pd
from fastai.tabular.all import *

penguins = pd.read_csv("penguins.csv")
dls = TabularDataLoaders.from_df(
    penguins,
    procs=[Categorify, FillMissing, Normalize],
    cat_names=["island", "sex", "year"],
    cont_names=["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"],
    y_names="species",
    valid_idx=list(range(0, len(penguins), 5)),
)
learner = tabular_learner(dls, layers=[32, 16])
with learner.no_logging(), learner.no_bar():
    learner.fit_one_cycle(10, 1e-2)
row = penguins.iloc[0].drop("species")
"""


def test_it_can_be_read_in_some_minutes() -> None:
    # The bars of tables are no words.
    assert len(re.findall(r"[^\s|]+", README)) <= 700


def told(text: str) -> str:
    """Leave out what differs from run to run, and the rest of a line that the README cuts."""
    return re.sub(r"\d+\.\d+|(?<=penguins:)\w+|:\d{5}\b|,? ?\.\.\.$", "", text, flags=re.MULTILINE)


def commands(block: str) -> list[tuple[str, list[str]]]:
    """Give the commands of a block, each with the lines that it prints by the README."""
    found = re.findall(r"^\$ ((?:.*\\\n)*.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
    return [(command, told(lines).splitlines()) for command, lines in found]


class Folder:
    """An empty folder with a store and a server of its own, and what is run there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.target = TARGET

    def environment(self, binaries: Path) -> dict[str, str]:
        clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        path = os.pathsep.join([str(binaries), str(self.path / "tools"), clean["PATH"]])
        return {**clean, "PATH": path, "LEARNWIRE_HOME": str(self.path / "store")}

    def run(self, binaries: Path, *command: str) -> str:
        done = subprocess.run(
            command,
            cwd=self.path,
            env=self.environment(binaries),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    def python(self, binaries: Path, program: str) -> str:
        program = program.replace(TARGET, self.target)
        return self.run(binaries, str(binaries / "python"), "-W", "ignore", "-c", program)

    def shell(self, binaries: Path, block: str) -> None:
        """Run a block's commands, and compare what they print."""
        for command, lines in commands(block):
            printed = told(self.run(binaries, "bash", "-c", command.replace(TARGET, self.target)))
            begun = zip(printed.splitlines(), lines, strict=False)
            assert all(line.startswith(said) for line, said in begun), printed


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    assert ROW is not None
    path = tmp_path_factory.mktemp("newcomer")
    (path / "row.json").write_text(ROW[0])
    (path / "tools").mkdir()
    (path / "tools" / "grpcurl").symlink_to(GRPCURL)
    data.penguins().drop(columns="valid").to_csv(path / "penguins.csv", index=False)
    return Folder(path)


@pytest.fixture(scope="module")
def saved(folder: Folder, shared: Path) -> str:
    """Run the five lines where saving is installed; give what they print."""
    # The versions of the project's own environment: of torch there are many, up to gigabytes.
    binaries = installed(shared, "service", "-c", str(ROOT / "constraints.txt"))
    return folder.python(binaries, NOTEBOOK + FIVE_LINES)


@pytest.fixture(scope="module")
def served(folder: Folder, saved: str, shared: Path) -> Iterator[Path]:
    """Serve what was saved, where that alone is installed; give the folder of its commands."""
    binaries = installed(shared, "serve")
    [(command, [said])] = commands(SERVE)
    with subprocess.Popen(
        [*command.split(), "--port", "0"],
        cwd=folder.path,
        env=folder.environment(binaries),
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stderr is not None
        try:
            line = next(line for line in server.stderr if '"serving"' in line)
            assert told(line).startswith(said)
            folder.target = line.split('"')[3]
            yield binaries
        finally:
            server.terminate()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_learner_is_saved_served_and_asked_as_it_says(saved: str) -> None:
    assert told(saved) == told(OUTPUT)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_shell_asks_as_it_says(folder: Folder, served: Path, shared: Path) -> None:
    folder.shell(installed(shared), SHELL)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_python_asks_as_it_says(folder: Folder, served: Path, shared: Path) -> None:
    printed = folder.python(installed(shared, "pandas,progress"), PYTHON)
    assert f"# {printed}" in PYTHON


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_any_language_asks_as_it_says(folder: Folder, served: Path) -> None:
    folder.shell(served, ANY_LANGUAGE)
