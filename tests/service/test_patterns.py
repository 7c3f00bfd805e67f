"""Patterns of recipes take a bounded time, and make of words what spaCy's own makes of them."""

import pytest
import spacy
from learnwire_service.learners.seal_words import spacy_recipe
from learnwire_service.sealed.affixes import Affixes
from learnwire_service.sealed.patterns import LONGEST_RUN, Checked
from learnwire_service.sealed.tokenizer import Tokenizer

SEALED = """
    af am ar az bg bn bo ca cs da de dsb en es et eu fa fi fo ga gd grc gu he hi hr hsb ht hy is
    it kmr kn ky la lb lg lij lt lv mk ml mr nb ne nl nn pl ro ru sa si sk sl sq sr sv ta te ti tl
    tn tt uk ur xx yo
"""
SLOW = {
    "two repeats in a row": "a*a*b",
    "two behind a choice": "(?:a*|b)a*c",
    "a short one before an endless one": "a{0,99}a*b",
    "many that may be": "a?" * 11 + "b",
    "a repeat in a repeat": "(?:ab?)*c",
    "a fixed repeat in a fixed one": "(?:a{100}){100}b",
    "a choice in a repeat": "(?:a|ab)*c",
    "a repeat of more than a character": "(?:ab)*c",
    "a long repeat": "a{0,3000}b",
    "a long fixed repeat": "a{3000}b",
    "many choices": "(?:ab|[ab]b)" * 12 + "c",
    "a group again": r"(a)\1",
    "a repeat that is looked ahead at": "(?=a*b)a*c",
    "letters of another case": "(?i:[AB]+)c",
    "none": "(",
}


@pytest.mark.parametrize("why", SLOW)
def test_a_pattern_that_could_take_long_is_refused(why: str) -> None:
    with pytest.raises(ValueError, match="a pattern"):
        Checked(SLOW[why])


@pytest.mark.parametrize(
    ("pattern", "has_runs"),
    [
        ("a+", False),
        ("x(a+)", False),
        ("(?:b|ca+)", False),
        ("a+b", True),
        ("(?:b|ca+)d", True),
        ("(?=a+)", True),
        ("(?>a*b)c", True),
        ("(?i)[AB]+c", True),
    ],
)
def test_a_run_is_bounded_where_what_follows_may_fail(pattern: str, has_runs: bool) -> None:
    found = Checked(pattern)
    found.check("a" * LONGEST_RUN)
    found.check("xyz" * LONGEST_RUN)
    assert found.has_runs == has_runs
    if has_runs:
        with pytest.raises(ValueError, match="at most 1000 characters such as 'a' in a row, got"):
            found.check("x" + "a" * (LONGEST_RUN + 1))


@pytest.mark.parametrize(
    "ends", [("a|^b", None), ("^(?:a|b)|c", None), (None, "a$|b"), (None, "(?:a$|b)")]
)
def test_an_end_that_is_looked_for_inside_of_a_word_is_refused(
    ends: tuple[str | None, str | None],
) -> None:
    with pytest.raises(ValueError, match="matches inside of a word"):
        Affixes(*ends, width=1)


def test_an_end_that_depends_on_all_of_a_word_is_refused() -> None:
    affixes = Affixes("^a{1,60}$|^a", "^[ab]+b$|b$", width=1)
    assert (affixes.prefix("aab", 0, 3), affixes.suffix("abb", 0, 3)) == (1, 3)
    with pytest.raises(ValueError, match="depends on all of it"):
        affixes.prefix("a" * 30 + "b", 0, 31)
    with pytest.raises(ValueError, match="depends on all of it"):
        affixes.suffix("c" + "ab" * 30, 0, 61)


@pytest.mark.parametrize("language", SEALED.split())
def test_the_tokenizers_of_these_languages_seal(language: str) -> None:
    blank = spacy.blank(language)
    tokenize = Tokenizer(spacy_recipe(blank))
    long = ("1" * 40, "!" * 40, "." * 40, "((" * 20, "a" * 40)
    for text in (f"{run}{end}" for run in long for end in ("", "°", "b", "km", ">.", "<abbr>)x")):
        assert tokenize(text) == [word.text for word in blank.tokenizer(text)], text


@pytest.mark.parametrize("language", ["id", "ms", "el", "pt"])
def test_the_tokenizers_of_these_languages_do_not(language: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        Tokenizer(spacy_recipe(spacy.blank(language)))


def test_a_run_before_what_may_fail_is_refused_where_the_language_looks_at_it() -> None:
    tokenize = Tokenizer(spacy_recipe(spacy.blank("it")))
    assert tokenize("1" * LONGEST_RUN + "°x") == ["1" * LONGEST_RUN + "°", "x"]
    with pytest.raises(ValueError, match="at most 1000 characters such as '1' in a row"):
        tokenize("1" * (LONGEST_RUN + 1))
