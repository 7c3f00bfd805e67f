"""What notebooks show of what a client gives."""

from html.parser import HTMLParser

import numpy as np
import pytest
from learnwire_client import Client, MultiLabel, Regression, SingleLabel
from learnwire_client.page import Table, as_html, as_text
from learnwire_client.prediction import Mask, Several

from tests.conftest import Trained


class Shown(HTMLParser):
    """Reads what a browser shows of some HTML: its texts, and the tags around them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags, self.texts = set[str](), list[str]()
        self._open = list[str]()
        self.feed(html)
        assert not self._open

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def shown(thing: object) -> list[str]:
    return Shown(thing._repr_html_()).texts  # type: ignore[attr-defined]


def test_a_page_is_text_and_html() -> None:
    page: list[str | Table] = [
        "pets",
        Table([("class", "n"), ("a<b", "1 & 2")]),
        " <script>",
        Table([("x",)], False),
    ]
    assert as_text(page) == "pets\n  class  n\n  a<b    1 & 2\n <script>\n  x"
    html = Shown(as_html(page))
    assert html.texts == ["pets", "class", "n", "a<b", "1 & 2", " <script>", "x"]
    assert html.tags == {"div", "strong", "table", "tr", "th", "td"}


def test_an_answer_shows_its_classes_the_likeliest_first() -> None:
    answer = SingleLabel.of("<b>", {"<i>": 0.25, "<b>": 0.75}).signed("pets", "v1", ("it & that",))
    title, facts, warning, *_ = shown(answer)
    assert (title, warning) == ("pets:v1", "warning: it & that")
    assert "label='<b>', probability=0.75" in facts
    answer = SingleLabel.of("b", {"a": 0.25, "b": 0.75})
    assert shown(answer)[2:] == ["class", "probability", "b", "0.75", "a", "0.25"]


def test_answers_of_all_kinds_are_shown() -> None:
    several = Several.of([MultiLabel.of(["a"], {"a": 0.9}), Regression.of([1.5])])
    assert shown(several) == [
        *("Several", "MultiLabel", "label=('a',), probabilities=(0.9,)"),
        *("class", "probability", "a", "0.9"),
        *("Regression", "label=(1.5,)"),
    ]
    mask = np.zeros((2, 3), np.int64)
    assert "label=int64[2, 3]" in shown(Mask(mask, mask, np.zeros((1, 2, 3), np.float32)))[1]


def test_an_answer_without_its_client_is_shown_too(
    target: str, trained: dict[str, Trained]
) -> None:
    item = trained["penguins"].items[0]
    with Client(target) as client:
        answer = client.predict("penguins", item)
        assert {"Adelie", "Chinstrap", "Gentoo"} < set(shown(answer))
    with Client(target) as client:
        answer = client.predict("penguins", item)
    assert shown(answer)[0] == f"penguins:{answer.version}"


@pytest.mark.parametrize("name", ["penguins", "digits", "sentiment"])
def test_notebooks_show_what_is_printed(
    name: str, client: Client, trained: dict[str, Trained]
) -> None:
    model = client.model(name)
    for thing in (model, client.statistics(name)):
        assert "".join("".join(shown(thing)).split()) == "".join(repr(thing).split())
    assert shown(model.input)[0].startswith("takes ")
    assert shown(model.output) == [
        f"answers one of {len(model.output.classes)} classes: "
        + ", ".join(model.output.classes[:8])
        + " and 2 more" * (name == "digits")
    ]


def test_a_model_of_images_says_so(client: Client, trained: dict[str, Trained]) -> None:
    images = "takes an image, encoded or as an array: uint8 [height any, width any]"
    assert images in repr(client.model("digits"))
