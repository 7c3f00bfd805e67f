"""Raw items: what a learner's user hands to `learner.predict`, found in its data set.

fastai dispatches transforms on the type of what they are handed, and passes by those whose type
does not fit. So a learner must be asked with the type that its own data has.
"""

import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from fastai.data.core import Datasets, TfmdLists
from fastcore.foundation import L
from numpy.typing import NDArray

from ..common.naming import import_named
from ..signature.specs import ArrayInput

# As many items of the data set are looked at, from its first to its last.
_LOOKED_AT = 16
_TENSOR = "torch:Tensor"
# Those that numpy has too, which knows no bfloat16.
_DTYPES = {
    *(torch.bool, torch.float16, torch.float32, torch.float64),
    *(torch.int8, torch.int16, torch.int32, torch.int64),
    *(torch.uint8, torch.uint16, torch.uint32, torch.uint64),
}


def is_array(value: object) -> bool:
    """Tell whether a value is one of those that go over the wire as an array."""
    if isinstance(value, torch.Tensor):
        return value.dtype in _DTYPES
    return isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biuf"


def is_number(value: object) -> bool:
    """Tell whether a value is one of Python's own numbers."""
    return isinstance(value, bool | int | float)


def is_text(value: object) -> bool:
    """Tell whether a value is a text, and no name of a file."""
    return isinstance(value, str) and not os.path.exists(value)


def types_of(items: Any) -> list[Any]:
    """Give the types that an item has on its way through a pipeline; none where none were noted.

    Args:
        items: one of the lists (TfmdLists) of a data set.
    """
    return list(getattr(items, "types", None) or [])


def steps(items: Any, i: int) -> Iterator[Any]:
    """Give an item of a data set, and what each transform of its pipeline makes of it in turn.

    Args:
        items: one of the lists (TfmdLists) of a data set.
        i: the item's place.
    """
    value = L(items.items, use_list=None)[i]
    yield value
    for transform in items.tfms.fs:
        value = transform(value, split_idx=1)
        yield value


def array_items(dls: Any) -> dict[int, tuple[Any, ...]]:
    """Give the inputs of a few items, each as the first array that there is of it.

    Returns: by the item's place in the data set a tuple of arrays, tensors or numbers; none
        where the data set holds no items, or others.
    """
    data = dls.valid_ds
    if isinstance(data, TfmdLists):
        return {}
    read = _of_datasets if isinstance(data, Datasets) else _of_plain
    places = np.linspace(0, len(data) - 1, min(len(data), _LOOKED_AT)).astype(int).tolist()
    found = {i: parts for i in places if (parts := read(data, i, dls.n_inp)) is not None}
    return found if len(found) == len(places) else {}


def _of_datasets(data: Any, i: int, inputs: int) -> tuple[Any, ...] | None:
    parts = [next(filter(is_array, steps(items, i)), None) for items in data.tls[:inputs]]
    return None if any(part is None for part in parts) else tuple(parts)


def _of_plain(data: Any, i: int, inputs: int) -> tuple[Any, ...] | None:
    item = data[i]
    parts = tuple(item[:inputs]) if isinstance(item, tuple | list) else (item,)
    return parts if all(is_array(part) or is_number(part) for part in parts) else None


def described(parts: Sequence[Any]) -> ArrayInput:
    """Describe one input of the items that are at hand: -1 along what differs among them."""
    arrays = [as_numpy(part) for part in parts]
    first = arrays[0]
    if any(array.ndim != first.ndim for array in arrays):
        arrays = [first]
    sizes = zip(*(array.shape for array in arrays), strict=True)
    return ArrayInput(
        shape=tuple(size if {size, *more} == {size} else -1 for size, *more in sizes),
        dtype=first.dtype.name,
        axes=tuple(f"dimension {i}" for i in range(first.ndim)),
        typical_shape=first.shape,
        container=_container(parts[0]),
    )


def as_numpy(part: Any) -> NDArray[Any]:
    """Bring an array, tensor or number to numpy."""
    if isinstance(part, torch.Tensor):
        part = part.detach().cpu().as_subclass(torch.Tensor).numpy()
    return np.asarray(part)


def contained(spec: ArrayInput, array: NDArray[Any]) -> Any:
    """Bring an array to the type that the learner's own items have."""
    if spec.container == _TENSOR:
        return torch.from_numpy(np.array(array))
    kind = import_named(spec.container, "type of the items")
    if issubclass(kind, torch.Tensor):
        return torch.from_numpy(np.array(array)).as_subclass(kind)
    if issubclass(kind, np.ndarray):
        return np.array(array).view(kind)
    return array.item() if kind in (bool, int, float) else array[()]


def _container(value: Any) -> str:
    """Name the type of a raw value, or the nearest that can be imported elsewhere."""
    kind = next(kind for kind in type(value).__mro__ if kind.__module__ != "__main__")
    # A tensor's own module is an inner matter of torch.
    return _TENSOR if kind is torch.Tensor else f"{kind.__module__}:{kind.__qualname__}"
