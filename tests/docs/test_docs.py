"""The examples of the documentation, run as a reader would run them, page by page."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
# Those of make bench are tables.
READ = [page for page in PAGES if page.parent.name != "benchmarks"]
CODE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# The title, two lines at most, and the first block.
FIRST = re.compile(r"\A# .+\n\n(?:.+\n){0,2}\n?```(\w+)\n((?:(?!```).*\n)+)")
# What a program prints, as the page tells it below the line that does.
PRINTED = re.compile(r"^ *print\(.*\n((?:# .*\n)+)", re.MULTILINE)
# What differs from run to run.
VARIES = re.compile(r"-?\d+\.\d*|label='\w+'|(?<=\w:)[a-z2-7]{10}\b|\s+")


def likeness(text: str) -> str:
    return VARIES.sub(" ", text).strip()


def test_there_is_a_page_for_each_kind() -> None:
    assert {page.stem for page in PAGES} >= {
        *("tabular", "text", "vision", "collaborative-filtering", "arrays"),
        *("several-outputs", "adapters"),
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_examples_of_a_page_are_python(page: Path) -> None:
    compile("\n".join(CODE.findall(page.read_text())), page, "exec")


@pytest.mark.parametrize("page", READ, ids=lambda page: page.stem)
def test_a_page_begins_with_what_works_and_what_it_prints(page: Path) -> None:
    first = FIRST.match(page.read_text())
    assert first is not None
    language, block = first.groups()
    if language == "python":
        assert PRINTED.search(block)
    else:
        commands = re.sub(r"\\\n", "", block).splitlines()
        assert any(not line.startswith("$ ") or "  # " in line for line in commands)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_examples_of_a_page_run(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEARNWIRE_HOME", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
    blocks = CODE.findall(page.read_text())
    assert blocks or page.parent.name != "learners"
    program = tmp_path / f"{page.stem.replace('-', '_')}.py"
    program.write_text("\n".join(blocks))
    run = subprocess.run([sys.executable, program], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-3000:]
    printed = likeness(run.stdout)
    for told in PRINTED.findall("\n".join(blocks)):
        assert all(likeness(line[2:]) in printed for line in told.splitlines())


@pytest.mark.parametrize("page", [*PAGES, *ROOT.glob("*.md")], ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_tests_that_a_page_names_are_there(page: Path) -> None:
    named = re.findall(r"`(tests/\S+\.py)::(\w+)`", page.read_text())
    assert [(f, name) for f, name in named if f"def {name}(" not in (ROOT / f).read_text()] == []
