"""Golden examples: items with the answers that the model gave at save."""

import base64
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from learnwire_client.prediction import AnyPrediction
from numpy.typing import NDArray

from ..agreement import disagreement
from ..errors import GoldenMismatch, NotServable
from ..signature import OutputSpec
from ..validation import Item
from .outputs import prediction
from .plan import Plan

GOLDEN_FILE = "golden.json"


@dataclass(frozen=True)
class Golden:
    """An item and the answer that it must be given."""

    item: Item
    answer: AnyPrediction


def ask_twice(plan: Plan, output: OutputSpec, items: Iterable[Item]) -> list[Golden]:
    """Let a model answer each item, and again, to see that it stands by its answers.

    Raises:
        NotServable: the second answer differs from the first, or is no number.
        Exception: whatever the learner raises on an item.
    """
    examples = [Golden(item, plan.predict([item])[0]) for item in items]
    for example in examples:
        if not np.isfinite(example.answer.probabilities).all():
            raise NotServable("the learner answers an example with NaN or infinite values")
        again = plan.predict([example.item])[0]
        if problem := disagreement(output, again, example.answer):
            raise NotServable(
                f"the learner answers the same example differently the second time ({problem}); "
                "look for randomness in its transforms or model that stays on for prediction"
            )
    return examples


def replay(plan: Plan, output: OutputSpec, examples: Sequence[Golden]) -> None:
    """Ask for all examples again.

    Raises:
        GoldenMismatch: an answer is outside the tolerance.
    """
    for i, example in enumerate(examples):
        answer = plan.predict([example.item])[0]
        if problem := disagreement(output, answer, example.answer):
            raise GoldenMismatch(
                f"golden example {i + 1} of {len(examples)} is answered with {problem}"
            )


def write(examples: Sequence[Golden], directory: Path) -> None:
    """Keep examples in `directory`, as JSON."""
    data = [
        {
            "item": _dump_item(example.item),
            "index": _dump_array(np.asarray(example.answer.index)),
            "probabilities": _dump_array(example.answer.probabilities),
        }
        for example in examples
    ]
    (directory / GOLDEN_FILE).write_text(json.dumps(data, indent=1) + "\n")


def read(directory: Path, output: OutputSpec) -> list[Golden]:
    """Read the examples that `write` kept."""
    return [
        Golden(
            _load_item(entry["item"]),
            prediction(output, _load_array(entry["index"]), _load_array(entry["probabilities"])),
        )
        for entry in json.loads((directory / GOLDEN_FILE).read_bytes())
    ]


def _dump_item(item: Item) -> dict[str, Any]:
    if isinstance(item, str):
        return {"text": item}
    if isinstance(item, dict):
        return {"row": item}
    return {"array": _dump_array(item)}


def _load_item(data: dict[str, Any]) -> Item:
    if "array" in data:
        return _load_array(data["array"])
    item: Item = data["text"] if "text" in data else data["row"]
    return item


def _dump_array(array: NDArray[Any]) -> dict[str, Any]:
    array = array.astype(array.dtype.newbyteorder("<"))
    return {
        "dtype": array.dtype.str,
        "shape": array.shape,
        "data": base64.b64encode(array.tobytes()).decode(),
    }


def _load_array(data: dict[str, Any]) -> NDArray[Any]:
    flat = np.frombuffer(base64.b64decode(data["data"]), np.dtype(data["dtype"]))
    return flat.reshape(data["shape"])
