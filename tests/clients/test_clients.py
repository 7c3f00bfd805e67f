"""What tells whether a client in another language answers right, and what it is built from."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from examples.clients.languages import LANGUAGES, SOURCES, Language
from examples.clients.oracle import Refusal, complaints
from examples.demo.compare import Answer

ROOT = Path(__file__).parents[2]
ROW: dict[str, Any] = {"step": "row", "label": "Adelie", "index": 0, "probabilities": [0.9, 0.1]}
VIOLATION = {"step": "violation", "code": 3, "field": "year", "description": "expected a number"}
EXPECTED: Mapping[str, Answer | Refusal] = {
    "row": Answer("Adelie", 0, np.array([0.9, 0.1])),
    "violation": Refusal(3, "year"),
}


def complaints_of(*lines: dict[str, Any]) -> list[str]:
    return list(complaints("\n".join(map(json.dumps, lines)), EXPECTED))


def test_right_answers_in_any_order_are_no_complaint() -> None:
    assert complaints_of(ROW, VIOLATION) == []
    assert complaints_of(VIOLATION, {**ROW, "category": "CATEGORY_ADELIE"}) == []


@pytest.mark.parametrize(
    "change",
    [
        {"label": "Gentoo"},
        {"index": 1},
        {"probabilities": [0.9001, 0.0999]},
        {"probabilities": [0.9]},
        {"category": "CATEGORY_GENTOO"},
        {"step": "text"},
    ],
    ids=str,
)
def test_another_answer_is_a_complaint(change: dict[str, Any]) -> None:
    assert complaints_of({**ROW, **change}, VIOLATION)


@pytest.mark.parametrize("change", [{"code": 13}, {"field": "sex"}, {"description": ""}], ids=str)
def test_another_error_is_a_complaint(change: dict[str, Any]) -> None:
    assert complaints_of(ROW, {**VIOLATION, **change})


def test_a_step_left_out_or_done_twice_is_a_complaint() -> None:
    assert complaints_of(ROW)
    assert complaints_of(ROW, ROW, VIOLATION)


def test_what_is_no_json_is_a_complaint() -> None:
    assert "Segmentation fault" in next(complaints("Segmentation fault", EXPECTED))


def test_a_language_tells_which_of_its_tools_are_missing() -> None:
    language = Language("x", (), (), (), needs=("sh", "/usr", "no-such-tool", "/no/such"), get="")
    assert language.missing() == ["no-such-tool", "/no/such"]


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.name)
def test_each_language_has_its_build_script(language: Language) -> None:
    assert (language.sources / "build.sh").is_file()


def test_what_npm_installs_is_pinned_and_names_no_address_to_get_it_from() -> None:
    package = json.loads((SOURCES / "node" / "package.json").read_text())
    lock = json.loads((SOURCES / "node" / "package-lock.json").read_text())
    pinned = {**package["dependencies"], **package["devDependencies"]}
    locked = {name: lock["packages"][f"node_modules/{name}"]["version"] for name in pinned}
    assert pinned == locked
    assert not any("resolved" in one for one in lock["packages"].values())


def test_what_the_documentation_shows_stands_in_the_examples() -> None:
    page = (ROOT / "docs" / "clients.md").read_text()
    sources = "\n".join(
        path.read_text()
        for path in SOURCES.rglob("*")
        if path.suffix in {".cc", ".go", ".java", ".py", ".rb", ".ts"}
    )
    known = {line.strip() for line in sources.splitlines()}
    blocks = re.findall(
        r"^```(?:cpp|go|java|py|ruby|ts)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL
    )
    assert len(blocks) >= 4
    assert {line.strip() for block in blocks for line in block.splitlines()} - known <= {""}


def test_each_language_begins_with_the_shortest_program_as_it_is_run() -> None:
    page = (ROOT / "docs" / "clients.md").read_text()
    begins = re.findall(r"^## [^\n]+\n\n```\w+\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    firsts = [
        path.read_text()
        for path in [*SOURCES.rglob("[fF]irst*.*"), *SOURCES.glob("go/src/first/*")]
        if path.suffix != ".pyc"
    ]
    assert sorted(begins) == sorted(firsts)
    assert len(firsts) == sum(len(language.first) for language in LANGUAGES)
