"""Tensors of the protocol to and from numpy.

Nothing is allocated before a tensor's name, shape, datatype and size have been found to agree.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from learnwire_client.arrays import AnyArray, checked_shape
from learnwire_client.errors import FieldError

from ..tables import Strings
from ..typed_arrays import converted, read_numbers

if TYPE_CHECKING:
    from .messages import pb

BYTES = "BYTES"
_DTYPES: Mapping[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    "INT8": np.dtype("<i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "UINT8": np.dtype("<u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
    BYTES: np.dtype(object),
}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}
# The list that holds a datatype's elements where they are not raw; FP16 has none.
_CONTENTS = {
    "BOOL": "bool_contents",
    "INT64": "int64_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    BYTES: "bytes_contents",
    **dict.fromkeys(("INT8", "INT16", "INT32"), "int_contents"),
    **dict.fromkeys(("UINT8", "UINT16", "UINT32"), "uint_contents"),
}
_LENGTH_BYTES = 4
_LONGEST_NAME = 200
# Of an integer; narrower ones come in wider lists.
_WIDEST = 8


def datatype_of(dtype: np.dtype[Any]) -> str:
    """Give the protocol's name of an element type."""
    return _NAMES[dtype.newbyteorder("<") if dtype.kind in "iuf" else dtype]


def dtype_of(datatype: str) -> np.dtype[Any] | None:
    """Give the element type of that name, object for BYTES; None where there is none."""
    return _DTYPES.get(datatype)


def path_of(name: str) -> str:
    """Give the path of an input in error messages."""
    return f"inputs[{json.dumps(name[:_LONGEST_NAME], ensure_ascii=False)}]"


@dataclass(frozen=True)
class Tensor:
    """An input as it came, whose elements have yet to be read.

    Attributes:
        name: its name.
        datatype: the protocol's name of its element type.
        shape: its shape.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    _raw: bytes | None
    _contents: "pb.InferTensorContents"
    _strings: Strings

    @property
    def path(self) -> str:
        """Where it is, in error messages."""
        return path_of(self.name)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Its element type; objects for BYTES."""
        return _DTYPES[self.datatype]

    def array(self) -> AnyArray:
        """Give its elements; those of BYTES as bytes.

        Raises:
            FieldError: they are not those that shape and datatype tell.
        """
        count = math.prod(self.shape)
        if self.datatype == BYTES:
            try:
                self._strings(self.dtype, self.shape)
            except FieldError as error:
                raise FieldError(self.path, error.violation.description) from None
        found = self._typed(count) if self._raw is None else self._from_raw(self._raw, count)
        return found.reshape(self.shape)

    def texts(self) -> AnyArray:
        """Give the elements of BYTES as str, flat.

        Raises:
            FieldError: as `array`, or one is no UTF-8.
        """
        found = self.array().reshape(-1)
        for i, one in enumerate(found):
            try:
                found[i] = one.decode()
            except UnicodeDecodeError:
                raise FieldError(f"{self.path}[{i}]", "expected UTF-8, got other bytes") from None
        return found

    def _from_raw(self, raw: bytes, count: int) -> AnyArray:
        if self.datatype == BYTES:
            return _objects(_split(raw, count, self.path))
        expected = count * self.dtype.itemsize
        if len(raw) != expected:
            problem = (
                f"expected {expected} bytes for shape {list(self.shape)} of {self.datatype}, "
                f"got {len(raw)}"
            )
            raise FieldError(self.path, problem)
        if self.datatype == "BOOL" and raw.strip(b"\x00\x01"):
            raise FieldError(self.path, "expected only the bytes 0 and 1 for BOOL, got others")
        return np.frombuffer(raw, self.dtype)

    def _typed(self, count: int) -> AnyArray:
        filled = [field.name for field, _ in self._contents.ListFields()]
        field = _CONTENTS.get(self.datatype)
        if field is None:
            raise FieldError(self.path, f"expected {self.datatype} in raw_input_contents")
        if filled not in ([], [field]):
            problem = f"expected the elements of {self.datatype} in {field}, got {filled}"
            raise FieldError(f"{self.path}.contents", problem.replace("'", ""))
        values = getattr(self._contents, field)
        if len(values) != count:
            problem = f"expected {count} elements for shape {list(self.shape)}, got {len(values)}"
            raise FieldError(f"{self.path}.contents.{field}", problem)
        if self.datatype == BYTES:
            return _objects(values)
        if self.dtype.kind not in "iu" or self.dtype.itemsize == _WIDEST:
            return read_numbers(values, self.dtype)
        try:
            return converted(values, self.dtype)
        except FieldError as error:
            raise FieldError(self.path, error.violation.description) from None


def tensors_of(request: "pb.ModelInferRequest", max_strings: int) -> dict[str, Tensor]:
    """Give the inputs of a request by their names.

    Args:
        request: has them.
        max_strings: how many elements of BYTES it may have.

    Raises:
        FieldError: they contradict themselves or each other.
    """
    raw = request.raw_input_contents
    if raw and len(raw) != len(request.inputs):
        problem = f"expected one entry for each of {len(request.inputs)} inputs, got {len(raw)}"
        raise FieldError("raw_input_contents", problem)
    strings = Strings(max_strings)
    found: dict[str, Tensor] = {}
    for i, one in enumerate(request.inputs):
        if not one.name or one.name in found:
            got = f'"{one.name[:80]}" twice' if one.name else "none"
            raise FieldError(f"inputs[{i}].name", f"expected a name of its own, got {got}")
        found[one.name] = _tensor(one, raw[i] if raw else None, strings)
    return found


def _tensor(
    message: "pb.ModelInferRequest.InferInputTensor", raw: bytes | None, strings: Strings
) -> Tensor:
    if "shared_memory_region" in message.parameters:
        problem = "expected its elements in the request: no memory is shared here"
        raise FieldError(path_of(message.name), problem)
    if raw is not None and message.HasField("contents"):
        problem = "expected nothing beside raw_input_contents, which has the elements of all inputs"
        raise FieldError(f"{path_of(message.name)}.contents", problem)
    if message.datatype not in _DTYPES:
        problem = f'expected one of {", ".join(_DTYPES)}, got "{message.datatype[:80]}"'
        raise FieldError(f"{path_of(message.name)}.datatype", problem)
    try:
        shape = checked_shape(message.shape)
    except FieldError as error:
        raise error.below(path_of(message.name)) from None
    return Tensor(message.name, message.datatype, shape, raw, message.contents, strings)


def _objects(values: Sequence[bytes]) -> AnyArray:
    # Of bytes numpy would otherwise make a type of their length.
    array = np.empty(len(values), object)
    array[:] = values
    return array


def _split(raw: bytes, count: int, path: str) -> list[bytes]:
    if count * _LENGTH_BYTES > len(raw):
        problem = f"expected {count} elements, each behind its length in 4 bytes"
        raise FieldError(path, f"{problem}, got {len(raw)} bytes in all")
    parts: list[bytes] = []
    start = 0
    for i in range(count):
        begin = start + _LENGTH_BYTES
        start = begin + int.from_bytes(raw[start:begin], "little")
        if begin > len(raw) or start > len(raw):
            raise FieldError(path, f"expected {count} elements, got a cut one at {i}")
        parts.append(raw[begin:start])
    if start != len(raw):
        raise FieldError(path, f"expected {count} elements, got {len(raw) - start} bytes more")
    return parts


def raw_of(array: AnyArray) -> bytes:
    """Give elements as they are sent; str becomes BYTES."""
    if array.dtype.kind != "O":
        return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
    return raw_bytes([one.encode(errors="replace") for one in array.reshape(-1).tolist()])


def raw_bytes(elements: Sequence[bytes]) -> bytes:
    """Give elements of BYTES as they are sent."""
    return b"".join(len(one).to_bytes(_LENGTH_BYTES, "little") + one for one in elements)


def elements_of(output: "pb.ModelInferResponse.InferOutputTensor", raw: bytes) -> list[Any]:
    """Give the elements of an answer's output, flat, as Python has them."""
    count = math.prod(output.shape)
    if output.datatype == BYTES:
        return [one.decode() for one in _split(raw, count, output.name)]
    elements: list[Any] = np.frombuffer(raw, _DTYPES[output.datatype], count).tolist()
    return elements
