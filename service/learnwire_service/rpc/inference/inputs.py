"""Tensors to items, and where in them the faults of items are."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from learnwire_client.arrays import AnyArray
from learnwire_client.errors import FieldError, Violation
from learnwire_client.rows import cell_path

from ...common.bounds import Bounds
from ...common.errors import InvalidInput
from ...signature.columns import Columns
from ...signature.specs import ArrayInput, ArraysInput, InputSpec, TabularInput
from ...signature.validation import check_array
from .checks import check_datatype, check_flat, check_names, refused
from .table import Table
from .tensors import BYTES, Tensor, datatype_of, path_of

TEXT, ARRAY = "text", "array"


@dataclass(frozen=True)
class Batch:
    """The items of a request.

    Attributes:
        items: each of them, or rows as columns.
        warnings: what their sender should know of all of them.
    """

    items: Sequence[object] | Columns
    warnings: tuple[str, ...] = ()

    @property
    def only(self) -> object:
        """The one item, where there is one."""
        return self.items.row(0) if isinstance(self.items, Columns) else self.items[0]


def array_names(spec: ArrayInput | ArraysInput) -> dict[str, ArrayInput]:
    """Give the arrays that a model takes by the names of their inputs."""
    if isinstance(spec, ArrayInput):
        return {ARRAY: spec}
    return {f"{ARRAY}_{i}": one for i, one in enumerate(spec.arrays, 1)}


def decode_batch(tensors: Mapping[str, Tensor], spec: InputSpec, bounds: Bounds) -> Batch:
    """Bring inputs to items.

    Raises:
        InvalidInput: they are not what the model takes.
    """
    with refused():
        size = _size(tensors, bounds.max_items)
    match spec:
        case TabularInput():
            return Batch(*Table(spec, tensors, size).rows())
        case ArrayInput() | ArraysInput():
            return Batch(_arrays(spec, tensors))
        case _:
            check_names(tensors, {TEXT: BYTES})
            with refused():
                check_datatype(tensors[TEXT], (BYTES,), BYTES)
                check_flat(tensors[TEXT])
                return Batch(tensors[TEXT].texts().tolist())


def _size(tensors: Mapping[str, Tensor], most: int) -> int:
    """Give how many items there are, which all tensors have to agree on."""
    if not tensors:
        raise FieldError("inputs", "expected those of the model, got none")
    first, *others = tensors.values()
    for one in (first, *others):
        if not one.shape or not one.shape[0]:
            problem = f"expected a batch of 1 item or more, got {list(one.shape)}"
            raise FieldError(f"{one.path}.shape", problem)
        if one.shape[0] != first.shape[0]:
            problem = f"expected {first.shape[0]} items as in {first.path}, got {one.shape[0]}"
            raise FieldError(f"{one.path}.shape", problem)
    size = first.shape[0]
    if size > most:
        problem = f"expected at most {most} items, got {size}"
        way_out = "send fewer at a time, or raise --max-items of the server"
        raise FieldError(f"{first.path}.shape", f"{problem}; {way_out}")
    return size


def _arrays(spec: ArrayInput | ArraysInput, tensors: Mapping[str, Tensor]) -> list[object]:
    wanted = array_names(spec)
    check_names(tensors, {name: datatype_of(one.numpy_dtype) for name, one in wanted.items()})
    with refused():
        parts = [_array_items(one, tensors[name]) for name, one in wanted.items()]
    return list(parts[0]) if isinstance(spec, ArrayInput) else list(zip(*parts, strict=True))


def _array_items(spec: ArrayInput, tensor: Tensor) -> list[AnyArray]:
    if spec.encoded and tensor.datatype == BYTES:
        check_flat(tensor)
        files = tensor.array().reshape(-1)
        return [np.frombuffer(one, np.uint8) for one in files]
    try:
        check_array(spec, tensor.dtype, tensor.shape[1:])
    except FieldError as error:
        if error.violation.field == "data_type":
            also = f", or {BYTES} of encoded images" if spec.encoded else ""
            told = f"expected {datatype_of(spec.numpy_dtype)}{also}, got {tensor.datatype}"
            raise FieldError(f"{tensor.path}.datatype", told) from None
        told = f"behind the batch {error.violation.description}"
        raise FieldError(f"{tensor.path}.shape", told) from None
    return list(tensor.array())


def finder(spec: InputSpec) -> Callable[[InvalidInput, int | None], InvalidInput]:
    """Give what tells of an item's faults by the inputs that they are in.

    It is given the error, and where the item is in its batch; None: it is the only one.
    """
    paths: dict[str, str] = {"text.content": path_of(TEXT), "text": path_of(TEXT)}
    match spec:
        case TabularInput(columns=columns):
            paths = {f"row.{cell_path(one.name)}": path_of(one.name) for one in columns}
        case ArrayInput():
            paths = {ARRAY: path_of(ARRAY)}
        case ArraysInput():
            names = enumerate(array_names(spec))
            paths = {f"arrays.arrays[{i}]": path_of(name) for i, name in names}

    def found(error: InvalidInput, index: int | None) -> InvalidInput:
        place = "" if index is None else f"[{index}]"
        return InvalidInput(
            [
                Violation(f"{_path(paths, one.field)}{place}", one.description)
                for one in error.violations
            ]
        )

    return found


def _path(paths: Mapping[str, str], field: str) -> str:
    if field in paths:
        return paths[field]
    return next((one for path, one in paths.items() if field.startswith(f"{path}.")), "inputs")
