"""Words of texts in pieces: the same as those of the whole."""

from typing import Any

import pytest
import spacy
from fastai.text.core import SpacyTokenizer, defaults
from fastcore.basics import compose
from hypothesis import given, settings
from hypothesis import strategies as st
from learnwire_service.learners.words import pieces, splitting

from examples.demo import data

_PARTS = [
    *("a", "I'm", "can", "not", "cannot", "n't", "10", "am", "10am", "p.m.", "e.g", "U.S.", "...."),
    *(
        ":",
        ")",
        ":)",
        ": )",
        "(",
        "(c)",
        "!?",
        "-",
        "--",
        "'",
        "\u2019s",
        "'s",
        '"',
        "/",
        "<br",
        "/>",
    ),
    *(
        "http://a.b/c d",
        "a@b.c",
        "C++",
        "$5",
        "5km",
        "km",
        "xxmaj",
        "xxrep 3 a",
        "ünï",
        "电影",
        "🙂",
    ),
    *("\n", "\t", " ", "  ", "\u00a0", "\u2003", "\u0301", "", "nbsp;", "#", "_", "o'clock"),
]


@pytest.fixture(scope="module", params=["en", "de", "fr", "tr"])
def language(request: pytest.FixtureRequest) -> Any:
    return SpacyTokenizer(request.param).pipe.__self__


def whole(language: Any, text: str) -> list[str]:
    return [token.text for token in language.make_doc(text)]


def test_the_demos_reviews_have_the_same_words_in_pieces(language: Any) -> None:
    rules = compose(*defaults.text_proc_rules)
    text = str(rules(" ".join(data.reviews()["text"])[:40_000]))
    assert len(list(pieces(text))) > 4
    assert splitting(language)(text) == whole(language, text)


@settings(deadline=None, max_examples=300)
@given(
    st.lists(st.sampled_from(_PARTS) | st.text(max_size=4), max_size=30), st.sampled_from(["", " "])
)
def test_odd_texts_have_the_same_words_in_pieces(
    language: Any, parts: list[str], between: str
) -> None:
    text = between.join(parts)
    apart = [word for piece in pieces(text, 1) for word in whole(language, piece)]
    assert "".join(pieces(text, 1)) == text
    assert apart == whole(language, text)


def test_an_exception_that_joins_words_keeps_a_text_whole() -> None:
    language: Any = spacy.blank("en")
    text = "some new york " * 1_000
    language.tokenizer.add_special_case("new york", [{"ORTH": "new york"}])
    assert splitting(language)(text) == whole(language, text)
    assert "new york" in splitting(language)(text)


def test_words_of_a_language_that_reads_otherwise_are_as_it_says() -> None:
    class Characters:
        def __init__(self, vocab: Any) -> None:
            self.vocab = vocab

        def __call__(self, text: str) -> Any:
            return spacy.tokens.Doc(self.vocab, words=[text[:7], text[7:]])

    language: Any = spacy.blank("en")
    language.tokenizer = Characters(language.vocab)
    assert splitting(language)("word " * 3_000) == whole(language, "word " * 3_000)
