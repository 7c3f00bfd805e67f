"""What clients of the Open Inference Protocol ask, and what `learner.predict` answers to it."""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import learnwire_service as lw
import numpy as np
import pandas as pd
from learnwire_service.signature.specs import (
    ArrayInput,
    ArraysInput,
    CellType,
    HeadSpec,
    MaskOutput,
    MultiLabelOutput,
    OutputSpec,
    PointsOutput,
    RegressionOutput,
    SeveralOutput,
    SingleLabelOutput,
    TabularInput,
)
from numpy.typing import NDArray

AnyArray = NDArray[Any]
Answer = tuple[Any, Any]
Named = dict[str, AnyArray]

_NAMES = {"b": "BOOL", "i": "INT", "u": "UINT", "f": "FP", "O": "BYTES"}
# What stands for a cell that is null, beside the input that tells so.
_NOTHING = {CellType.STRING: "", CellType.TIMESTAMP: "", CellType.INTEGER: 0, CellType.BOOL: False}
_ONE_BY_ONE = 3


@dataclass(frozen=True)
class Asked:
    """A saved model, items for it, and the decoded and the raw values of each output's answer."""

    model: str
    items: Sequence[Any]
    answers: Sequence[Sequence[Answer]]


def cases(asked: Asked) -> Iterator[dict[str, Any]]:
    """Give some items one by one, then all that go together in a batch, as plain JSON."""
    signature = lw.get(asked.model).manifest.signature
    pairs = list(zip(asked.items, asked.answers, strict=True))
    batches = [[pair] for pair in pairs[:_ONE_BY_ONE]]
    batches += [pairs] if len({_size(item) for item, _ in pairs}) == 1 else []
    for batch in batches:
        items, answers = zip(*batch, strict=True)
        yield {
            "model": asked.model,
            "inputs": _told(_inputs(signature.input, items)),
            "outputs": _told(_outputs(signature.output, answers)),
        }


def _size(item: Any) -> Any:
    """Tell what items have in common that can be a batch."""
    if isinstance(item, tuple):
        return tuple(map(_size, item))
    return (item.dtype.str, item.shape) if isinstance(item, np.ndarray) else None


def _inputs(spec: Any, items: Sequence[Any]) -> Named:
    match spec:
        case TabularInput(columns=columns):
            rows = [item.to_dict() if isinstance(item, pd.Series) else item for item in items]
            return dict(
                part
                for one in columns
                for part in _column(one.name, one.type, [row[one.name] for row in rows])
            )
        case ArrayInput(encoded=True) if items[0].ndim == 1:
            return {"array": _objects([item.tobytes() for item in items])}
        case ArrayInput():
            return {"array": np.stack(items)}
        case ArraysInput():
            parts = enumerate(zip(*items, strict=True), 1)
            return {f"array_{i}": np.stack(part) for i, part in parts}
        case _:
            return {"text": _objects([item.encode() for item in items])}


def _column(name: str, kind: CellType, cells: Sequence[Any]) -> Iterator[tuple[str, AnyArray]]:
    nulls = np.array([cell is None or cell != cell for cell in cells])
    if kind is CellType.FLOAT:
        yield (
            name,
            np.array([np.nan if null else cell for cell, null in zip(cells, nulls, strict=True)]),
        )
        return
    values = [_NOTHING[kind] if null else cell for cell, null in zip(cells, nulls, strict=True)]
    if kind in (CellType.STRING, CellType.TIMESTAMP):
        yield name, _objects([str(value).encode() for value in values])
    else:
        yield name, np.array(values, np.bool_ if kind is CellType.BOOL else np.int64)
    if nulls.any():
        yield f"{name}__null", nulls


def _outputs(spec: OutputSpec, answers: Sequence[Sequence[Answer]]) -> Named:
    if not isinstance(spec, SeveralOutput):
        return _of_head(spec, [answer[0] for answer in answers])
    return {
        f"output_{i + 1}.{name}": array
        for i, head in enumerate(spec.heads)
        for name, array in _of_head(head, [answer[i] for answer in answers]).items()
    }


def _of_head(spec: HeadSpec, answers: Sequence[Answer]) -> Named:
    decoded, raw = (
        np.stack([np.asarray(one) for one in part]) for part in zip(*answers, strict=True)
    )
    match spec:
        case SingleLabelOutput(classes=classes):
            labels = _objects([classes[int(i)].encode() for i in decoded])
            index = decoded.astype(np.int64)
            return {"label": labels, "index": index, "probabilities": raw}
        case MultiLabelOutput():
            return {"mask": decoded.astype(np.bool_), "probabilities": raw}
        case RegressionOutput(targets=targets):
            return {"values": raw.reshape(len(raw), len(targets))}
        case MaskOutput():
            return {"mask": decoded.astype(np.int64), "probabilities": raw}
        case PointsOutput():
            return {"points": decoded, "raw": raw}


def _told(arrays: Named) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "datatype": _datatype(array),
            "shape": list(array.shape),
            "data": [_plain(one) for one in array.reshape(-1).tolist()],
        }
        for name, array in arrays.items()
    ]


def _datatype(array: AnyArray) -> str:
    kind = array.dtype.kind
    return _NAMES[kind] + (str(8 * array.dtype.itemsize) if kind in "iuf" else "")


def _plain(value: Any) -> Any:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def _objects(values: Sequence[Any]) -> AnyArray:
    array = np.empty(len(values), object)
    array[:] = values
    return array
