"""Texts that rules or tokenizer take quadratic time for are refused, and no ordinary ones."""

import random
import string
from typing import Any

import pytest
from learnwire_service.common.errors import InvalidInput
from learnwire_service.learners import runs
from learnwire_service.learners.runs import Runs

from examples.demo import data


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    from fastai.text.core import SpacyTokenizer, Tokenizer

    return Tokenizer(SpacyTokenizer("en"))


@pytest.fixture
def checked(tokenizer: Any) -> Runs:
    return Runs(tokenizer)


@pytest.mark.parametrize(
    "text",
    [
        "!?" * 50_000,
        ":)" * 5_000,
        "'s" * 500,
        "word" + "'s" * 500,
        "(!" * 60 + "word",
        "fine text before " + "!?" * 200 + " and after",
        "&#33;&#63;" * 200,
        "a:" * 5_000,
    ],
)
def test_runs_of_signs_are_refused(checked: Runs, text: str) -> None:
    with pytest.raises(InvalidInput, match="run of characters without a space") as caught:
        checked.check(text)
    [violation] = caught.value.violations
    assert violation.field == "text.content"


def test_capitals_before_a_small_letter_are_refused_and_others_are_not(checked: Runs) -> None:
    with pytest.raises(InvalidInput) as caught:
        checked.check("fine " + "AB" * 1000 + "a")
    assert caught.value.violations[0].description == (
        "expected at most 100 capitals where small letters follow in a run of characters without "
        'a space, got more in one of 2001 that begins with "ABABABABABABABABABAB"'
    )
    for fine in ("AB" * 1000, "AB" * 1000 + " a", "A" * 99 + "b", "aB" * 1000):
        checked.check(fine)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "!" * 5_000,  # which the rules make short
        "." * 5_000,
        "-" * 80,
        "=-" * 40,
        "/\\_" * 26,
        "><((((º>" * 10,
        "(╯°□°)╯︵ ┻━┻" * 5,
        "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 3,
        "word," * 5_000,
        "ACGT" * 5_000,
        "映画はとても面白かった。" * 1_000,
        "0123456789abcdef" * 2_000,
        "https://example.com/path/to/page?" + "&".join(f"key{i}=value{i}" for i in range(300)),
        "2001:0db8:85a3:0000:0000:8a2e:0370:7334",
        '{"title":"a","stars":4,"text":"fine"},' * 50,
        "well...that was (really!) something :-) :-) :-)",
    ],
)
def test_ordinary_texts_are_taken(checked: Runs, text: str) -> None:
    checked.check(text)


def test_no_review_is_refused(checked: Runs) -> None:
    reviews = data.reviews()["text"].tolist()
    for review in reviews:
        checked.check(review)
    checked.check(" ".join(reviews)[:100_000])


def test_new_words_are_kept_up_to_a_bound_and_change_no_answer(
    tokenizer: Any, checked: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    strings = tokenizer.tok.pipe.__self__.vocab.strings
    choose = random.Random(0)
    texts = [
        " ".join("".join(choose.choices(string.ascii_letters, k=9)) + "!" for _ in range(20))
        for _ in range(20)
    ]
    monkeypatch.setattr(runs, "MAX_WORDS", len(strings))
    known = len(strings)
    with checked.few_words():
        forgotten = [list(tokenizer(text)) for text in texts]
    assert len(strings) == known
    monkeypatch.setattr(runs, "MAX_WORDS", known + 100)
    with checked.few_words():
        kept = [list(tokenizer(text)) for text in texts]
    assert len(strings) > known + 100
    assert forgotten == kept
