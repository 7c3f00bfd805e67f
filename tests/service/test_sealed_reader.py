"""Texts are read to the same bits, whoever is read beside them."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from fastai.losses import BCEWithLogitsLossFlat, CrossEntropyLossFlat, MSELossFlat
from fastai.text.all import AWD_LSTM, awd_lstm_clas_config, get_text_classifier
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from learnwire_service.learners.outputs import answered
from learnwire_service.learners.plan import Unplanned
from learnwire_service.learners.seal_reader import seal_reader
from learnwire_service.sealed.network import Network
from learnwire_service.sealed.reader import Reader, ReaderRecipe
from numpy.typing import NDArray

_Numbers = NDArray[np.int64]

_WORDS, _PAD = 60, 1
_LENGTHS = [1, 2, 3, 19, 20, 21, 40, 71, 72, 73, 99, 100, 101, 144, 199, 200]


class Sealed(NamedTuple):
    """A reader as it is served, with the head behind it, and the model that it was made of."""

    reader: Reader
    head: Network
    model: Any

    def answers(self, texts: list[_Numbers]) -> list[bytes]:
        """Give the bits of what is answered to each of several texts, in their order."""
        order = sorted(range(len(texts)), key=lambda i: -len(texts[i]))
        pooled = self.reader.read([texts[i] for i in order])[np.argsort(order)]
        outputs = self.head(pooled)
        return [b"".join(part[i].tobytes() for part in outputs) for i in range(len(texts))]


@given(st.data())
@examples(max_examples=40)
@pytest.mark.parametrize("threads", [1, 2])
def test_a_text_has_the_same_bits_in_any_company(
    readers: dict[int, Sealed], threads: int, data: st.DataObject
) -> None:
    sealed = readers[threads]
    lengths = data.draw(
        st.lists(st.integers(1, 200) | st.sampled_from(_LENGTHS), min_size=1, max_size=64)
    )
    texts = [_text(length, seed) for seed, length in enumerate(lengths)]
    order = data.draw(st.permutations(range(len(texts))))
    answers = sealed.answers([texts[i] for i in order])
    assert answers == [sealed.answers([texts[i]])[0] for i in order]


@given(st.lists(st.integers(0, 5) | st.just(_PAD), min_size=1, max_size=130))
@examples(max_examples=60)
def test_a_text_that_holds_the_padding_is_read_as_fastai_reads_it(
    readers: dict[int, Sealed], tokens: list[int]
) -> None:
    reader, head, model = readers[1]
    text = np.array(tokens, np.int64)
    if not reader.finds_words(text):
        return
    with torch.inference_mode():
        [expected] = torch.softmax(model(torch.from_numpy(text)[None])[0], 1).numpy()
    [got, *_] = head(reader.read_padded(text))
    assert np.abs(got[0] - expected).max() < 2e-6


@pytest.mark.parametrize("text", [[_PAD], [5, *[_PAD] * 200]])
def test_nothing_is_found_in_a_text_that_is_pooled_from_padding(
    readers: dict[int, Sealed], text: list[int]
) -> None:
    assert not readers[1].reader.finds_words(np.array(text))


@pytest.mark.parametrize(
    ("loss", "y_range"),
    [
        (CrossEntropyLossFlat(), None),
        (BCEWithLogitsLossFlat(thresh=0.3), None),
        (MSELossFlat(), (-3, 7)),
    ],
    ids=["classes", "tags", "numbers"],
)
def test_the_head_answers_what_the_loss_makes_of_it(
    tmp_path: Path, loss: Any, y_range: tuple[float, float] | None
) -> None:
    model = _model(y_range=y_range)
    sealed = _sealed(model, tmp_path, loss)
    texts = [_text(length, length) for length in (130, 57, 3)]
    with torch.inference_mode():
        raw = torch.cat([model(torch.from_numpy(text)[None])[0] for text in texts])
        expected = answered(loss, raw)
    got = sealed.head(sealed.reader.read(texts))
    for ours, theirs in zip(got, expected, strict=True):
        assert ours.dtype == theirs.numpy().dtype
        assert np.abs(ours.astype(float) - theirs.numpy()).max() < 1e-5


def test_layers_of_another_width_than_the_recipes_are_refused(tmp_path: Path) -> None:
    recipe, layers = _recipe(_model(), tmp_path)
    with pytest.raises(ValueError, match="wide"):
        Reader(recipe.model_copy(update={"widths": (8, 8)}), layers)


def test_a_quasi_recurrent_reader_is_not_sealed(tmp_path: Path) -> None:
    model = _model()
    model[0].module.rnns[0].module.__class__ = _Quasi
    with pytest.raises(Unplanned, match="_Quasi"):
        _recipe(model, tmp_path)


class _Quasi(torch.nn.LSTM):
    pass


@pytest.fixture(scope="module")
def readers(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Sealed]:
    """Give the same reader with one thread and with two."""
    folder, model = tmp_path_factory.mktemp("reader"), _model()
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        for threads in (1, 2):
            patch.setenv("OMP_NUM_THREADS", str(threads))
            found[threads] = _sealed(model, folder, CrossEntropyLossFlat())
    return found


def _model(**settings: Any) -> Any:
    torch.manual_seed(0)
    config = {**awd_lstm_clas_config, "emb_sz": 40, "n_hid": 96, "n_layers": 3}
    config |= {"pad_token": _PAD}
    model = get_text_classifier(
        AWD_LSTM, _WORDS, 3, seq_len=20, config=config, max_len=100, **settings
    )
    return model.eval()


def _recipe(model: Any, folder: Path, loss: Any = None) -> tuple[ReaderRecipe, Network]:
    learner = SimpleNamespace(model=model, loss_func=loss or CrossEntropyLossFlat())
    recipe = seal_reader(learner, folder)
    return recipe, Network(folder / recipe.layers)


def _sealed(model: Any, folder: Path, loss: Any) -> Sealed:
    recipe, layers = _recipe(model, folder, loss)
    return Sealed(Reader(recipe, layers), Network(folder / recipe.head), model)


def _text(length: int, seed: int) -> _Numbers:
    return np.random.default_rng(seed).integers(2, _WORDS, length)
