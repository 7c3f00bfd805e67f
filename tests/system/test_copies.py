"""The calls that the console shows to copy compile, run, and print the answer."""

import hashlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Trained
from tests.system import programs
from tests.system.pages import Page, filled, image

pytestmark = pytest.mark.system

# What ends strings, lines and quotes of some language, or is a mark of one.
TEXT = 'It\'s `$HOME` "fine" \\n%s\n\t${x} 日本 \ufeff</script>\nEND\n'
NUMBER = re.compile(r"\d+\.\d+(?:e-\d+)?")
RUN: Mapping[str, Callable[[Mapping[str, str], Path], dict[str, str]]] = {
    "curl": programs.in_shell,
    "grpcurl": programs.in_shell,
    "Python": programs.in_python,
    "JavaScript": programs.in_node,
    "TypeScript": programs.in_typescript,
    "Go": programs.in_go,
}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pictures")


@pytest.fixture(scope="module")
def copied(
    driver: Any, console: tuple[str, str], trained: dict[str, Trained], pictures: Path
) -> Mapping[str, Mapping[str, str]]:
    """Ask models and endpoints on their pages; give the calls by what is asked, and language."""
    asked: dict[str, Callable[[Page], None]] = {
        "model/sentiment": lambda page: page.paste("Text", trained["sentiment"].items[4]),
        "model/penguins": lambda page: filled(page, trained["penguins"].items[0]),
        "model/digits": lambda page: page.write(
            "Image", image(pictures, trained["digits"].items[0])
        ),
        "endpoint/digest": lambda page: page.paste("Input", TEXT),
        "endpoint/letters": lambda page: page.write("Input", "ßßß"),
    }
    found = {}
    for path, fill in asked.items():
        page = Page(driver, console[1], f"#/{path}")
        fill(page)
        page.ask()
        found[path.rpartition("/")[2]] = page.snippets()
    return found


@pytest.mark.parametrize("language", RUN)
def test_each_call_runs_and_prints_the_answer(
    copied: Mapping[str, Mapping[str, str]],
    console: tuple[str, str],
    trained: dict[str, Trained],
    pictures: Path,
    tmp_path: Path,
    language: str,
) -> None:
    # The page takes gRPC to be at its usual port.
    codes = {
        name: code[language].replace("127.0.0.1:50051", console[0]) for name, code in copied.items()
    }
    for picture in pictures.iterdir():
        (tmp_path / picture.name).write_bytes(picture.read_bytes())
    printed = RUN[language](codes, tmp_path)
    assert hashlib.sha256(TEXT.encode()).hexdigest() in printed["digest"]
    assert printed["letters"].count("ß") == 3
    for name, index in (("sentiment", 4), ("penguins", 0), ("digits", 0)):
        label, _, probabilities = trained[name].predict(trained[name].items[index])
        assert label in printed[name]
        # Python's client tells the largest probability, the others all of them.
        numbers = [float(one) for one in NUMBER.findall(printed[name])]
        assert any(max(probabilities) == pytest.approx(one, abs=1e-4) for one in numbers)
