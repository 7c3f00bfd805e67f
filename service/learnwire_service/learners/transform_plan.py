"""The plans for images and arrays: the learner's own transforms, without its loaders' loop."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
import torch
from fastai.data.core import DataLoaders, Datasets, TfmdDL, TfmdLists
from fastai.torch_basics import compose_tfms
from numpy.typing import NDArray
from torch import Tensor

from ..answers import Outcome, Stacked
from ..sealed.answering import decode_batch
from ..validation import Item
from .adapter import Adapter
from .neighbours import own_steps
from .network import NetworkPlan, TorchNetwork
from .outputs import Answering
from .plain import check_plain_learner
from .plan import Unplanned

# Tensors, or what the loader makes tensors of: arrays and numbers.
_Parts = tuple[Any, ...]
_Transform = Callable[[Any], Any]

_COLLATED = (Tensor, np.ndarray, np.generic, bool, int, float)
_NO_PIXELS = np.zeros((0, 0, 3), np.uint8)

# What a loader does to items on their way into a batch.
_LOADING = (
    "__iter__",
    "before_iter",
    "chunkify",
    "create_batch",
    "create_batches",
    "create_item",
    "do_batch",
    "do_item",
    "retain",
)


class TransformPlan(NetworkPlan):
    """Runs an item's transforms when it is encoded, and a batch's around one call of the model.

    It costs the elements of the tensors that the model is given.
    """

    # On a core, resnet18 is at its best from 16 images of 64 pixels a side and from 4 of 224 on.
    max_cost = 600_000
    # So that a batch is no more than a thousand items, however small.
    _least_cost = max_cost // 1000

    def __init__(self, adapter: Adapter) -> None:
        """See Plan; the transforms are found once, here."""
        super().__init__(adapter)
        check_plain_learner(self.learner)
        if self.signature.output.kind == "points":
            raise Unplanned("points are told in pixels of the image that was sent")
        if hasattr(self.learner.model, "reset"):
            raise Unplanned("its model has a state that is reset before each prediction")
        self._adapter = adapter
        self._loader = self._find_loader()
        self._inputs = int(self.learner.dls.n_inp)
        self._after_item = _active(self._loader.after_item)
        self._after_batch = _active(self._loader.after_batch)
        self._is_alone = bool(own_steps(self._after_batch.keywords["tfms"]))
        self._check_encoding()
        self._answering = Answering(self.learner)
        self.network = TorchNetwork(self._answering)

    def encode(self, item: Item) -> _Parts:
        """See Plan.encode."""
        parts: _Parts = self._after_item(self._loaded(self._adapter.encode(item)))
        return self._batched([parts]) if self._is_alone else parts

    def cost(self, encoded: _Parts) -> int:
        """Count the elements."""
        return max(sum(map(_size, encoded)), self._least_cost)

    def input_size(self, encoded: _Parts) -> int:
        """See Plan.input_size."""
        size = _positions(encoded)
        return size if size > self._usual_size else 0

    def predict(self, batch: Sequence[_Parts]) -> Sequence[Outcome]:
        """See Plan.predict; items of different shapes cannot share a batch."""
        alike: dict[Any, list[int]] = {}
        for i, parts in enumerate(batch):
            alike.setdefault(tuple(map(np.shape, parts)), []).append(i)
        answers = [self._answers([batch[i] for i in group]) for group in alike.values()]
        return _in_order(answers, np.argsort(list(chain(*alike.values()))))

    @abstractmethod
    def _find_loader(self) -> Any:
        """Give a loader as `learner.predict` makes one for an item."""

    @abstractmethod
    def _loaded(self, given: Any) -> tuple[Any, ...]:
        """Give what the data set makes of what `learner.predict` takes."""

    def _answers(self, items: list[_Parts]) -> Sequence[Outcome]:
        model = self.learner.model
        if model.training:
            model.eval()
        with torch.inference_mode():
            inputs = _joined(items) if self._is_alone else self._batched(items)
            # Through fastai's types of tensors, each operation of the model takes longer.
            arrays = [part.as_subclass(Tensor).numpy() for part in inputs]
        return decode_batch(self.signature.output, self.network(*arrays))

    def _batched(self, items: list[_Parts]) -> _Parts:
        """Collate items, and transform the batch; one item alone where that is not fastai's."""
        return tuple(self._after_batch(self._loader.do_batch(items))[: self._inputs])

    def _check_encoding(self) -> None:
        self._usual_size = 0
        for item in self._adapter.examples()[:1]:
            try:
                parts = self.encode(item)
            except Exception as error:
                raise Unplanned(f"its transforms fail on a made-up item: {error}") from error
            known = isinstance(parts, tuple) and all(isinstance(part, _COLLATED) for part in parts)
            if not known or len(parts) != self._inputs:
                raise Unplanned(f"its transforms do not make {self._inputs} tensors of an item")
            self._usual_size = _positions(parts)


class VisionPlan(TransformPlan):
    """Answers images; see VisionAdapter."""

    name = "vision"
    encodes_apart = True

    def _find_loader(self) -> Any:
        if (inputs := getattr(self.learner.dls, "n_inp", 1)) != 1:
            raise Unplanned(f"it takes {inputs} inputs")
        # Which transform comes first depends on the type of what is given.
        encoded, pixels = (_loader_of(self.learner.dls, item) for item in (b"", _NO_PIXELS))
        if not all(one.dataset.tls[0].tfms.fs for one in (encoded, pixels)):
            raise Unplanned("it has no transform that opens an image")
        [self._open], [self._make] = _openings(encoded.dataset), _openings(pixels.dataset)
        return pixels

    def _loaded(self, given: Any) -> tuple[Any, ...]:
        return (self._open(given) if isinstance(given, bytes) else self._make(given),)


def _positions(parts: _Parts) -> int:
    """Count the pixels of what is [channels, height, width], or the numbers of others."""
    return sum(_size(part[0] if np.ndim(part) > 2 and len(part) else part) for part in parts)


def _loader_of(dls: Any, item: Any) -> Any:
    """Give the loader that `learner.predict` makes for an item, ready to be asked for batches.

    Raises:
        Unplanned: it does more than to transform and to collate.
    """
    if not isinstance(dls, DataLoaders) or type(dls).test_dl is not DataLoaders.test_dl:
        raise Unplanned(f"its data is in {type(dls).__name__}")
    try:
        loader = dls.test_dl([item], num_workers=0)
    except Exception as error:
        raise Unplanned(f"it makes no loader for {type(item).__name__}: {error}") from error
    _check_loader(loader)
    loader.before_iter()
    return loader


def _joined(batches: Sequence[_Parts]) -> _Parts:
    return tuple(torch.cat(parts) for parts in zip(*batches, strict=True))


def _size(part: Any) -> int:
    return part.numel() if isinstance(part, Tensor) else int(np.size(part))


def _active(pipeline: Any) -> partial[Any]:
    """Give a pipeline without the transforms that are off for its split.

    Such a one leaves items alone, but the random ones draw their numbers all the same. fastai's
    affine transforms move from split to split and are on for each: only where the class agrees
    with the object, it is off for good.
    """
    split = pipeline.split_idx
    on = [step for step in pipeline.fs if {step.split_idx, type(step).split_idx} & {None, split}]
    return partial(compose_tfms, tfms=on, split_idx=split)


def _check_loader(loader: Any) -> None:
    if not isinstance(loader, TfmdDL):
        raise Unplanned(f"its loader is a {type(loader).__name__}")
    for name in _LOADING:
        own = name in vars(loader) or getattr(type(loader), name) is not getattr(TfmdDL, name)
        if own:
            raise Unplanned(f"its loader has a {name} of its own")
    if loader.prebatched:
        raise Unplanned("its loader makes no batches")
    if loader.before_batch.fs:
        raise Unplanned(f"what {loader.before_batch.fs[0].name} makes of an item depends on others")


def _openings(dataset: Any) -> list[_Transform]:
    """Give the transforms of a data set that lead from what was sent to each input."""
    if type(dataset) is not Datasets or any(type(items) is not TfmdLists for items in dataset.tls):
        raise Unplanned(f"its data set is a {type(dataset).__name__}")
    return [_active(items.tfms) for items in dataset.tls]


def _in_order(answers: Sequence[Sequence[Outcome]], order: NDArray[np.int64]) -> Sequence[Outcome]:
    """Chain answers, and give them in this order."""
    stacked = [answer for answer in answers if isinstance(answer, Stacked)]
    if len(stacked) < len(answers) or not answers:
        chained = list(chain(*answers))
        return [chained[i] for i in order]
    return Stacked(
        stacked[0].output,
        np.concatenate([answer.decoded for answer in stacked]),
        np.concatenate([answer.probabilities for answer in stacked]),
    ).taken(order)
