"""Which version a call gets, where those that name none are divided."""

from typing import Any

import learnwire_service as lw
import pytest
from learnwire_service.common.errors import ModelNotReady
from learnwire_service.common.settings import ServerSettings
from learnwire_service.common.shares import shares_of, shares_text
from learnwire_service.runners.registry import Registry
from learnwire_service.runners.split import Split, point_of
from pydantic import ValidationError


def settings(**said: Any) -> ServerSettings:
    return ServerSettings.model_validate(said)


def test_shares_are_read_as_they_are_written() -> None:
    shares = shares_of("penguins:v2=5%, sentiment:b=12.5% ,c:d=100%")
    assert shares == {"penguins:v2": 0.05, "sentiment:b": 0.125, "c:d": 1.0}
    assert shares_of(shares_text(shares)) == shares
    assert shares_of("") == {}


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("penguins=5%", "expected a version and its share, as penguins:v2=5%"),
        ("penguins:v2", "expected a share from 0% to 100%, such as 5%"),
        ("penguins:v2=5", "such as 5%"),
        ("penguins:v2=-5%", "such as 5%"),
        ("penguins:v2=101%", "such as 5%"),
        ("penguins:v2=nan%", "such as 5%"),
        ("penguins:v2=1%,penguins:v2=2%", "penguins:v2 stands twice"),
    ],
)
def test_what_is_no_share_is_no_setting(wrong: str, told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        settings(split=wrong)
    assert told in str(caught.value)


def test_what_a_version_says_of_itself_wins() -> None:
    own = {"a:two": {"share": "20%"}}
    assert settings(split="a:two=5%,b:c=1%", models=own).shares == {"a:two": 0.2, "b:c": 0.01}
    assert settings(models=own).of_model("a", "two").max_batch_size == settings().max_batch_size


@pytest.mark.parametrize("wrong", [{"a": {"share": "5%"}}, {"a:b": {"share": "much"}}])
def test_only_a_version_has_a_share(wrong: Any) -> None:
    with pytest.raises(ValidationError, match="share"):
        settings(models=wrong)


def test_a_key_lies_where_it_always_has() -> None:
    assert point_of("penguins", "caller-1") == 0.6085828782124794
    points = [point_of("penguins", f"caller-{number}") for number in range(10_000)]
    for share in (0.05, 0.5):
        assert sum(point < share for point in points) / 10_000 == pytest.approx(share, abs=0.02)
    others = [point_of("sentiment", f"caller-{number}") for number in range(10_000)]
    both = sum(a < 0.5 and b < 0.5 for a, b in zip(points, others, strict=True))
    assert both / 10_000 == pytest.approx(0.25, abs=0.02)


def split_of(versions: str, shares: dict[str, float]) -> Split[str]:
    """Divide the calls of versions that stand for themselves; the first is the default."""
    served = {version: version for version in versions.split()}
    return Split("shop", served, shares, next(iter(served)))


def test_versions_get_their_shares_and_the_default_the_rest() -> None:
    split = split_of("one two three", {"two": 0.05, "three": 0.2})
    found = [split.pick(number / 1000) for number in range(1000)]
    assert [found.count(one) for one in ("one", "two", "three")] == [750, 50, 200]
    assert [split.share(one) for one in ("one", "two", "three")] == [0.75, 0.05, 0.2]


def test_the_callers_of_a_version_that_is_gone_go_to_the_default_and_no_others_move() -> None:
    shares = {"three": 0.1, "two": 0.2}
    before, after = split_of("one two three", shares), split_of("one two", shares)
    for number in range(1000):
        was, now = before.pick(number / 1000), after.pick(number / 1000)
        assert now == ("one" if was == "three" else was)
    assert after.share("one") == 0.8


def test_callers_stay_with_a_version_whose_share_grows() -> None:
    few, many = (split_of("one two", {"two": share}) for share in (0.05, 0.2))
    points = [point_of("shop", f"caller-{number}") for number in range(1000)]
    assert all(many.pick(one) == "two" for one in points if few.pick(one) == "two")


def test_all_calls_may_be_divided() -> None:
    split = split_of("0 1 2 3 4 5 6 7 8 9 10", {str(number): 0.1 for number in range(1, 11)})
    assert split.pick(1 - 2**-53) != "0"
    assert split.share("0") == 0


def test_a_default_that_has_a_share_answers_the_rest_too() -> None:
    split = split_of("two one", {"two": 0.05})
    assert (split.share("two"), split.share("one")) == (1, 0)


def test_calls_are_divided_for_callers_who_see_some_models_only(saved_shop: lw.Model) -> None:
    runner = saved_shop.to_runner()
    registry = Registry([runner], {runner.tag: 0.5, "other:one": 0.5})
    assert registry.split("shop") is not None
    part = registry.only(frozenset({"shop", "other"}))
    asked: list[str] = []

    def draw(name: str) -> float:
        asked.append(name)
        return 0.1

    for model in ("shop", ""):
        with pytest.raises(ModelNotReady):
            part.ready(model, draw)
    assert asked == ["shop", "shop"]
    assert registry.only(frozenset()).split("shop") is None
