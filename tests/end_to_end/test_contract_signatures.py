"""Fifty models that nobody has trained, asked by their own contracts over one socket.

What stands for their learners answers each item with numbers made of that item, so that an item
that came through in any other form would be answered otherwise.
"""

import zlib
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from learnwire_client.prediction import AnyPrediction, Several
from learnwire_service.common.settings import ServerSettings
from learnwire_service.contracts.keeping import lock_of
from learnwire_service.contracts.locked_output import heads_of
from learnwire_service.models.model import get_learner
from learnwire_service.runners.learner import LearnerRunner
from learnwire_service.sealed.plan import Choice, Plan
from learnwire_service.signature.answers import Outcome, assemble
from learnwire_service.signature.specs import (
    ArrayInput,
    ArraysInput,
    CellType,
    Column,
    HeadSpec,
    InputSpec,
    MaskOutput,
    MultiLabelOutput,
    PointsOutput,
    RegressionOutput,
    SeveralOutput,
    Signature,
    SingleLabelOutput,
    TabularInput,
)
from learnwire_service.signature.validation import PartialRow, check
from learnwire_service.store.store import ModelStore

from tests.end_to_end.test_kinds import hosting
from tests.end_to_end.typed import Stub, contract_of
from tests.service import hand_made
from tests.service.signatures import UGLY, generated, signatures

pytestmark = pytest.mark.slow

COUNT, ITEMS = 50, 5
MAX_CHARS = 1000
SIZES = (2, 3)
LARGEST = 2**53


class Telling(Plan):
    """Answers an item with numbers made of it."""

    name = "telling"
    max_cost = 10

    def __init__(self, signature: Signature) -> None:
        self.signature = signature

    def encode(self, item: Any) -> Any:
        return item

    def cost(self, encoded: Any) -> int:
        return 1

    def predict(self, batch: Sequence[Any]) -> Sequence[Outcome]:
        return [answer(self.signature, item) for item in batch]


def answer(signature: Signature, item: Any) -> AnyPrediction:
    random = np.random.default_rng(zlib.crc32(repr(_parts(item)).encode("utf-8", "replace")))
    heads = [_head(spec, random) for spec in heads_of(signature.output)]
    return Several.of(heads) if isinstance(signature.output, SeveralOutput) else heads[0]


def _parts(item: Any) -> Any:
    if isinstance(item, dict):
        return sorted(item.items())
    if isinstance(item, tuple):
        return [_parts(part) for part in item]
    if isinstance(item, np.ndarray):
        return item.dtype.name, item.shape, item.ravel().tolist()
    return item


def _head(spec: HeadSpec, random: np.random.Generator) -> AnyPrediction:
    match spec:
        case SingleLabelOutput(classes=classes):
            probabilities = random.random(len(classes), np.float32)
            return assemble(spec, np.asarray(probabilities.argmax()), probabilities)
        case MultiLabelOutput(classes=classes, threshold=threshold):
            probabilities = random.random(len(classes), np.float32)
            return assemble(spec, probabilities > threshold, probabilities)
        case RegressionOutput(targets=targets):
            values = random.random(len(targets), np.float32)
            return assemble(spec, values, values)
        case MaskOutput(classes=classes):
            pixels = random.random((len(classes), *SIZES), np.float32)
            return assemble(spec, pixels.argmax(axis=0), pixels)
        case PointsOutput(count=count):
            points = random.random((count, 2), np.float32)
            return assemble(spec, points.ravel(), points.ravel(), points)


def items(spec: InputSpec) -> list[Any]:
    """Make up items; of a row that cannot be null nothing is left out."""
    random = np.random.default_rng(0)
    return [_item(spec, random) for _ in range(ITEMS)]


def _item(spec: InputSpec, random: np.random.Generator) -> Any:
    match spec:
        case TabularInput(columns=columns):
            row = {column.name: _cell(column, random) for column in columns}
            # A row of nulls alone cannot be told from one of nothing, which is refused.
            return row if set(row.values()) != {None} else _item(spec, random)
        case ArrayInput():
            return _array(spec, random)
        case ArraysInput(arrays=arrays):
            return tuple(_array(one, random) for one in arrays)
        case _:
            return str(random.choice(UGLY))


def _cell(column: Column, random: np.random.Generator) -> Any:
    if column.nullable and random.random() < 0.3:
        return None
    match column.type:
        case CellType.STRING:
            return str(random.choice([*(column.categories or ()), *UGLY]))
        case CellType.INTEGER:
            return int(random.integers(-LARGEST, LARGEST))
        case CellType.FLOAT:
            return float(random.normal())
        case CellType.BOOL:
            return bool(random.integers(2))
        case CellType.TIMESTAMP:
            return f"2026-01-{random.integers(10, 31)}T12:30:00"


def _array(spec: ArrayInput, random: np.random.Generator) -> Any:
    shape = [int(random.integers(1, 4)) if size == -1 else size for size in spec.shape]
    dtype: Any = spec.numpy_dtype
    if dtype.kind == "O":
        return random.choice(np.array(UGLY, object), shape)
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return random.integers(limits.min, min(int(limits.max), LARGEST), shape, dtype)
    numbers = random.normal(size=shape)
    return np.asarray(numbers > 0 if dtype.kind == "b" else numbers, dtype)


def typed_alike(signature: Signature) -> Signature:
    """Leave categories to strings: those that are generated have no other type."""
    if not isinstance(signature.input, TabularInput):
        return signature
    columns = tuple(
        column if column.type is CellType.STRING else column.model_copy(update={"categories": None})
        for column in signature.input.columns
    )
    return signature.model_copy(update={"input": TabularInput(columns=columns)})


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Signature]:
    """Fifty saved versions, each of a model of its own."""
    monkeypatch.setenv("LEARNWIRE_HOME", str(tmp_path))
    made = {
        f"m-{i}": typed_alike(signature) for i, signature in enumerate(generated(COUNT, signatures))
    }
    for name, signature in made.items():
        hand_made.save(ModelStore(), f"{name}:first", signature=signature)
    return made


def runners(models: dict[str, Signature]) -> Iterator[LearnerRunner]:
    for name, signature in models.items():
        yield LearnerRunner(get_learner(name).manifest, partial(telling, signature))


def telling(signature: Signature, settings: ServerSettings) -> Choice:
    return Choice(Telling(signature))


def test_fifty_models_are_asked_and_answer_by_their_own_contracts(
    models: dict[str, Signature],
) -> None:
    with hosting(*runners(models)) as target, grpc.insecure_channel(target) as channel:
        for name, signature in models.items():
            stub, sent = Stub(channel, contract_of(name)), items(signature.input)
            requests = [stub.request(item) for item in sent]
            results = [*stub.predict_many(requests), *stub.predict_stream(requests[:1]).values()]
            responses = [stub.predict(requests[0]), *(result.response for result in results)]
            for item, response in zip([sent[0], *sent, sent[0]], responses, strict=True):
                checked = check(signature.input, _typed(item), max_text_chars=MAX_CHARS)
                _assert_same(stub.answer(response), answer(signature, checked.item))
                assert tuple(response.warnings) == checked.warnings
    assert len(models) == COUNT
    assert lock_of(ModelStore(), "m-0").majors[0].names == ("first",)


def _typed(item: Any) -> Any:
    """Give an item as a model's own contract has it: its messages leave nulls out."""
    if not isinstance(item, dict):
        return item
    return PartialRow({name: cell for name, cell in item.items() if cell is not None})


def _assert_same(one: Any, other: Any) -> None:
    if isinstance(other, Several):
        for pair in zip(one.heads, other.heads, strict=True):
            _assert_same(*pair)
        return
    assert type(one) is type(other)
    np.testing.assert_array_equal(np.ravel(one.probabilities), np.ravel(other.probabilities))
    np.testing.assert_array_equal(one.index, other.index)
    np.testing.assert_array_equal(one.label, other.label)
