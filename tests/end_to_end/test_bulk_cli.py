"""`learnwire predict --file`: whole files and folders, refused rows, interrupts."""

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from learnwire_client import Client
from learnwire_service import bulk
from PIL import Image

from tests.conftest import Trained
from tests.end_to_end.test_cli import LEARNWIRE, learnwire, learnwire_here

PROBABILITIES = ["p_Adelie", "p_Chinstrap", "p_Gentoo"]


@pytest.fixture
def rows(trained: dict[str, Trained]) -> pd.DataFrame:
    """Give rows with missing cells and columns that the model does not have."""
    frame = pd.DataFrame(trained["penguins"].items[:30]).reset_index(drop=True)
    return frame.assign(name=[f"bird, {i}" for i in frame.index])


def assert_answers(found: pd.DataFrame, oracle: Trained, count: int) -> None:
    assert found["row"].tolist() == list(range(count))
    assert found["error"].isna().all()
    for item, (_, row) in zip(oracle.items[:count], found.iterrows(), strict=True):
        label, _, probabilities = oracle.predict(item)
        assert row["label"] == label
        shown = row.filter(like="p_").to_numpy(dtype=float)
        assert shown == pytest.approx(probabilities, abs=1e-5)


@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl"])
def test_a_table_is_answered_as_its_rows_are(
    suffix: str, rows: pd.DataFrame, trained: dict[str, Trained], target: str, tmp_path: Path
) -> None:
    path = tmp_path / f"in.{suffix}"
    if suffix == "csv":
        rows.to_csv(path, index=False)
    elif suffix == "parquet":
        rows.to_parquet(path, index=False)
    else:
        rows.to_json(path, orient="records", lines=True)
    out = tmp_path / "out.csv"

    done = learnwire("predict", "penguins", "--file", path, "-o", out, "--target", target)

    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.splitlines()[-1] == f"learnwire: 30 rows in {out}"
    found = pd.read_csv(out)
    assert list(found) == ["row", "label", *PROBABILITIES, "warnings", "error"]
    assert_answers(found, trained["penguins"], 30)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([path.name, "out.csv"])


def test_the_local_store_answers_texts_into_parquet(
    trained: dict[str, Trained], target: str, tmp_path: Path
) -> None:
    texts = trained["sentiment"].items[:12]
    frame = pd.DataFrame({"title": "x", "review": texts})
    path, out = tmp_path / "in.jsonl", tmp_path / "out.parquet"
    frame.to_json(path, orient="records", lines=True)

    vague = learnwire("predict", "sentiment", "--file", path, "-o", out, "--target", target)
    assert vague.returncode == 1
    assert "2 columns of texts (title, review): say with --column" in vague.stderr

    done = learnwire("predict", "sentiment", "--file", path, "-o", out, "--column", "review")
    assert done.returncode == 0
    assert_answers(pd.read_parquet(out), trained["sentiment"], 12)


def test_bad_rows_keep_their_place_and_are_told(
    rows: pd.DataFrame, target: str, tmp_path: Path
) -> None:
    path, out = tmp_path / "in.csv", tmp_path / "out.csv"
    cells = rows.astype(object)
    cells.loc[3, "bill_length_mm"] = "long"
    cells.loc[7, "year"] = "?"
    cells.to_csv(path, index=False)
    path.write_text(path.read_text() + "too,few\n")

    done = learnwire("predict", "penguins", "--file", path, "-o", out, "--target", target)

    assert done.returncode == 3
    summary = f"learnwire: 31 rows in {out}, 3 refused: see {tmp_path / 'out.errors.csv'}"
    assert done.stderr.splitlines()[-1] == summary
    bad = pd.read_csv(tmp_path / "out.errors.csv")
    assert bad["row"].tolist() == [3, 7, 30]
    assert bad["field"].tolist() == ['row.cells["bill_length_mm"]', 'row.cells["year"]', "row"]
    assert 'got the string "long"' in bad["reason"][0]
    assert bad["reason"][2] == "expected 8 cells, got 2"
    found = pd.read_csv(out)
    assert found.index[found["label"].isna()].tolist() == [3, 7, 30]
    assert found["error"].notna().tolist() == found["label"].isna().tolist()

    rows.to_csv(path, index=False)
    again = learnwire("predict", "penguins", "--file", path, "-o", out, "--target", target)
    assert again.returncode == 0
    assert not (tmp_path / "out.errors.csv").exists()


def test_json_rows_may_be_no_json_and_lack_columns(
    rows: pd.DataFrame, target: str, tmp_path: Path
) -> None:
    good = json.loads(rows.loc[0].to_json())
    partial = {name: cell for name, cell in good.items() if name != "island"}
    lines = [json.dumps(partial), "{island", "[1]", json.dumps({**good, "island": 3})]
    path, out = tmp_path / "in.jsonl", tmp_path / "out.csv"
    path.write_text("\n".join([*lines, json.dumps(good)]))

    done = learnwire("predict", "penguins", "--file", path, "-o", out, "--target", target)

    assert done.returncode == 3
    bad = pd.read_csv(tmp_path / "out.errors.csv")
    assert bad["row"].tolist() == [0, 1, 2, 3]
    island = 'row.cells["island"]'
    assert bad["field"].tolist() == [island, "row", "row", island]


def test_a_folder_of_images(target: str, trained: dict[str, Trained], tmp_path: Path) -> None:
    folder, out = tmp_path / "images", tmp_path / "out.csv"
    (folder / "deep").mkdir(parents=True)
    names = ["a.png", "b.png", "deep/c.png"]
    for name, pixels in zip(names, trained["digits"].items, strict=False):
        Image.fromarray(pixels).save(folder / name)
    (folder / "deep" / "d.png").write_bytes(b"no image")
    (folder / "notes.txt").write_text("not asked")

    done = learnwire("predict", "digits", "--file", folder, "-o", out, "--target", target)

    assert done.returncode == 3
    found = pd.read_csv(out, dtype={"label": str})
    assert found["file"].tolist() == [*names, "deep/d.png"]
    assert_answers(found[:3], trained["digits"], 3)
    bad = pd.read_csv(tmp_path / "out.errors.csv")
    assert bad["file"].tolist() == ["deep/d.png"]
    assert "expected an encoded image" in bad["reason"][0]


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_a_run_cut_short_goes_on_to_the_same_bytes(
    number: signal.Signals, code: int, rows: pd.DataFrame, target: str, tmp_path: Path
) -> None:
    path, out, whole = (tmp_path / name for name in ("in.csv", "out.csv", "whole.csv"))
    many = pd.concat([rows] * 20)
    many.to_csv(path, index=False)
    ask = ["predict", "penguins", "--file", path, "--target", target, "--chunk-rows", "5", "-o"]

    with start(*ask, out) as process:
        read_until(process, "10 of 600 rows\n")
        process.send_signal(number)
        told = process.communicate(timeout=120)[1]
    assert process.returncode == code
    assert "Traceback" not in told
    assert not out.exists()
    assert len(list((tmp_path / "out.csv.parts").glob("part-*"))) >= 2

    assert learnwire(*ask, out).returncode == 0
    assert learnwire(*ask, whole).returncode == 0
    assert out.read_bytes() == whole.read_bytes()
    assert not (tmp_path / "out.csv.parts").exists()


def start(*arguments: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [LEARNWIRE, *map(str, arguments)], stderr=subprocess.PIPE, text=True, env={**os.environ}
    )


def read_until(process: "subprocess.Popen[str]", line: str) -> None:
    assert process.stderr is not None
    assert line in iter(process.stderr.readline, "")


def test_an_interrupt_ends_the_local_server_too(
    trained: dict[str, Trained], rows: pd.DataFrame, tmp_path: Path
) -> None:
    path = tmp_path / "in.csv"
    pd.concat([rows] * 20).to_csv(path, index=False)
    out = tmp_path / "out.csv"
    with start("predict", "penguins", "--file", path, "--chunk-rows", "5", "-o", out) as process:
        read_until(process, "5 of 600 rows\n")
        process.send_signal(signal.SIGINT)
        told = process.communicate(timeout=120)[1]
    assert process.returncode == 130
    assert told.endswith("the same command goes on behind the last finished part\n")


class Stopped(Exception):
    pass


@pytest.fixture
def stopped(rows: pd.DataFrame, client: Client, tmp_path: Path) -> dict[str, Any]:
    """Give the arguments of a run that was stopped behind its first part."""
    rows.to_csv(tmp_path / "in.csv", index=False)
    job: dict[str, Any] = {
        "path": tmp_path / "in.csv",
        "output": tmp_path / "out.csv",
        "chunk_rows": 10,
    }

    def stop(done: int, total: int) -> None:
        if done:
            raise Stopped

    with pytest.raises(Stopped):
        bulk.predict_file(client, "penguins", **job, progress=stop)
    return job


def test_finished_parts_are_not_asked_again(
    stopped: dict[str, Any], client: Client, tmp_path: Path
) -> None:
    part = tmp_path / "out.csv.parts" / "part-00000000.parquet"
    before = part.stat().st_ino, part.stat().st_mtime_ns
    seen = []

    def look(done: int, total: int) -> None:
        seen.append((part.stat().st_ino, part.stat().st_mtime_ns))

    done = bulk.predict_file(client, "penguins", **stopped, progress=look)
    assert done == (30, 0)
    assert seen == [before] * 4


def test_another_input_or_chunk_size_is_no_resumption(
    stopped: dict[str, Any], target: str, rows: pd.DataFrame
) -> None:
    path, out = stopped["path"], stopped["output"]
    ask = ["predict", "penguins", "--file", path, "-o", out, "--target", target]

    resized = learnwire(*ask)
    assert resized.returncode == 1
    assert "chunk_rows was 10 and is 10000" in resized.stderr

    rows[:20].to_csv(path, index=False)
    changed = learnwire(*ask, "--chunk-rows", "10")
    assert changed.returncode == 1
    assert "the input has changed since" in changed.stderr
    assert "--restart" in changed.stderr

    assert learnwire(*ask, "--restart").returncode == 0
    assert pd.read_csv(out)["row"].tolist() == list(range(20))


def test_another_version_is_no_resumption(stopped: dict[str, Any], client: Client) -> None:
    manifest = stopped["output"].with_name("out.csv.parts") / "manifest.json"
    text = manifest.read_text()
    manifest.write_text(text.replace(client.model("penguins").version, "older"))
    with pytest.raises(Exception, match="model was penguins:older and is penguins:"):
        bulk.predict_file(client, "penguins", **stopped, progress=lambda done, total: None)


def test_a_table_without_rows_is_answered_with_none(client: Client, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("text\n")
    for suffix in bulk.OUTPUT_SUFFIXES:
        output = tmp_path / f"out{suffix}"
        done = bulk.predict_file(
            client,
            "sentiment",
            tmp_path / "in.csv",
            output,
            progress=lambda done, total: None,
        )
        assert done == (0, 0)
        assert output.exists()


@pytest.mark.parametrize(
    ("model", "name", "content", "code", "problem"),
    [
        ("penguins", "in.txt", b"x", 2, "one of .csv, .jsonl, .parquet"),
        ("penguins", "in.csv", b"island\nDream\n", 1, "has no column sex, year"),
        ("penguins", "in.csv", b"a,a\n1,2\n", 1, "stands twice in its header"),
        ("sentiment", "in.csv", b"text\n\xff\n", 1, "cannot be read"),
        ("penguins", "in.parquet", b"x", 1, "cannot be read"),
        ("digits", "in.csv", b"text\nx\n", 1, "takes array"),
        ("penguins", "out.csv", b"text\nx\n", 2, "would overwrite"),
        ("nobody", "in.csv", b"text\nx\n", 1, "nobody"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence(
    model: str, name: str, content: bytes, code: int, problem: str, target: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    done = learnwire_here(
        *("predict", model, "--file", tmp_path / name, "-o", tmp_path / "out.csv"),
        LEARNWIRE_TARGET=target,
    )
    assert done.exit_code == code
    assert problem in done.stderr
    assert not (tmp_path / "out.csv.parts").exists()
