"""What the clients have to print, after `learner.predict`."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from examples.demo.compare import Answer, ask_learner

TEXT = "A warm and funny film."
ROW = {
    "island": "Torgersen",
    "sex": None,
    "year": 2008,
    "bill_length_mm": 39.1,
    "bill_depth_mm": 18.7,
    "flipper_length_mm": 181,
    "body_mass_g": 3750,
}
IMAGE = np.frombuffer(
    bytes.fromhex(
        "00008fffcf5f0000 00005f4fffff0000 0000007fef4f0000 0000004fdf2f0000"
        "000000008fef1f00 0000000000afbf00 00003f7fafefbf00 0000afdfbf7f0000"
    ),
    np.uint8,
).reshape(8, 8)

_INVALID_ARGUMENT, _DEADLINE_EXCEEDED = 3, 4


@dataclass(frozen=True)
class Refusal:
    """An error: the number of its code and, where it tells one, the path of the wrong field."""

    code: int
    field: str | None = None


Expected = Mapping[str, Answer | Refusal]


def expect(learners: Mapping[str, Any]) -> tuple[Expected, Expected]:
    """Tell what clients print at each of their steps, given the demo's learners by name.

    Returns: what those of the generic contract print, and those of the models' own contracts.
    """
    text = ask_learner(learners["sentiment"], TEXT)
    row = ask_learner(learners["penguins"], pd.Series(ROW))
    array = ask_learner(learners["digits"], IMAGE)
    both: Expected = {
        "text": text,
        "row": row,
        "array": array,
        "deadline": Refusal(_DEADLINE_EXCEEDED),
        "stream: a row": row,
        "stream: a bad row": Refusal(_INVALID_ARGUMENT),
    }
    violation = Refusal(_INVALID_ARGUMENT, 'row.cells["bill_length_mm"]')
    typed_violation = Refusal(_INVALID_ARGUMENT, "bill_length_mm")
    return (
        {**both, "violation": violation, "stream: a text": text},
        {**both, "violation": typed_violation},
    )


def complaints(printed: str, expected: Expected) -> Iterator[str]:
    """Compare the lines of JSON that a client printed with what was expected, step by step."""
    try:
        lines = [json.loads(line) for line in printed.splitlines()]
    except ValueError:
        yield f"expected lines of JSON, got {printed}"
        return
    steps = [line["step"] for line in lines]
    if sorted(steps) != sorted(expected):
        yield f"expected the steps {sorted(expected)}, got {sorted(steps)}"
    for line in lines:
        truth = expected.get(line["step"])
        if truth is not None and not _agrees(line, truth):
            yield f"expected {truth}, got {line}"


def _agrees(line: dict[str, Any], truth: Answer | Refusal) -> bool:
    if isinstance(truth, Refusal):
        described = truth.field is None or bool(line.get("description"))
        return described and Refusal(line.get("code", 0), line.get("field")) == truth
    probabilities = np.array(line.get("probabilities", []))
    answer = Answer(line.get("label", ""), line.get("index", -1), probabilities)
    # A contract's enum says the same as the label; some languages leave the prefix out.
    category = line.get("category", truth.label).removeprefix("CATEGORY_")
    return category.upper() == truth.label.upper() and answer.agrees_with(truth)
