"""Texts read together are answered as `learner.predict` answers each of them alone."""

import pickle
import random
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from fastai.callback.core import TrainEvalCallback
from fastai.callback.rnn import ModelResetter, RNNCallback
from fastai.callback.training import BnFreeze, GradientClip
from fastai.data.block import CategoryBlock, MultiCategoryBlock, RegressionBlock
from fastai.text.all import (
    AWD_LSTM,
    BaseTokenizer,
    TextDataLoaders,
    TextLearner,
    Tokenizer,
    Transform,
    awd_lstm_clas_config,
    lowercase,
    text_classifier_learner,
)
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from learnwire_service.common.errors import InvalidInput
from learnwire_service.learners.plan import Unplanned
from learnwire_service.learners.text import TextAdapter, TextColumnsAdapter
from learnwire_service.sealed.text import TextPlan
from learnwire_service.signature.answers import Stacked
from learnwire_service.signature.validation import Row
from numpy.typing import NDArray
from torch import nn

from .sealed_plans import sealed
from .small_learners import After, fitted, text_frame

_WORDS = ["good", "bad", "fine", "poor", "slow", "fast", "unheard", "of"]
_EDGES = [0, 1, 71, 72, 73, 143, 144, 145, 1438, 1439, 1440, 1441, 1511, 1512, 1513, 2000, 3000]
_NEAR = 2e-6

_Numbers = NDArray[np.float32]


def test_a_mixed_batch_is_answered_as_text_by_text(
    plan: TextPlan, mixed: list[str], alone: list[_Numbers]
) -> None:
    lengths = {len(plan.encode(text).tokens) for text in mixed}
    assert len(mixed) >= 300
    assert lengths > {1, 71, 72, 73, 144, 1439, 1440, 1441, 1512, 3000}
    assert np.std([one[0] for one in alone]) > 0.03
    assert _difference(_ask(plan, mixed), alone) < _NEAR


@given(st.data())
@examples(max_examples=25)
def test_any_batch_of_the_texts_is_answered_alike(
    plan: TextPlan, mixed: list[str], alone: list[_Numbers], data: st.DataObject
) -> None:
    rows = data.draw(st.lists(st.integers(0, len(mixed) - 1), min_size=1, max_size=80))
    answers = _ask(plan, [mixed[row] for row in rows])
    assert _difference(answers, [alone[row] for row in rows]) < _NEAR


@given(st.lists(st.integers(0, 400) | st.sampled_from(_EDGES[:8]), min_size=1, max_size=6))
@examples(max_examples=20)
def test_texts_of_any_lengths_are_answered_as_one_by_one(
    plan: TextPlan, learner: Any, lengths: list[int]
) -> None:
    texts = [_text(length, seed) for seed, length in enumerate(lengths)]
    assert _difference(_ask(plan, texts), _alone(learner, texts)) < _NEAR


@pytest.mark.parametrize(("chunk", "window"), [(10, 30), (16, None), (72, 100), (200, 200)])
def test_the_learners_own_chunk_and_window_hold(dls: Any, chunk: int, window: int | None) -> None:
    learner = _learner(dls, seq_len=chunk, max_len=window)
    edges = {
        0,
        1,
        chunk - 2,
        chunk - 1,
        chunk,
        (window or 90) - 1,
        window or 90,
        (window or 90) + 1,
    }
    texts = [_text(length, length) for length in sorted({*edges, 39, 99, 171, 172, 250, 405})]
    assert _difference(_ask(_plan(learner), texts), _alone(learner, texts)) < _NEAR


@pytest.mark.parametrize("target", ["tags", "length"])
def test_labels_and_numbers_are_answered_as_by_predict(target: str) -> None:
    block = MultiCategoryBlock if target == "tags" else RegressionBlock
    learner = _learner(
        _dls(label_col=target, label_delim=";" if target == "tags" else None, y_block=block)
    )
    texts = [_text(length, length) for length in range(40)]
    assert _difference(_ask(_plan(learner), texts), _alone(learner, texts)) < _NEAR


def test_columns_are_joined_as_at_training() -> None:
    learner = _learner(_dls(text_col=["title", "text"]))
    plan = sealed(TextColumnsAdapter(learner))
    rows: list[Row] = [{"title": _text(n % 4, n), "text": _text(n, n)} for n in range(12)]
    texts = [f"xxfld 1 {row['title']} xxfld 2 {row['text']}" for row in rows]
    answers = plan.predict([plan.encode(row) for row in rows])
    assert _difference(answers, _alone(learner, texts)) < _NEAR


def test_a_learner_that_reads_backwards_is_asked_backwards() -> None:
    learner = _learner(_dls(backwards=True))
    plan = _plan(learner)
    texts = [_text(length, length) for length in range(20)]
    assert plan.encode("good bad").tokens[-1] == plan.encode("").tokens[0]
    assert _difference(_ask(plan, texts), _alone(learner, texts)) < _NEAR


@pytest.mark.parametrize(
    "tokenizer",
    [
        lambda: Tokenizer.from_df("text", rules=[partial(lowercase, add_bos=False, add_eos=True)]),
        lambda: Tokenizer.from_df("text", tok=BaseTokenizer("o"), rules=[]),
    ],
    ids=["rules", "tokenizer"],
)
def test_the_learners_own_rules_and_tokenizer_are_honoured(
    dls: Any, tokenizer: Callable[[], Any]
) -> None:
    learner = _copy(_learner(dls))
    texts = learner.dls.valid_ds.tls[0]
    texts.tfms.fs[1] = tokenizer()
    asked = ["Good but SLOW", "a fooo", "so xxpad", "good"]
    expected = [learner.dls.test_dl([one], num_workers=0).dataset[0][0].tolist() for one in asked]
    plan = _plan(learner)
    assert [plan.encode(one).tokens.tolist() for one in asked] == expected
    assert _difference(_ask(plan, asked), _alone(learner, asked)) < _NEAR


@given(st.text(st.characters(codec="utf-8"), max_size=60))
@examples(max_examples=60)
def test_any_text_becomes_the_tokens_that_predict_sees(
    plan: TextPlan, learner: Any, text: str
) -> None:
    seen = learner.dls.test_dl([text], num_workers=0).dataset[0][0]
    assert plan.encode(text).tokens.tolist() == seen.tolist()


def test_half_a_surrogate_pair_is_refused(plan: TextPlan) -> None:
    with pytest.raises(InvalidInput, match="surrogate"):
        plan.encode("good \ud83d bad")


def test_a_text_without_any_token_is_refused(dls: Any) -> None:
    learner = _copy(_learner(dls))
    learner.dls.valid_ds.tls[0].tfms.fs[1] = Tokenizer.from_df("text", rules=[])
    with pytest.raises(InvalidInput, match="finds nothing"):
        _plan(learner).encode("")


def test_the_answers_come_stacked(plan: TextPlan) -> None:
    answers = _ask(plan, ["good", "", "xxpad bad", _text(90, 0)])
    assert isinstance(answers, Stacked)
    assert len(answers) == 4


def test_a_text_costs_its_tokens_or_a_share_of_the_batch(plan: TextPlan) -> None:
    assert plan.cost(plan.encode(_text(3000, 0))) == 3000
    assert 30 <= plan.max_cost // plan.cost(plan.encode("good")) <= 64


def test_callbacks_that_change_no_prediction_are_taken(plan: TextPlan, learner: Any) -> None:
    changed = _copy(learner).add_cbs([BnFreeze(), GradientClip()])
    assert _difference(_ask(_plan(changed), ["good"]), _alone(changed, ["good"])) < _NEAR


class _OwnLearner(TextLearner):  # type: ignore[misc]  # fastai is untyped
    def one_batch(self, i: int, b: Any) -> None:
        super().one_batch(i, b)


class _OwnHead(nn.Linear):
    pass


def _become(thing: Any, kind: type) -> None:
    thing.__class__ = kind


def _drop(learner: Any, callback: type) -> None:
    learner.remove_cb(callback)


_CHANGES: dict[str, tuple[str, Callable[[Any], object]]] = {
    "callback": ("the callback After", lambda one: one.add_cb(After(lambda raw: raw + 1))),
    "event": (
        "ModelResetter is not known: it hooks after_pred, which learner.predict fires; "
        "if only training",
        lambda one: one.add_cb(ModelResetter(after_pred=lambda self: None)),
    ),
    "method": ("a predict of its own", lambda one: vars(one).update(predict=len)),
    "learner": (
        "_OwnLearner is not fastai's and has a one_batch",
        lambda one: _become(one, _OwnLearner),
    ),
    "output": ("no RNNCallback", lambda one: _drop(one, RNNCallback)),
    "dropout": ("no TrainEvalCallback", lambda one: _drop(one, TrainEvalCallback)),
    "hook": (
        '"0.module.rnns.0" has a forward hook',
        lambda one: one.model[0].module.rnns[0].register_forward_hook(lambda *_: None),
    ),
    "forward": ("the model has a forward", lambda one: vars(one.model).update(forward=len)),
    "module": ("module _OwnHead", lambda one: _become(one.model[1].layers[-1][-1], _OwnHead)),
    "model": (
        "is not one that reads",
        lambda one: vars(one).update(model=nn.Sequential(one.model)),
    ),
    "window": ("less than a chunk", lambda one: vars(one.model[0]).update(max_len=71)),
    "weights": ("float32", lambda one: one.model.double()),
    "item": (
        "the after_item transform _shout",
        lambda one: one.dls.valid.after_item.add(Transform(_shout)),
    ),
    "padding": (
        "the before_batch transform _shout",
        lambda one: one.dls.valid.before_batch.add(Transform(_shout)),
    ),
    "batch": (
        "the after_batch transform _shout",
        lambda one: one.dls.valid.after_batch.add(Transform(_shout)),
    ),
    "text": (
        "a text goes through _shout",
        lambda one: one.dls.valid_ds.tls[0].tfms.fs.insert(1, Transform(_shout)),
    ),
    "loader": (
        "its loader has a create_item of its own",
        lambda one: vars(one.dls.valid).update(create_item=len),
    ),
    "words": (
        "unknown words",
        lambda one: vars(one.dls.valid_ds.tls[0].tfms.fs[2]).update(o2i={"good": 1}),
    ),
}


def _shout(text: Any) -> Any:
    return text


@pytest.mark.parametrize("change", _CHANGES)
def test_a_learner_of_another_making_is_not_planned(
    plan: TextPlan, learner: Any, change: str
) -> None:
    message, make = _CHANGES[change]
    changed = _copy(learner)
    make(changed)
    with pytest.raises(Unplanned, match=message):
        sealed(TextAdapter(changed, plan.signature))


def test_a_learner_that_reads_both_ways_is_not_planned(dls: Any) -> None:
    with pytest.raises(Unplanned, match="both directions"):
        _plan(_learner(dls, bidir=True))


@pytest.fixture(scope="module")
def dls() -> Any:
    return _dls()


@pytest.fixture(scope="module")
def learner(dls: Any) -> Any:
    return fitted(_learner(dls))


@pytest.fixture(scope="module")
def plan(learner: Any) -> TextPlan:
    return _plan(learner)


@pytest.fixture(scope="module")
def mixed() -> list[str]:
    """Give texts of 0 to 3,000 tokens in any order; some hold the token that pads."""
    draw = random.Random(0)
    lengths = [*_EDGES, *(draw.randrange(160) for _ in range(270))]
    texts = [_text(length, seed) for seed, length in enumerate(lengths)]
    for seed, length in enumerate([1, 2, 5, 70, 71, 72, 73, 150, 1450]):
        words = _text(length, seed).split()
        texts += [" ".join([*words[:at], "xxpad", *words[at:]]) for at in (0, length // 2, length)]
    texts += ["xxpad", "xxpad xxpad xxpad"]
    draw.shuffle(texts)
    return texts


@pytest.fixture(scope="module")
def alone(learner: Any, mixed: list[str]) -> list[_Numbers]:
    return _alone(learner, mixed)


def _dls(**settings: Any) -> Any:
    columns = {"text_col": "text", "label_col": "label", "y_block": CategoryBlock, **settings}
    return TextDataLoaders.from_df(text_frame(), bs=12, num_workers=0, **columns)


def _learner(dls: Any, bidir: bool = False, **settings: Any) -> Any:
    """Make a learner whose answers differ much from text to text."""
    torch.manual_seed(0)
    config = {**awd_lstm_clas_config, "emb_sz": 8, "n_hid": 12, "n_layers": 3, "bidir": bidir}
    learner = text_classifier_learner(dls, AWD_LSTM, config=config, pretrained=False, **settings)
    with torch.no_grad():
        for weight in learner.model.parameters():
            if weight.dim() == 2:
                weight.mul_(4)
    return learner


def _plan(learner: Any) -> TextPlan:
    plan = sealed(TextAdapter(learner))
    assert isinstance(plan, TextPlan)
    return plan


def _copy(learner: Any) -> Any:
    return pickle.loads(pickle.dumps(learner))


def _text(length: int, seed: int) -> str:
    """Give a text of so many tokens, the one before each text included."""
    draw, words = random.Random(seed), [""]
    for _ in range(length - 1):
        # A word said three times in a row would become other tokens.
        words.append(draw.choice([word for word in _WORDS if word != words[-1]]))
    return " ".join(words[1:])


def _ask(plan: TextPlan, texts: Sequence[str]) -> Sequence[Any]:
    return plan.predict([plan.encode(text) for text in texts])


def _alone(learner: Any, texts: Sequence[str]) -> list[_Numbers]:
    with learner.no_bar():
        return [learner.predict(text)[2].numpy() for text in texts]


def _difference(answers: Sequence[Any], alone: Sequence[_Numbers]) -> float:
    """Give the largest difference between stacked answers and what predict gave."""
    probabilities = answers.probabilities if isinstance(answers, Stacked) else answers
    return float(np.abs(np.stack(list(probabilities)) - np.stack(list(alone))).max())
