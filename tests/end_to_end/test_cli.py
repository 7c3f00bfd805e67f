"""The command line as people use it: in a shell, on a store of its own."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import learnwire_service as lw
import pytest
from learnwire_service.cli.main import app
from PIL import Image
from typer.testing import CliRunner, Result

from tests.conftest import Trained

LEARNWIRE = str(Path(sys.executable).parent / "learnwire")


def learnwire(
    *arguments: object, stdin: str = "", **environment: str
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [LEARNWIRE, *map(str, arguments)],
        capture_output=True,
        text=True,
        input=stdin,
        timeout=120,
        env={**os.environ, "COLUMNS": "200", **environment},
        check=False,
    )


def learnwire_here(*arguments: object, **environment: str) -> Result:
    """Run a command in this process, where all is imported already; it ends by itself."""
    done = CliRunner().invoke(app, [*map(str, arguments)], env={"COLUMNS": "300", **environment})
    assert done.exception is None or isinstance(done.exception, SystemExit), done.output
    assert "Traceback" not in done.stderr
    return done


@pytest.mark.slow
def test_save_list_show_predict_delete(
    penguins: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEARNWIRE_HOME", str(tmp_path / "home"))
    penguins.learner.export(tmp_path / "export.pkl")

    saved = learnwire("save", "birds:first", tmp_path / "export.pkl")
    assert (saved.returncode, saved.stdout) == (0, "birds:first\n")

    assert 'birds:first refuses null in "island", "sex", "year"' in saved.stderr
    assert "--nulls allow" in saved.stderr
    allowed = learnwire("save", "birds:second", tmp_path / "export.pkl", "--nulls", "allow")
    assert (allowed.returncode, "refuses" in allowed.stderr) == (0, False)
    columns = lw.get("birds:second").manifest.signature.input.columns
    assert [one.nullable for one in columns if one.categories] == [True] * 3
    done = learnwire("models", "delete", "birds:second", "--yes")
    assert (done.stdout, done.stderr) == ("birds:second\n", "deleting birds:second\n")

    listed = learnwire("models", "list")
    assert "birds:first" in listed.stdout
    assert "tabular" in listed.stdout

    shown = json.loads(learnwire("models", "show", "birds:fi", "--json").stdout)
    assert shown["signature"]["output"]["classes"] == ["Adelie", "Chinstrap", "Gentoo"]

    table = learnwire("models", "show", "birds").stdout
    assert "Biscoe, Dream, Torgersen" in table
    assert "one of Adelie, Chinstrap, Gentoo" in table
    assert "\x1b[" not in table

    row = next(row for row in penguins.items if row.notna().all())
    asked = learnwire("predict", "birds", "--row", json.dumps({**row, "colour": "blue"}))
    answer = json.loads(asked.stdout)
    label, index, probabilities = penguins.predict(row)
    assert (answer["label"], answer["index"]) == (label, int(index))
    names = [f"p_{one}" for one in shown["signature"]["output"]["classes"]]
    assert [*answer] == ["model", "label", "index", *names]
    assert [answer[name] for name in names] == pytest.approx(probabilities, abs=1e-5)
    assert 'warning: ignored, not among the model\'s columns: "colour"' in asked.stderr

    deleted = learnwire("models", "delete", "birds", "--yes")
    assert deleted.stdout == "birds:first\n"
    assert "No models are saved yet" in learnwire("models", "list").stdout


@pytest.mark.slow
def test_a_version_that_does_not_read_is_told_and_hides_no_other(
    penguins: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEARNWIRE_HOME", str(tmp_path))
    good = lw.save_model("good", penguins.learner)
    bad = lw.save_model("bad", penguins.learner)
    (bad.directory / "manifest.json").write_text("{}")
    listed = learnwire("models", "list")
    assert [line.split()[0] for line in listed.stdout.splitlines()[1:]] == [good.tag]
    assert f"the manifest of {bad.tag} does not read" in listed.stderr
    assert listed.stderr.endswith(f"delete it: learnwire models delete {bad.tag}\n")
    assert "Traceback" not in listed.stderr


@pytest.mark.slow
def test_a_list_cuts_nothing(
    penguins: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEARNWIRE_HOME", str(tmp_path / "home"))
    penguins.learner.export(tmp_path / "export.pkl")
    tag = f"{'birds' * 12}:{'v' * 60}"
    said = ["--label", "team=birds\n", "--metadata", "accuracy=0.99", "--metadata", "note=a b=c"]
    saved = learnwire("save", tag, tmp_path / "export.pkl", *said, "--unknown-categories", "refuse")
    assert saved.stdout == f"{tag}\n"
    model = lw.get(tag)
    assert (model.labels, model.metadata) == (
        {"team": "birds\n"},
        {"accuracy": 0.99, "note": "a b=c"},
    )
    assert model.manifest.signature.input.unknown_categories == "refuse"

    head, line = learnwire("models", "list", COLUMNS="20").stdout.splitlines()
    assert head.split() == [
        *("tag", "created", "size", "takes", "answers", "verified", "sealed", "labels"),
        "metadata",
    ]
    assert line.startswith(f"{tag}  {model.manifest.created:%Y-%m-%dT%H:%M:%S}Z  ")
    told = r'  tabular  single label  yes       yes     team="birds\n"  accuracy=0.99, note=a b=c'
    assert line.endswith(told)

    [one] = json.loads(learnwire("models", "list", "--json").stdout)
    assert one["tag"] == tag
    assert (
        one["size"]
        == sum(path.stat().st_size for path in model.directory.iterdir())
        - (model.directory / "manifest.json").stat().st_size
    )
    assert (one["sealed"], one["labels"], one["metadata"]) == (True, model.labels, model.metadata)


@pytest.mark.slow
def test_it_says_how_many_versions_go_before_they_do(
    penguins: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEARNWIRE_HOME", str(tmp_path))
    for version in ("birds:one", "birds:two"):
        lw.save_model(version, penguins.learner)
    asked = learnwire("models", "delete", "birds", stdin="n\n")
    assert (asked.returncode, len(lw.list_models("birds"))) == (1, 2)
    assert "Delete all 2 versions of birds? [y/N]" in asked.stdout
    one = learnwire("models", "delete", "birds:t", stdin="y\n")
    assert one.stdout == "Delete birds:two? [y/N]: birds:two\n"
    last = learnwire("models", "delete", "birds", "--yes")
    assert (last.stdout, last.stderr) == ("birds:one\n", "deleting the only version of birds\n")
    none = learnwire("models", "delete", "birds")
    assert "learnwire: there is no model" in none.stderr


def test_it_tells_its_version() -> None:
    assert learnwire("--version").stdout == f"learnwire {lw.__version__}\n"


@pytest.mark.slow
def test_a_version_of_before_is_sealed(
    penguins: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEARNWIRE_HOME", str(tmp_path))
    old = lw.save_model("birds:old", penguins.learner)
    old.manifest.model_copy(update={"sealed": None}).write(old.directory)
    assert re.search("^birds:old .* not yet ", learnwire("models", "list").stdout, re.MULTILINE)
    refused = learnwire("serve", "birds", "--sealed-only")
    assert refused.returncode == 1
    assert "birds:old is not sealed (saved before; learnwire models seal birds:old)" in (
        refused.stderr
    )

    sealed = learnwire("models", "seal", "birds", "--without-learner")
    tag = sealed.stdout.strip()
    assert sealed.returncode == 0
    shown = learnwire("models", "show", tag).stdout
    assert "sealed (tabular); an answer has the same bits whoever shares its batch" in shown
    assert "birds:old" in shown
    assert "learner.pkl" not in lw.get(tag).manifest.files
    row = next(row for row in penguins.items if row.notna().all())
    asked = learnwire("predict", tag, "--row", json.dumps(dict(row)))
    assert json.loads(asked.stdout)["label"] == penguins.predict(row)[0]


def test_predict_asks_a_running_server(
    target: str, trained: dict[str, Trained], tmp_path: Path
) -> None:
    text = learnwire("predict", "sentiment", "--text", "A fine film.", "--target", target)
    assert json.loads(text.stdout)["label"] == trained["sentiment"].predict("A fine film.")[0]

    pixels = trained["digits"].items[0]
    Image.fromarray(pixels).convert("RGB").save(tmp_path / "digit.png")
    image = learnwire(
        "predict", "digits", "--image", tmp_path / "digit.png", LEARNWIRE_TARGET=target
    )
    assert json.loads(image.stdout)["label"] == trained["digits"].predict(pixels)[0]


@pytest.mark.parametrize(
    ("arguments", "code", "problem"),
    [
        (["predict", "nobody", "--text", "x"], 1, 'there is no model "nobody"'),
        (["predict", "Bad Name", "--text", "x"], 1, "lower case letters"),
        (["predict", "penguins", "--row", "{island"], 2, "--row is no JSON"),
        (["predict", "penguins", "--row", "[]"], 2, "JSON object of cells"),
        (["predict", "penguins", "--row", '{"island": 3}'], 1, "got the number 3"),
        (["predict", "digits", "--image", __file__], 1, "expected an encoded image"),
        (["predict", "penguins"], 2, "give one of --text, --row and --image"),
        (["predict", "penguins", "--text", "x", "--target", "127.0.0.1:1"], 1, "127.0.0.1:1"),
        (["predict", "penguins", "a", "fine film"], 2, "predict penguins --text 'a fine film'\n"),
        (["predict", "penguins", '{"year": 1}'], 2, """predict penguins --row '{"year": 1}'\n"""),
        (["predict", "penguins", __file__], 2, f"predict penguins --image {__file__}\n"),
        (["predict", "penguins", "a.csv"], 2, "predict penguins --file a.csv -o ANSWERS.csv\n"),
        (["predict", "penguins", "--text", "x", "--target", "localhost"], 2, "HOST:PORT such as"),
        (["stats", "penguins", "--target", "http://localhost:1"], 2, 'without "http://"'),
        (["predict", "pengiuns", "--text", "x"], 1, "; did you mean penguins?"),
        (["serve", "pengiuns"], 1, "; did you mean penguins?"),
        (["serve"], 2, "name a model or a service, here or in learnwire.yaml; the store"),
        (["serv", "penguins"], 2, "Did you mean 'serve'?"),
        (["models", "show", "penguins:zzz"], 1, 'has no version "zzz"'),
        (["models", "seal", "nobody"], 1, 'there is no model "nobody"'),
        (["save", "x", __file__], 1, "is no export of a Learner"),
        (["save", "x", __file__, "--label", "old"], 2, "--label: expected KEY=VALUE, got 'old'"),
        (["save", "x", __file__, "--metadata", "loss=1e999"], 1, "metadata.loss"),
        (["serve", "penguins", "--max-text-chars", "0"], 1, "max_text_chars"),
        (["serve", "penguins", "--workers", "0"], 1, "workers"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(
    arguments: list[str], code: int, problem: str, trained: dict[str, Trained]
) -> None:
    done = learnwire_here(*arguments)
    assert done.exit_code == code
    assert problem in done.stderr


def test_settings_come_from_the_environment_and_flags_win(trained: dict[str, Trained]) -> None:
    bad = learnwire("serve", "penguins", LEARNWIRE_PORT="70000")
    assert "port" in bad.stderr
    assert "70000" in bad.stderr
    flag = learnwire("serve", "penguins", "--port", "70001", LEARNWIRE_PORT="70000")
    assert "70001" in flag.stderr
    refused = pytest.raises(ValueError, match="drain_seconds")
    with refused, lw.serving("penguins", drain_seconds=-1):
        pass
