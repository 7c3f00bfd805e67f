"""The console, walked by a browser: what people see, type and get; what hostile names do."""

import base64
import csv
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest

from tests.access import AccessWriter
from tests.conftest import Trained
from tests.end_to_end.test_http import row_of
from tests.end_to_end.web import web_serving
from tests.system.pages import COPIES, MODELS, SCRIPT, Page, filled, image

pytestmark = pytest.mark.system

TELEPHONE = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}


def cell_of(cell: Any) -> str:
    """Write a cell as a spreadsheet copies it."""
    text = "" if cell is None else str(cell)
    return '"' + text.replace('"', '""') + '"' if '"' in text else text


def test_what_is_served_is_listed(page: Any) -> None:
    home = page()
    home.one("main table")
    names = [one.text for one in home.all("main tbody th")]
    assert names == [*sorted(MODELS), "digest", "letters", "shout"]
    assert [one.text for one in home.all("nav a")] == names
    home.driver.find_element("link text", "digits").click()
    assert home.heading("digits")
    assert home.driver.title == "digits · Learnwire"
    assert home.faults() == []


def test_a_text_is_asked_about(page: Any, sentiment: Trained) -> None:
    text = sentiment.items[4]
    label, _, probabilities = sentiment.predict(text)
    opened = page("#/model/sentiment")
    opened.write("Text", text)
    assert opened.ask().startswith(label)
    assert opened.probabilities()[label] == pytest.approx(max(probabilities), abs=1e-3)
    assert opened.faults() == []


def test_a_row_is_asked_about_with_its_nulls(page: Any, penguins: Trained) -> None:
    item = next(one for one in penguins.items if None in row_of(one).values())
    label, _, probabilities = penguins.predict(item)
    opened = page("#/model/penguins")
    filled(opened, item)
    assert opened.ask().startswith(label)
    assert opened.probabilities()[label] == pytest.approx(max(probabilities), abs=1e-3)
    assert opened.faults() == []


def test_an_image_is_asked_about(page: Any, digits: Trained, tmp_path: Path) -> None:
    item = digits.items[0]
    label, _, probabilities = digits.predict(item)
    opened = page("#/model/digits")
    opened.write("Image", image(tmp_path, item))
    assert opened.ask().startswith(label)
    assert opened.probabilities()[label] == pytest.approx(max(probabilities), abs=1e-3)
    assert opened.faults() == []


@pytest.mark.parametrize(
    "give",
    [
        "document.querySelector('.drop').dispatchEvent("
        "new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }))",
        "document.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data }))",
    ],
    ids=["dropped", "pasted"],
)
def test_an_image_is_given(page: Any, digits: Trained, tmp_path: Path, give: str) -> None:
    item = digits.items[1]
    label, _, probabilities = digits.predict(item)
    opened = page("#/model/digits")
    opened.one(".drop")
    script = f"""
        const bytes = Uint8Array.from(atob(arguments[0]), (one) => one.charCodeAt(0));
        const data = new DataTransfer();
        data.items.add(new File([bytes], "given.png", {{ type: "image/png" }}));
        {give};
    """
    picture = Path(image(tmp_path, item)).read_bytes()
    opened.driver.execute_script(script, base64.b64encode(picture).decode())
    opened.one(".drop img:not([hidden])")
    assert opened.ask().startswith(label)
    assert opened.probabilities()[label] == pytest.approx(max(probabilities), abs=1e-3)
    assert opened.faults() == []


def test_an_image_is_drawn(page: Any) -> None:
    opened = page("#/model/digits")
    opened.drag(".pad", 40)
    opened.one(".drop img:not([hidden])")
    opened.ask()
    assert opened.faults() == []


def test_an_endpoint_is_asked(page: Any) -> None:
    opened = page("#/endpoint/shout")
    opened.write("text", "hey")
    opened.write("times", "12")
    opened.press("Ask")
    assert "at most 9" in opened.problem_of("times")
    opened.write("times", "2")
    assert opened.ask() == "HEYHEY"
    assert opened.faults() == []


def test_an_endpoint_answers_bit_by_bit(page: Any) -> None:
    opened = page("#/endpoint/letters")
    opened.write("Input", "<b>")
    opened.ask()
    opened.driver.find_element("xpath", '//p[contains(., "3 answers")]')
    assert [one.text for one in opened.all(".answers .told")] == ["<", "b", ">"]
    assert opened.faults() == []


def test_what_is_wrong_stands_at_its_field(page: Any) -> None:
    opened = page("#/model/penguins")
    opened.write("body_mass_g", "heavy")
    opened.write("island", "another value")
    opened.one('[aria-label="island: another value…"]').send_keys("Mars")
    opened.press("Ask")
    assert 'expected a float or null, got the string "heavy"' in opened.problem_of("body_mass_g")
    assert opened.driver.switch_to.active_element == opened.named("body_mass_g")
    opened.write("body_mass_g", "3700")
    opened.ask()
    assert "Mars" in opened.one(".answers .warning").text
    assert opened.all("[aria-invalid]") == []


def test_rows_of_a_spreadsheet_become_a_file_of_answers(page: Any, penguins: Trained) -> None:
    rows = [{**row_of(one), "name": f'"{at}", =1'} for at, one in enumerate(penguins.items[:20])]
    rows[3]["year"] = "x"
    opened = page("#/model/penguins")
    opened.press("Ask it many")
    lines = ["\t".join(rows[0]), *("\t".join(map(cell_of, one.values())) for one in rows)]
    opened.paste("Rows copied from a spreadsheet, or CSV", "\n".join(lines))
    opened.press("Ask all")
    opened.press("Download as CSV")
    told = opened.downloaded("penguins.csv")
    assert [one["name"] for one in told] == [one["name"] for one in rows]
    labels = [penguins.predict(one)[0] for one in penguins.items[:20]]
    labels[3] = ""
    assert [one["label"] for one in told] == labels
    assert 'got the string "x"' in told[3]["error"]
    assert opened.faults() == []


def test_a_file_of_texts_becomes_a_file_of_answers(
    page: Any, sentiment: Trained, tmp_path: Path
) -> None:
    texts = sentiment.items[4:24] * 40
    with (tmp_path / "texts.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["id", "text"], *enumerate(texts)])
    opened = page("#/model/sentiment")
    opened.press("Ask it many")
    opened.named("or a file of CSV").send_keys(str(tmp_path / "texts.csv"))
    opened.press("Download as CSV")
    told = opened.downloaded("sentiment.csv")
    assert [one["text"] for one in told] == texts
    labels = [sentiment.predict(one)[0] for one in texts[:20]]
    assert [one["label"] for one in told] == labels * 40


def test_masks_and_points_lie_over_the_image(page: Any, tmp_path: Path) -> None:
    path = image(tmp_path, np.random.default_rng(0).integers(0, 256, (20, 24, 3), dtype=np.uint8))
    for model, told in (("mask", "The image with its mask"), ("point", "The image with points at")):
        opened = page(f"#/model/{model}")
        opened.write("Image", path)
        opened.press("Ask")
        assert opened.one("canvas").get_attribute("aria-label").startswith(told)
        assert opened.faults() == []


def test_charts_grow_and_drift_is_told(page: Any) -> None:
    opened = page("#/model/penguins")
    opened.ask()
    opened.press("What it does now")
    opened.one('.chart .line[d*="L"]')
    opened.press("Drift")
    assert opened.driver.find_element("xpath", '//th[normalize-space()="flipper_length_mm"]')
    assert opened.faults() == []


def test_names_with_script_in_them_are_text(page: Any) -> None:
    opened = page("#/model/hostile")
    for name in ("price", "weight"):
        opened.write(name, "1")
    opened.ask()
    for title in (COPIES, "What it does now", "Drift", "Where it comes from", "Ask it many"):
        opened.press(title)
    opened.write("Rows copied from a spreadsheet, or CSV", f"shop,price\n{SCRIPT},2\n")
    opened.press("Ask all")
    opened.one(".many + .answers table")
    assert opened.one("main").text.count(SCRIPT) >= 4
    for path in ("", "#/endpoint/shout", f"#/model/{quote(SCRIPT)}"):
        opened.driver.get(f"{opened.url}/{path}")
        opened.one("h1")
        assert opened.all("main script, main [onerror], main [src=x]") == []
        assert opened.driver.title != "owned"
    assert opened.faults() == []


def test_a_token_is_typed_once_and_kept_nowhere(
    driver: Any, trained: dict[str, Trained], tmp_path: Path
) -> None:
    access = AccessWriter(tmp_path / "access.json")
    reads = access.token("reads", "read", "predict")
    predicts = access.token("predicts", "predict")
    with web_serving("penguins", access=access.path) as (_, http):
        opened = Page(driver, str(http.base_url), "#/model/penguins")
        for token in ("nonsense", reads):
            opened.one(".error")
            opened.write("Token", token)
            opened.press("Use it")
        assert opened.heading("penguins")
        opened.ask()
        script = "return [document.cookie, localStorage.length, sessionStorage.length]"
        assert driver.execute_script(script) == ["", 0, 0]
        assert reads not in driver.page_source
        opened = Page(driver, str(http.base_url))
        opened.one(".error")
        opened.write("Token", predicts)
        opened.press("Use it")
        opened.write("Name a model that you may ask", "penguins")
        opened.press("Go")
        opened.ask()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["", "#/model/penguins", "#/model/sentiment", "#/endpoint/shout"])
def test_everybody_can_use_it(page: Any, axe: str, path: str, scheme: str) -> None:
    opened = page(path)
    opened.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", TELEPHONE)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    opened.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    opened.one("main h1")
    if path:
        opened.press("Ask")
        opened.one(".answers :is(.told, .error)")
    for closed in opened.all("details:not([open]) > summary"):
        closed.click()
    assert opened.driver.execute_script("return document.documentElement.scrollWidth") <= 360
    opened.driver.execute_script(axe)
    found = opened.driver.execute_async_script("axe.run().then(arguments[0])")
    told = [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]]
    assert told == []


def test_the_keyboard_is_enough(page: Any) -> None:
    opened = page("#/model/sentiment")
    opened.heading("sentiment")
    opened.tab_to("textarea")
    opened.driver.switch_to.active_element.send_keys("A warm film.")
    opened.tab_to("button")
    opened.driver.switch_to.active_element.send_keys("\ue007")
    assert opened.one(".answers .told").text
    opened.tab_to("summary")
    opened.driver.switch_to.active_element.send_keys("\ue007")
    assert opened.one(".copies pre").is_displayed()
