"""Models of BentoML's store come in as they are, or a sentence says why not."""

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import learnwire_service as lw
import pytest
import yaml  # type: ignore[import-untyped]
from learnwire_service.common.errors import LearnwireError
from learnwire_service.models.bentoml import BentoModel

from tests.bench import bento
from tests.conftest import Trained
from tests.end_to_end.test_cli import learnwire_here

ENTRY: dict[str, Any] = {
    "name": "birds",
    "version": "qyzvm2hgw6fcgaav",
    "module": "bentoml.fastai",
    "labels": {},
    "options": {},
    "metadata": {},
    "context": {"framework_name": "fastai", "bentoml_version": "1.4.39"},
    "signatures": {"predict": {"batchable": False}},
    "api_version": "v1",
    "creation_time": "2026-01-01T00:00:00+00:00",
}
# A kilobyte that says ten million values.
BOMB = "module: bentoml.fastai\nname: a\nversion: b\nmetadata:\n  a: &a [x, x]\n" + "".join(
    f"  {new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n"
    for old, new in zip("abcdefg", "bcdefgh", strict=True)
)


@pytest.fixture
def entry(tmp_path: Path) -> Path:
    """The folder of a version in a BentoML store, whose Learner is none."""
    folder = tmp_path / "models" / "birds" / str(ENTRY["version"])
    folder.mkdir(parents=True)
    (folder / "model.yaml").write_text(yaml.safe_dump(ENTRY, sort_keys=False))
    (folder / "saved_model.pkl").write_bytes(b"no pickle")
    (folder.parent / "latest").write_text(ENTRY["version"])
    return folder


def says(**changes: Any) -> Callable[[Path], Path]:
    def change(entry: Path) -> Path:
        (entry / "model.yaml").write_text(yaml.safe_dump(ENTRY | changes, sort_keys=False))
        return entry

    return change


def written(text: str) -> Callable[[Path], Path]:
    def change(entry: Path) -> Path:
        (entry / "model.yaml").write_text(text)
        return entry

    return change


def lacking(name: str) -> Callable[[Path], Path]:
    def change(entry: Path) -> Path:
        (entry / name).unlink()
        return entry

    return change


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda entry: entry / "none", "there is no such folder"),
        (lambda entry: entry.parent, "it has the versions 'qyzvm2hgw6fcgaav' of one; name a ver"),
        (lacking("model.yaml"), "it has no model.yaml"),
        (lacking("saved_model.pkl"), "has no saved_model.pkl, so there is no Learner"),
        (written("name: [1"), "is no YAML: while parsing"),
        (written("\0"), "is no YAML"),
        (written("- a"), r"expected keys and values, got \['a'\]"),
        (written(""), "expected keys and values, got None"),
        (written("a: !!python/object:os.system {}"), "is no YAML: could not determine"),
        (written("a: " + "[" * 5000), "cannot be read|is no YAML"),
        (written("#" * 2**21), "has more than 1048576 bytes"),
        (written("creation_time: 2026-99-01"), "cannot be read: month must be in"),
        (says(module="bentoml.sklearn"), "was saved by 'bentoml.sklearn', and only what"),
        (says(module=None), "was saved by None, and only what bentoml.fastai saved"),
        (says(name="Birds"), "lower case letters.*--name gives another"),
        (says(name=None), "--name gives another"),
        (says(version="a" * 64), "--name gives another"),
        (says(labels=["a"]), r"labels: expected keys and values, got \['a'\]"),
        (says(labels={"a": 1}), "labels.a: labels hold only strings"),
        (says(metadata={"a": [0] * 10_001}), "metadata: expected 10000 values at most"),
        (says(metadata={"a": float("nan")}), "labels hold only strings and metadata only JSON"),
        (written(BOMB), "metadata: expected 10000 values at most"),
    ],
)
def test_a_malformed_entry_is_told_in_a_sentence(
    change: Callable[[Path], Path], sentence: str, entry: Path, own_home: Path
) -> None:
    with pytest.raises((LearnwireError, TypeError), match=sentence) as caught:
        BentoModel.read(change(entry))
    assert len(str(caught.value).splitlines()) == 1
    assert not own_home.exists()


def test_labels_and_metadata_are_data(entry: Path) -> None:
    metadata = {"f1": 0.5, "seen": 3, "days": [{"first": None}], "tuned": True}
    says(labels={"team": "birds", "n": "1"}, metadata=metadata)(entry)
    found = BentoModel.read(entry)
    assert found.tag == "birds:qyzvm2hgw6fcgaav"
    assert (found.labels, found.metadata) == ({"team": "birds", "n": "1"}, metadata)
    assert found.export == entry / "saved_model.pkl"


@pytest.mark.slow
def test_what_is_no_learner_is_refused_where_it_harms_nobody(entry: Path, own_home: Path) -> None:
    done = learnwire_here("import-bentoml", entry)
    assert done.exit_code == 1
    assert "saved_model.pkl" in done.stderr
    assert lw.list_models() == []


SAVE = """
import sys
import bentoml
from fastai.learner import load_learner

learner = load_learner(sys.argv[1])
model = bentoml.fastai.save_model(
    "birds",
    learner,
    labels={"team": "birds"},
    metadata={"accuracy": 0.99, "columns": ["island", "sex"]},
    custom_objects={"a": 1},
)
print(bentoml.models.get(model.tag).path)
"""


@pytest.mark.environments
@pytest.mark.timeout(3600)
def test_a_model_that_bentoml_saved_comes_in_and_answers_as_it_did(
    penguins: Trained, tmp_path: Path, own_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bento.install()
    penguins.learner.export(tmp_path / "export.pkl")
    (tmp_path / "save.py").write_text(textwrap.dedent(SAVE))
    command = [str(tmp_path / "save.py"), str(tmp_path / "export.pkl")]
    saved = bento.run(command, tmp_path / "bentoml")
    folder = Path(saved.splitlines()[-1])

    done = learnwire_here("import-bentoml", folder)
    assert done.exit_code == 0, done.stderr
    assert "custom_objects.pkl is left out" in caplog.text
    model = lw.get("birds")
    assert (done.stdout.strip(), model.tag) == (f"birds:{folder.name}",) * 2
    assert model.labels == {"team": "birds"}
    assert model.metadata == {"accuracy": 0.99, "columns": ["island", "sex"]}
    assert model.manifest.is_sealed
    runner = model.to_runner()
    row = next(row for row in penguins.items if row.notna().all())
    label, index, probabilities = penguins.predict(row)
    answer = runner.predict.run(row)
    runner.close()
    assert (answer.label, answer.index) == (label, int(index))
    assert answer.probabilities == pytest.approx(probabilities, abs=1e-5)
