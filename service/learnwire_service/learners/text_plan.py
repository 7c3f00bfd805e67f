"""Texts read together, each no further than it is long, by the learner's own network."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple

import torch
from fastai.callback.rnn import ModelResetter, RNNCallback, RNNRegularizer
from fastai.data.core import DataLoaders, Datasets, TfmdDL, TfmdLists
from fastai.data.load import DataLoader
from fastai.data.transforms import ToTensor
from fastai.layers import LinBnDrop, SigmoidRange
from fastai.text.core import SpacyTokenizer, Tokenizer
from fastai.text.data import (
    Numericalize,
    Pad_Chunk,
    Pad_Input,
    SortedDL,
    TextDataLoaders,
    reverse_text,
)
from fastai.text.models.awdlstm import AWD_LSTM, EmbeddingDropout, RNNDropout, WeightDropout
from fastai.text.models.core import PoolingLinearClassifier, SentenceEncoder, SequentialRNN
from fastcore.basics import compose
from learnwire_client.errors import Violation
from torch import Tensor, nn

from ..answers import Outcome
from ..errors import InvalidInput
from ..sealed.answering import decode_batch
from ..signature import TextInput
from ..validation import Item
from .adapter import Adapter
from .network import NetworkPlan, TorchNetwork
from .outputs import answered
from .plain import check_plain_learner, check_types
from .plan import Unplanned
from .recurrent import Reader, Recurrent, packed
from .words import splitting

# A core is as fast as it can be from some 30 texts on; the rows' memory stays bounded.
_ROWS = 64

_CALLBACKS = (ModelResetter, RNNCallback, RNNRegularizer)
_LOADING: list[tuple[type, ...]] = [
    (DataLoaders, TextDataLoaders),
    (SortedDL, TfmdDL),
    (Datasets,),
    (TfmdLists,),
]
# Whatever these pad with, they add nothing to a text alone.
_PIPELINES: dict[str, tuple[type, ...]] = {
    "after_item": (ToTensor,),
    "before_batch": (Pad_Chunk, Pad_Input),
    "after_batch": (),
}
_MODULES = {
    *(SequentialRNN, SentenceEncoder, PoolingLinearClassifier),
    *(AWD_LSTM, EmbeddingDropout, RNNDropout, WeightDropout, nn.LSTM, nn.Embedding),
    *(nn.ModuleList, nn.Sequential, LinBnDrop, nn.BatchNorm1d, nn.Dropout, nn.Linear, nn.ReLU),
    SigmoidRange,
}


class Encoded(NamedTuple):
    """A text as the network takes it.

    Attributes:
        tokens: their indices in the vocabulary, int64.
        padded: whether the text itself holds the token that pads.
    """

    tokens: Tensor
    padded: bool


class TextPlan(NetworkPlan):
    """Tokenises each text once, and reads the texts of a batch side by side.

    A text costs its tokens, and no less than what makes 64 texts a batch: with more of them, or
    with ten long ones, a core does no more in a second. The memory does not grow with the batch.
    """

    name = "text"
    max_cost = 32_768
    encodes_apart = True

    def __init__(self, adapter: Adapter) -> None:
        """Take the learner apart; see Plan."""
        super().__init__(adapter)
        check_plain_learner(self.learner, also=_CALLBACKS)
        if not any(type(callback) is RNNCallback for callback in self.learner.cbs):
            raise Unplanned("no RNNCallback takes the prediction out of what the model puts out")
        _check_loader(self.learner.dls)
        self._adapter = adapter
        runs = getattr(adapter, "runs", None)
        self._few_words = runs.few_words if runs else nullcontext
        self._numbers = _numbering(self.learner.dls.valid_ds.tls[0])
        self._model = _known_model(self.learner.model).eval()
        encoder, self._head = self._model
        self._pad = encoder.pad_idx
        recurrent = Recurrent(encoder.module)
        self.network = TorchNetwork(packed(recurrent))
        self._reader = Reader(recurrent, self._ask, encoder.bptt, encoder.max_len)

    def encode(self, item: Item) -> Encoded:
        """See Plan.encode."""
        text = self._adapter.encode(item)
        try:
            with self._few_words():
                numbers = self._numbers(text)
        except UnicodeEncodeError as error:
            raise self._unfit("it holds half a surrogate pair, which is no character") from error
        if not numbers:
            raise self._unfit("the learner's tokenizer finds nothing in it")
        return Encoded(torch.tensor(numbers), self._pad in numbers)

    def cost(self, encoded: Encoded) -> int:
        """Count the tokens; see the class."""
        return max(len(encoded.tokens), self.max_cost // _ROWS)

    def predict(self, batch: Sequence[Encoded]) -> Sequence[Outcome]:
        """See Plan.predict."""
        order = sorted(range(len(batch)), key=lambda i: (batch[i].padded, -len(batch[i].tokens)))
        plain = [batch[i].tokens for i in order if not batch[i].padded]
        raw = [self._read(plain[i : i + _ROWS]) for i in range(0, len(plain), _ROWS)]
        raw += [self._alone(batch[i].tokens) for i in order[len(plain) :]]
        places = torch.tensor(order).argsort()
        answers = answered(self.learner.loss_func, torch.cat(raw)[places])
        return decode_batch(self.signature.output, [part.numpy() for part in answers])

    def _ask(self, *inputs: Tensor) -> list[Tensor]:
        return list(map(torch.from_numpy, self.network(*(part.numpy() for part in inputs))))

    @torch.inference_mode()
    def _read(self, texts: Sequence[Tensor]) -> Tensor:
        raw: Tensor = self._head.layers(self._reader.read(texts))
        return raw

    @torch.no_grad()
    def _alone(self, tokens: Tensor) -> Tensor:
        """Ask the model itself: it takes a pad for a text's beginning, and forgets what was."""
        raw: Tensor = self._model(tokens[None])[0]
        return raw

    def _unfit(self, why: str) -> InvalidInput:
        field = "text.content" if isinstance(self.signature.input, TextInput) else "row.cells"
        return InvalidInput([Violation(field, why)])


def _numbering(texts: Any) -> Callable[[str], list[int]]:
    """Give what makes a text's numbers, out of the transforms that a str goes through."""
    transforms = list(texts.tfms.fs[texts.infer_idx("") :])
    backwards = len(transforms) > 2 and _function(transforms[-1]) is reverse_text
    kinds = [type(transform) for transform in transforms[: len(transforms) - backwards]]
    if kinds != [Tokenizer, Numericalize]:
        raise Unplanned(f"a text goes through {', '.join(t.name for t in transforms)}")
    if any(transform.split_idx not in (None, 1) for transform in transforms):
        raise Unplanned("a transform of the texts is left out at prediction")
    tokenizer, numericalize = transforms[:2]
    number = numericalize.o2i
    if type(number) is not defaultdict or number.default_factory is not int:
        raise Unplanned("unknown words have no number")
    tokenize = _tokenizing(tokenizer)
    step = -1 if backwards else 1

    def numbers(text: str) -> list[int]:
        # `get`, as a defaultdict would keep each word that any caller ever makes up.
        return [number.get(token, 0) for token in tokenize(text)][::step]

    return numbers


def _tokenizing(tokenizer: Any) -> Callable[[str], list[str]]:
    """Give the tokenizer's own call, without spaCy's loop over documents where it has no use."""
    spacy = getattr(getattr(tokenizer.tok, "pipe", None), "__self__", None)
    if type(tokenizer.tok) is not SpacyTokenizer or spacy is None or spacy.pipeline:
        return tokenizer._tokenize1  # type: ignore[no-any-return]
    apply_rules = compose(*tokenizer.rules)
    words = splitting(spacy)
    return lambda text: words(str(apply_rules(text)))


def _function(transform: Any) -> Any:
    """Give the one function that a transform was made of."""
    methods = list(getattr(getattr(transform, "encodes", None), "methods", []))
    return methods[0].implementation if len(methods) == 1 else None


def _check_loader(dls: Any) -> None:
    loader = dls.valid
    parts = [dls, loader, loader.dataset, loader.dataset.tls[0]]
    check_types(zip(parts, _LOADING, strict=True))
    own = (set(DataLoader._methods) - _PIPELINES.keys()) & vars(loader).keys()
    if own:
        raise Unplanned(f"its loader has a {min(own)} of its own")
    if loader.dataset.n_inp != 1 or dls.n_inp != 1:
        raise Unplanned("its model takes more than a text")
    for name, known in _PIPELINES.items():
        for transform in getattr(loader, name).fs:
            if type(transform) not in known:
                raise Unplanned(f"the {name} transform {transform.name.split()[0]} is not known")


def _known_model(model: Any) -> Any:
    for module in model.modules():
        if type(module) not in _MODULES:
            raise Unplanned(f"the module {type(module).__name__} is not known")
    parts = [type(model), *map(type, model.children())]
    if parts != [SequentialRNN, SentenceEncoder, PoolingLinearClassifier]:
        raise Unplanned("its model is not one that reads and then pools a text")
    encoder = model[0]
    if type(encoder.module) is not AWD_LSTM or encoder.module.n_dir != 1:
        raise Unplanned("it reads texts in both directions, and so the padding first")
    if encoder.max_len is not None and encoder.max_len < encoder.bptt:
        raise Unplanned("it pools less than a chunk of a text")
    if any(p.dtype != torch.float32 or p.device.type != "cpu" for p in model.parameters()):
        raise Unplanned("its weights are not float32 on the CPU")
    return model
