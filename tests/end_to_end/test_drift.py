"""Drift: a server tells how what it is asked and answers differs from what training saw."""

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import learnwire_service as lw
import numpy as np
import pandas as pd
import pytest
from learnwire_client import AsyncClient, Client, ModelDrift, NotFound
from learnwire_service.learners import export

from examples.demo import data
from tests.conftest import Trained
from tests.end_to_end.metered import metered
from tests.end_to_end.test_cli import learnwire
from tests.end_to_end.test_workers import await_that
from tests.service import small_learners as small

GERMAN = [
    "Ein wunderbarer Film, der mich von der ersten Minute an gefesselt hat.",
    "Leider ist die Handlung vorhersehbar, und die Figuren bleiben blass.",
    "Die Schauspieler sind großartig, doch das Drehbuch enttäuscht gewaltig.",
    "Selten habe ich mich so gelangweilt; zwei verlorene Stunden.",
]
TRAINING, NOW = "training.json", "nothing has drifted"


def penguins_frame() -> pd.DataFrame:
    """Give the rows that the penguins' learner was trained with, shuffled."""
    frame = data.penguins()
    frame = frame[~frame["valid"]].drop(columns="valid")
    return frame.sample(frac=1, random_state=0)


@pytest.fixture
def fresh(trained: dict[str, Trained]) -> Iterator[str]:
    """A server of the penguins that has answered nobody yet."""
    with lw.serving("penguins", max_wait=600) as target:
        yield target


@pytest.fixture
def client(fresh: str) -> Iterator[Client]:
    """A client of that server."""
    with Client(fresh) as connected:
        yield connected


@pytest.fixture(scope="module")
def shop() -> Any:
    """A small classifier of rows."""
    return small.shop_learner()


def drift_of(client: Client, frame: pd.DataFrame, rows: int = 1000) -> ModelDrift:
    """Tell the drift after so many rows, each from the frame."""
    rows_of = frame.sample(rows, replace=len(frame) < rows, random_state=1)
    client.predict_frame("penguins", rows_of)
    return client.drift("penguins")


def test_trainings_own_rows_have_not_drifted(client: Client) -> None:
    rows = penguins_frame().drop(columns="species")
    for row in rows.to_dict("records")[:50]:
        client.predict("penguins", pd.Series(row))
    client.predict_frame("penguins", rows[50:])
    found = client.drift("penguins")
    assert found.items == len(rows)
    assert found.sentences == ()
    assert {one.name for one in found.features} == {*rows.columns, "class", "sureness"}
    assert all(one.stability_index is not None for one in found.features)
    assert max(one.stability_index or 0 for one in found.features) < 0.05
    nulls = rows["sex"].isna().mean()
    assert found.columns["sex"].null_share == pytest.approx(nulls)
    assert NOW in repr(found)
    assert drift_of(client, rows).sentences == ()


@pytest.mark.slow
def test_a_column_in_another_unit_is_told(client: Client) -> None:
    rows = penguins_frame().drop(columns="species")
    assert drift_of(client, rows, 2000).sentences == ()
    drift = drift_of(client, rows.assign(body_mass_g=rows["body_mass_g"] / 1000))
    [told] = [one for one in drift.sentences if one.startswith("body_mass_g")]
    assert re.fullmatch(r"body_mass_g: \d+ % below what training saw|.* at training", told)
    index = drift.columns["body_mass_g"].stability_index
    assert index is not None
    assert index > 0.25
    assert drift.columns["body_mass_g"].outside_share > 0.3
    assert not any(one.startswith(("island", "bill", "flipper", "year")) for one in drift.sentences)


@pytest.mark.slow
def test_how_far_a_column_has_moved_is_told(client: Client) -> None:
    rows = penguins_frame().drop(columns="species")
    drift = drift_of(client, rows.assign(body_mass_g=rows["body_mass_g"] * 1.31))
    [told] = [one for one in drift.sentences if one.startswith("body_mass_g")]
    matched = re.fullmatch(r"body_mass_g: (\d+) % above what training saw", told)
    assert matched
    assert 26 <= int(matched[1]) <= 36


def test_a_new_category_is_told(client: Client) -> None:
    rows = penguins_frame().drop(columns="species")
    new = np.arange(len(rows)) % 8 == 0
    drift = drift_of(client, rows.assign(island=rows["island"].where(~new, "Sylt")))
    [told] = drift.sentences
    assert re.fullmatch(r"island: 1\d % of values are categories training did not have", told)
    assert drift.columns["island"].unknown_share == pytest.approx(1 / 8, abs=0.04)


@pytest.mark.slow
def test_nulls_are_told(client: Client) -> None:
    rows = penguins_frame().drop(columns="species")
    drift = drift_of(client, rows.assign(bill_length_mm=np.nan))
    assert "bill_length_mm: 100 % of values are null, 0.7 % at training" in drift.sentences


@pytest.mark.slow
def test_a_class_that_has_become_rare_is_told(client: Client) -> None:
    frame = penguins_frame()
    drift = drift_of(client, frame[frame["species"] != "Gentoo"].drop(columns="species"))
    told = [one for one in drift.sentences if one.startswith("class ")]
    assert len(told) == 1
    assert re.fullmatch(r"class \w+: answered \d+ % of the time, \d+ % at training", told[0])
    [classes] = [one for one in drift.features if one.kind == "class"]
    shares = {one.category: (one.share, one.training_share) for one in classes.bins}
    now, then = shares["Gentoo"]
    assert then is not None
    assert now < 0.05 < 0.25 < then
    assert all(one.mean_probability is None or 0 < one.mean_probability < 1 for one in classes.bins)


@pytest.mark.slow
def test_texts_in_another_language_are_told_and_trainings_own_are_not(
    trained: dict[str, Trained],
) -> None:
    reviews = data.reviews()[:900]
    with lw.serving("sentiment", max_wait=600) as target, Client(target) as client:
        for _ in client.predict_many("sentiment", reviews["text"][~reviews["valid"]]):
            pass
        own = client.drift("sentiment")
        for _ in client.predict_many("sentiment", GERMAN * 200):
            pass
        drift = client.drift("sentiment")
    assert own.items == 800
    assert own.sentences == ()
    assert {one.name for one in own.features} == {"words", "unknown words", "class", "sureness"}
    assert any(
        re.fullmatch(r"texts: \d\d % unknown words, \d+ % at training", one)
        for one in drift.sentences
    )


@pytest.mark.slow
def test_the_window_forgets(client: Client) -> None:
    rows = penguins_frame().drop(columns="species")
    assert drift_of(client, rows.assign(body_mass_g=9e9), 300).sentences
    for _ in range(10):
        found = drift_of(client, rows, 250)
    assert 2000 <= found.items < 3000
    assert found.sentences == ()


@pytest.mark.slow
def test_of_many_rows_at_once_some_are_looked_at(client: Client) -> None:
    rows = penguins_frame().drop(columns="species")
    many = rows.assign(island="Sylt").sample(20_000, replace=True, random_state=0)
    client.predict_frame("penguins", many)
    found = client.drift("penguins")
    assert 1000 < found.items < 3000
    assert found.columns["island"].unknown_share == 1


@pytest.mark.slow
def test_asynchronous_clients_ask_as_well(fresh: str) -> None:
    async def use() -> None:
        async with AsyncClient(fresh) as client:
            assert (await client.drift("penguins")).items == 0
            with pytest.raises(NotFound):
                await client.drift("nobody")

    asyncio.run(use())


@pytest.mark.slow
def test_the_command_line_shows_it(fresh: str, client: Client) -> None:
    rows = penguins_frame().drop(columns="species")
    drift_of(client, rows.assign(island="Sylt"))
    page = learnwire("stats", "penguins", "--drift", "--target", fresh).stdout
    found = client.drift("penguins")
    assert page == f"{found!r}\n"
    assert page.startswith(f"{lw.get('penguins').tag}, the last {found.items} items\n")
    assert "island: 100 % of values are categories training did not have\n" in page
    shown = json.loads(
        learnwire("stats", "penguins", "--drift", "--json", "--target", fresh).stdout
    )
    assert int(shown["items"]) == found.items


class TestOthers:
    """Models of small learners, in a store of their own."""

    @pytest.fixture(autouse=True)
    def own_home(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LEARNWIRE_HOME", str(tmp_path))

    @staticmethod
    def asked(row: dict[str, Any], times: int = 60) -> ModelDrift:
        with lw.serving("shop") as target, Client(target) as client:
            for _ in client.predict_many("shop", [row] * times):
                pass
            return client.drift("shop")

    @pytest.mark.slow
    def test_refused_items_count(self, shop: Any) -> None:
        lw.save_model("shop", shop, unknown_categories="refuse")
        found = self.asked({**small.ROW, "shop": "moon", "price": "dear"})
        assert found.items == 60
        assert found.columns["shop"].unknown_share == 1
        assert "price" not in found.columns
        assert [one for one in found.features if one.kind == "class"] == []
        assert "shop: 100 % of values are categories training did not have" in found.sentences

    def test_private_columns_never_show(self, shop: Any) -> None:
        saved = lw.save_model("shop", shop, private=["shop", "price", "sold"])
        kept = (saved.directory / TRAINING).read_text()
        found = self.asked({**small.ROW, "shop": "moon", "price": 1e6})
        assert set(found.columns) == {"size", "open", "weight"}
        assert {one.kind for one in found.features} == {"column", "sureness"}
        for secret in ("north", "south", "price", "moon", "yes"):
            assert secret not in kept + str(found.message)

    @pytest.mark.slow
    def test_a_version_saved_before_says_so(self, shop: Any) -> None:
        saved = lw.save_model("shop", shop)
        (saved.directory / TRAINING).unlink()
        files = {name: file for name, file in saved.manifest.files.items() if name != TRAINING}
        saved.manifest.model_copy(update={"files": files}).write(saved.directory)
        found = self.asked({**small.ROW, "shop": "moon"})
        assert "saved before" in found.untold
        assert all(one.stability_index is None for one in found.features)
        assert found.sentences == ("shop: 100 % of values are categories training did not have",)
        assert "what training looked like is not known: it was saved before" in repr(found)

    @pytest.mark.slow
    def test_an_exported_learner_says_so(self, shop: Any, tmp_path: Path) -> None:
        export.export(shop, tmp_path / "shop.pkl")
        lw.save_model("shop", export.load(tmp_path / "shop.pkl"), nulls="allow")
        assert self.asked(small.ROW).untold == "its Learner came without its training data"

    @pytest.mark.slow
    def test_a_sealed_copy_keeps_it(self, shop: Any) -> None:
        first = lw.save_model("shop", shop)
        again = lw.seal_model("shop")
        assert again.training() == first.training()
        assert not again.training().untold

    @pytest.mark.slow
    def test_numbers_that_are_answered_are_watched(self) -> None:
        lw.save_model("shop", small.shop_regressor("total"))
        found = self.asked(small.ROW)
        [target] = [one for one in found.features if one.kind == "target"]
        assert target.name == "total"
        assert target.count == 60
        assert target.stability_index is not None


@pytest.mark.slow
def test_workers_count_together_and_metrics_show_it(
    trained: dict[str, Trained], tmp_path: Path
) -> None:
    rows = penguins_frame().drop(columns="species").assign(island="Sylt")[:60]
    with metered(tmp_path, "--workers", "2") as server:
        for row in rows.to_dict("records"):
            with Client(server.target) as client:
                client.predict("penguins", pd.Series(row))

        def told() -> ModelDrift | None:
            with Client(server.target) as client:
                found = client.drift("penguins")
            return found if found.items == 60 else None

        found = await_that(told, "all items are told")
        await_that(
            lambda: server.value("learnwire_drift_window_items", model="penguins") == 60,
            "metrics show it",
        )
        ratio = server.value("learnwire_drift_unknown_ratio", model="penguins", feature="island")
        index = server.value("learnwire_drift_stability_index", feature="island")
        answered = server.value("learnwire_drift_class_ratio", model="penguins")
        labels = {label for (_, has) in server.samples() for label in has}
    assert found is not None
    assert found.columns["island"].unknown_share == ratio == 1
    assert index == pytest.approx(found.columns["island"].stability_index)
    assert answered == pytest.approx(1)
    assert not any("Sylt" in value or "Dream" in value for _, value in labels)
