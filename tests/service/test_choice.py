"""The fastest plan that proves itself serves; one that errs is caught, and it is said why."""

import re
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import learnwire_service as lw
import numpy as np
import pytest
from fastai.callback.progress import ProgressCallback
from learnwire_client import Client
from learnwire_service.learners.arrays import ArrayAdapter
from learnwire_service.learners.choice import choose
from learnwire_service.learners.plan import LoaderPlan, SinglePlan, Unplanned
from learnwire_service.learners.seal_arrays import seal_arrays
from learnwire_service.learners.steady import ask_twice
from learnwire_service.sealed.arrays import ArraysPlan, ArraysRecipe
from learnwire_service.sealed.golden import Golden
from learnwire_service.sealed.network import Network
from learnwire_service.signature.answers import Outcome, Stacked

from . import small_networks as networks


@pytest.fixture(scope="module")
def adapter() -> ArrayAdapter:
    return ArrayAdapter(networks.array_learner().remove_cb(ProgressCallback))


@pytest.fixture(scope="module")
def examples(adapter: ArrayAdapter) -> list[Golden]:
    return ask_twice(SinglePlan(adapter), adapter.examples())


@cache
def sealed(adapter: ArrayAdapter) -> tuple[ArraysRecipe, Network]:
    with tempfile.TemporaryDirectory() as folder:
        recipe = seal_arrays(adapter, Path(folder))
        return recipe, Network(Path(folder, recipe.network))


class Broken(ArraysPlan):
    """A plan that is right but for what its children do to its answers."""

    name = "broken"

    def __init__(self, adapter: ArrayAdapter) -> None:
        super().__init__(adapter.signature, *sealed(adapter))

    def predict(self, batch: Sequence[Any]) -> Sequence[Outcome]:
        answers = super().predict(batch)
        assert isinstance(answers, Stacked)
        return self.spoilt(answers)

    def spoilt(self, answers: Stacked) -> Sequence[Outcome]:
        return answers


class Sound(Broken):
    """Errs by less than the tolerance."""

    name = "sound"

    def spoilt(self, answers: Stacked) -> Sequence[Outcome]:
        return replace(answers, probabilities=answers.probabilities + 5e-6)


class ErrsInBatches(Broken):
    """Lets neighbours change an answer."""

    def spoilt(self, answers: Stacked) -> Sequence[Outcome]:
        spread = answers.probabilities - answers.probabilities.mean(axis=0)
        return replace(answers, probabilities=answers.probabilities + 0.01 * spread)


class ErrsAlone(Broken):
    """Is right only in batches."""

    def spoilt(self, answers: Stacked) -> Sequence[Outcome]:
        wrong = answers.probabilities + 1e-4 * (len(answers) == 1)
        return replace(answers, probabilities=wrong)


class ErrsInTheLabel(Broken):
    """Gives the right probabilities with the wrong label."""

    def spoilt(self, answers: Stacked) -> Sequence[Outcome]:
        return replace(answers, decoded=(answers.decoded + 1) % 4)


class MixesUp(Broken):
    """Gives the answers of a batch in another order."""

    def spoilt(self, answers: Stacked) -> Sequence[Outcome]:
        return answers.taken(np.arange(len(answers))[::-1])


class AnswersTooFew(Broken):
    """Forgets the last item of a batch."""

    def spoilt(self, answers: Stacked) -> Sequence[Outcome]:
        return answers[: max(1, len(answers) - 1)]


class AnswersNan(Broken):
    """Answers with what is no number."""

    def spoilt(self, answers: Stacked) -> Sequence[Outcome]:
        return replace(answers, probabilities=answers.probabilities * np.float32(np.nan))


class Raises(Broken):
    """Takes no batch."""

    def spoilt(self, answers: Stacked) -> Sequence[Outcome]:
        if len(answers) > 1:
            raise RuntimeError("one at a time")
        return answers


class RaisesForOne(Broken):
    """Has an error in the place of an answer."""

    def spoilt(self, answers: Stacked) -> Sequence[Outcome]:
        return [*answers[:-1], ValueError("not this one")] if len(answers) > 1 else answers


class EncodesNothing(Broken):
    """Takes no item once it has been made."""

    made = False

    def __init__(self, adapter: Any) -> None:
        super().__init__(adapter)
        self.made = True

    def encode(self, item: Any) -> Any:
        if self.made:
            raise KeyError("item")
        return super().encode(item)


class Wears(Broken):
    """Errs from its ninth batch on."""

    served = 0

    def spoilt(self, answers: Stacked) -> Sequence[Outcome]:
        self.served += len(answers)
        return replace(answers, probabilities=answers.probabilities * (1 + (self.served > 8)))


class Refuses(Broken):
    """Does not know the learner."""

    def __init__(self, adapter: Any) -> None:
        raise Unplanned("too odd")


class Stumbles(Broken):
    """Did not expect such a learner."""

    def __init__(self, adapter: Any) -> None:
        raise AttributeError("no such thing")


BROKEN: dict[type[Broken], str] = {
    ErrsInBatches: "in a batch, golden example \\d+ of 10 is answered with a difference of 0",
    ErrsAlone: "golden example 1 of 5 is answered with a difference of 0.0001",
    ErrsInTheLabel: "golden example 1 of 5 is answered with another label",
    MixesUp: "in a batch, golden example \\d+ of 10 is answered with a difference",
    AnswersTooFew: r"in a batch, .* ValueError\('9 answers to 10 items'\)",
    AnswersNan: "golden example 1 of 5 is answered with a difference of nan",
    Raises: r"in a batch, .* the error RuntimeError\('one at a time'\)",
    RaisesForOne: r"in a batch, .* the error ValueError\('not this one'\)",
    EncodesNothing: r"golden example 1 of 5 is answered with the error KeyError\('item'\)",
    Wears: "in a batch, golden example",
    Refuses: "too odd",
    Stumbles: r"it cannot be made: AttributeError\('no such thing'\)",
}


@pytest.mark.parametrize("plan", BROKEN, ids=lambda plan: plan.__name__)
@pytest.mark.parametrize("next_", [Sound, LoaderPlan, None])
def test_a_broken_plan_is_caught_and_the_next_one_serves(
    plan: type[Broken], next_: Any, adapter: ArrayAdapter, examples: list[Golden]
) -> None:
    choice = choose(adapter, examples, [plan, next_] if next_ else [plan])
    assert type(choice.plan) is (next_ or SinglePlan)
    [reason] = choice.reasons
    name, _, problem = reason.partition(": ")
    assert name == "broken"
    assert re.search(BROKEN[plan], problem)


def test_each_plan_that_was_passed_over_has_its_reason(
    adapter: ArrayAdapter, examples: list[Golden]
) -> None:
    choice = choose(adapter, examples, [Refuses, AnswersNan, Sound, ErrsAlone])
    assert type(choice.plan) is Sound
    assert len(choice.reasons) == 2
    assert choice.reasons[0] == "broken: too odd"


def test_without_a_word_the_kinds_own_plan_is_the_first(
    adapter: ArrayAdapter, examples: list[Golden]
) -> None:
    choice = choose(adapter, examples)
    assert type(choice.plan) is LoaderPlan
    assert choice.reasons == ()


def test_without_examples_only_the_oracle_serves_and_says_so(adapter: ArrayAdapter) -> None:
    choice = choose(adapter, [])
    assert type(choice.plan) is SinglePlan
    assert choice.reasons == ("loader: there are no golden examples to prove it on",)
    assert not choice.quick


@pytest.mark.slow
def test_an_unverified_model_is_not_served_unless_told_to_and_then_one_by_one(
    own_home: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = lw.save_model("m", networks.array_learner(), examples=[])
    assert not model.manifest.verified
    assert "saved unverified" in caplog.text
    refusal = r"m:\S+ was saved unverified.*examples=\[...\].*learnwire serve --allow-unverified"
    with pytest.raises(lw.UnverifiedModel, match=refusal):
        model.to_runner().load()
    with pytest.raises(lw.UnverifiedModel, match=refusal), lw.serving("m"):
        pass
    monkeypatch.setenv("LEARNWIRE_ALLOW_UNVERIFIED", "true")
    with pytest.raises(lw.UnverifiedModel):
        model.to_runner(allow_unverified=False).predict.run(np.eye(4, dtype=np.float32)[0])
    with lw.serving("m") as target, Client(target) as client:
        assert client.predict("m", np.eye(4, dtype=np.float32)[0]).index in range(4)
    monkeypatch.delenv("LEARNWIRE_ALLOW_UNVERIFIED")
    service = lw.Service("own", runners=[model.to_runner()])
    with pytest.raises(lw.UnverifiedModel), lw.serving(service):
        pass
    with lw.serving("m", allow_unverified=True):
        pass
    runner = model.to_runner(allow_unverified=True)
    answers = runner.predict.run_batch(list(np.eye(4, dtype=np.float32)))
    assert all(isinstance(answer, tuple) for answer in answers)
    assert runner.choice is not None
    assert runner.choice.plan.name == "single"
    assert "served by the slower plan single: sealed: there are no golden examples" in caplog.text
    runner.close()


@pytest.mark.parametrize("plans", [[LoaderPlan], [Sound], [AnswersNan], []])
def test_where_even_the_learner_answers_otherwise_than_at_save_nothing_serves(
    plans: Any, adapter: ArrayAdapter, examples: list[Golden]
) -> None:
    answer = examples[-1].answer
    changed = Golden(examples[-1].item, answer._replace(probabilities=answer.probabilities[::-1]))
    with pytest.raises(lw.GoldenMismatch, match=r"golden example 5 of 5 .* a difference"):
        choose(adapter, [*examples[:-1], changed], plans)
