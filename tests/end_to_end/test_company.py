"""A sealed model's answer has the same bits, whoever shares its batch and wherever it stands."""

from collections.abc import Sequence
from typing import Any

import learnwire_service as lw
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from learnwire_client.prediction import AnyPrediction, Several
from learnwire_service.common.bounds import DEFAULT_BOUNDS
from learnwire_service.common.predictor import predict_all
from learnwire_service.sealed.plan import Plan
from learnwire_service.signature.answers import Outcome
from learnwire_service.signature.validation import check

from tests.conftest import Trained
from tests.end_to_end.kinds import KINDS

FEW = 64  # items, of those that a kind has


class Known:
    """A sealed plan with what it answers to each item alone."""

    def __init__(self, model: lw.Model, items: Sequence[Any]) -> None:
        self.plan: Plan = model.load_plan(sealed_only=True).plan
        longest = DEFAULT_BOUNDS.max_text_chars
        spec = self.plan.signature.input
        checked = [check(spec, item, max_text_chars=longest).item for item in items]
        self.encoded = [self.plan.encode(item) for item in checked]
        self.alone = [bits(*self.asked([i])) for i in range(len(items))]

    def asked(self, places: Sequence[int]) -> Sequence[Outcome]:
        return predict_all(self.plan, [self.encoded[i] for i in places], len(places))

    def assert_same(self, places: Sequence[int]) -> None:
        found = [bits(outcome) for outcome in self.asked(places)]
        assert found == [self.alone[i] for i in places]


def bits(answer: Outcome) -> list[bytes]:
    assert isinstance(answer, AnyPrediction.__origin__ | Several)  # type: ignore[attr-defined]
    heads = answer.heads if isinstance(answer, Several) else (answer,)
    return [
        np.asarray(part).tobytes() for head in heads for part in (head.index, head.probabilities)
    ]


@pytest.fixture(scope="module", params=["penguins", "sentiment"])
def known(request: pytest.FixtureRequest, trained: dict[str, Trained]) -> Known:
    name = request.param
    return Known(lw.get(name), trained[name].items[:FEW])


@pytest.fixture(scope="module", params=list(KINDS))
def kind(request: pytest.FixtureRequest) -> Known:
    kind = KINDS[request.param]()
    model = lw.save_model("company", kind.learner, adapter=kind.adapter, nulls="allow")
    if not model.manifest.is_sealed:
        pytest.skip("it does not seal")
    return Known(model, kind.items[:FEW])


companies = st.lists(st.integers(0, FEW - 1), min_size=1, max_size=150)


@given(companies)
@settings(max_examples=25)
def test_the_models_of_the_demo_answer_with_the_same_bits(known: Known, places: list[int]) -> None:
    known.assert_same(places)


@pytest.mark.slow
@given(companies)
def test_each_kind_answers_with_the_same_bits(kind: Known, places: list[int]) -> None:
    kind.assert_same(places)


@pytest.mark.parametrize("size", [2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65])
def test_no_place_in_a_batch_is_another(known: Known, size: int) -> None:
    places = np.random.default_rng(size).integers(0, FEW, size)
    for turn in range(min(size, 8)):
        known.assert_same(np.roll(places, turn).tolist())
