import re
from contextlib import suppress

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from learnwire_service import InvalidTag, ModelNotFound
from learnwire_service.store.tag import Tag, new_tag, new_version, pick_version, sealed_version

EDGE = "abcdefghijklmnopqrstuvwxyz0123456789"
INNER = EDGE + "-._"

NAMES = st.builds(
    lambda first, inner, last: first + inner + last,
    st.sampled_from(EDGE),
    st.text(INNER, max_size=61),
    st.sampled_from(EDGE),
) | st.sampled_from(EDGE)
VERSIONS = ["c9", "ab2", "ab1", "b"]  # newest first


@given(NAMES, st.none() | NAMES)
def test_a_tag_reads_as_it_was_written(name: str, version: str | None) -> None:
    tag = Tag(name, version)
    assert Tag.parse(str(tag)) == tag


@given(st.text(max_size=80) | st.text(INNER + "A:/\n", max_size=80))
def test_any_text_is_a_name_or_refused_with_the_rules(text: str) -> None:
    allowed = re.fullmatch(r"[a-z0-9][a-z0-9\-._]{0,61}[a-z0-9]|[a-z0-9]", text)
    if allowed:
        assert Tag(text).name == text
    else:
        with pytest.raises(InvalidTag, match="lower case letters, digits"):
            Tag(text)


@pytest.mark.parametrize(
    "text",
    ["", ":", "a:", ":a", "a:b:c", "A", "é", "a b", "../a", "a/b", ".", "..", "-a", "a-", "a\n",
     "a:..", "a:.b", "x" * 64, "a:" + "x" * 64, "²"],
)  # fmt: skip
def test_a_malformed_tag_is_refused(text: str) -> None:
    with pytest.raises(InvalidTag):
        Tag.parse(text)


@pytest.mark.parametrize("text", ["index.json", "m:contract.json", "m:latest", "liveness", "a:.b"])
def test_what_the_store_calls_its_own_is_no_name_of_a_new_version(text: str) -> None:
    with pytest.raises(InvalidTag):
        new_tag(text)
    assert new_tag("m.jsonl:json") == Tag("m.jsonl", "json")


def test_the_longest_name_has_63_characters() -> None:
    assert Tag.parse("x" * 63).name == "x" * 63


def test_a_made_up_version_is_a_valid_one_and_never_the_same() -> None:
    versions = {new_version() for _ in range(100)}
    assert len(versions) == 100
    assert {Tag("a", version).version for version in versions} == versions


@pytest.mark.parametrize("text", ["m", "m:latest"])
def test_no_version_and_latest_mean_the_newest(text: str) -> None:
    assert pick_version(Tag.parse(text), VERSIONS) == "c9"


def test_a_prefix_of_one_version_means_that_one() -> None:
    assert pick_version(Tag("m", "c"), VERSIONS) == "c9"


def test_a_whole_version_wins_over_those_that_it_is_a_prefix_of() -> None:
    assert pick_version(Tag("m", "ab"), ["abc", "ab", "abd"]) == "ab"


def test_a_sealed_copy_stands_for_the_version_that_it_was_made_of() -> None:
    versions = ["v10-sealed", "v1-sealed", "v10"]
    assert pick_version(Tag("m", "v1"), versions) == "v1-sealed"
    assert pick_version(Tag("m", "v1"), [*versions, "v1"]) == "v1"


def test_an_ambiguous_prefix_is_refused_naming_the_candidates() -> None:
    with pytest.raises(InvalidTag, match=r'"a" fits 2 versions of model "m" \(ab1, ab2\)'):
        pick_version(Tag("m", "a"), VERSIONS)


def test_an_unknown_version_is_not_found_and_the_newest_is_named() -> None:
    with pytest.raises(ModelNotFound, match=r'model "m" has no version "d".*newest is "c9"'):
        pick_version(Tag("m", "d"), VERSIONS)


@pytest.mark.parametrize("text", ["m", "m:latest", "m:c9"])
def test_a_model_without_versions_is_not_found(text: str) -> None:
    with pytest.raises(ModelNotFound, match='no model "m"'):
        pick_version(Tag.parse(text), [])


@given(st.lists(NAMES, min_size=1, unique=True), NAMES)
def test_what_is_picked_starts_with_what_was_asked_and_nothing_else_does(
    versions: list[str], asked: str
) -> None:
    assume(asked != "latest")
    assume(sealed_version(asked) not in versions)
    fitting = [version for version in versions if version.startswith(asked)]
    with suppress(ModelNotFound, InvalidTag):
        picked = pick_version(Tag("m", asked), versions)
        assert picked == asked or fitting == [picked]
        return
    assert len(fitting) != 1
    assert asked not in versions
