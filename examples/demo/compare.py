"""One question, asked three ways: `learner.predict`, the Python client, and grpcurl."""

import json
import subprocess
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from learnwire_client import CallError, ChannelOptions, Client
from numpy.typing import NDArray

from .errors import DemoError
from .items import Item, Value

TOLERANCE = 1e-5

_FLAGS = ("-emit-defaults", "-max-time", "60", "-d", "@")
_METHOD = "learnwire.v1.PredictionService/Predict"


@dataclass(frozen=True)
class Answer:
    """A label, its index in the classes, and a probability for each class."""

    label: str
    index: int
    probabilities: NDArray[np.float64]

    def difference(self, other: "Answer") -> float:
        """Give the largest difference of a probability; infinite where they do not align."""
        if self.probabilities.shape != other.probabilities.shape:
            return float("inf")
        return float(np.abs(self.probabilities - other.probabilities).max())

    def agrees_with(self, truth: "Answer") -> bool:
        """Tell whether label and index are the same and probabilities within TOLERANCE."""
        same = (self.label, self.index) == (truth.label, truth.index)
        return same and self.difference(truth) <= TOLERANCE


@dataclass(frozen=True)
class Comparison:
    """The answers to one item."""

    item: Item
    truth: Answer
    client: Answer
    grpcurl: Answer

    @property
    def difference(self) -> float:
        """The largest difference of a probability from `learner.predict`'s."""
        return max(self.client.difference(self.truth), self.grpcurl.difference(self.truth))

    @property
    def agrees(self) -> bool:
        """Whether both answers over the wire are `learner.predict`'s."""
        return self.client.agrees_with(self.truth) and self.grpcurl.agrees_with(self.truth)


@dataclass(frozen=True)
class Way:
    """How clients reach a server.

    Attributes:
        target: where it listens.
        options: what the Python client is to show it.
        flags: the same for grpcurl.
    """

    target: str
    options: ChannelOptions = field(default_factory=ChannelOptions)
    flags: Sequence[str] = ("-plaintext",)


def compare(way: Way, model: str, learner: Any, items: Iterable[Item]) -> Iterator[Comparison]:
    """Ask about each item three ways: the learner here, and the model that is served."""
    with Client(way.target, options=way.options) as client:
        for item in items:
            yield Comparison(
                item,
                ask_learner(learner, item.value),
                ask_client(client, model, item),
                ask_grpcurl(way, model, item),
            )


def ask_learner(learner: Any, value: Value) -> Answer:
    """Ask `learner.predict`."""
    with learner.no_bar():
        decoded, index, probabilities = learner.predict(value)
    # A tabular learner gives the whole row back, the label still encoded in it.
    label = decoded if isinstance(decoded, str) else decoded.decode()[decoded.y_names[0]].item()
    return Answer(str(label), int(index), probabilities.double().numpy())


def ask_client(client: Client, model: str, item: Item) -> Answer:
    """Ask through the Python client.

    Raises:
        DemoError: the call failed.
    """
    try:
        label, index, probabilities = client.predict(model, item.value)
    except CallError as error:
        raise DemoError(f"the client got no answer for {item.name}: {error}") from error
    return Answer(label, int(index), probabilities.astype(np.float64))


def ask_grpcurl(way: Way, model: str, item: Item) -> Answer:
    """Ask through the grpcurl program, in JSON, as any foreign client would.

    Raises:
        DemoError: grpcurl is not installed, or the call failed.
    """
    program = Path(sysconfig.get_path("scripts")) / "grpcurl"
    if not program.exists():
        raise DemoError(f"{program} is missing. Run `make setup`, then start again.")
    call = subprocess.run(
        [program, *way.flags, *_FLAGS, way.target, _METHOD],
        input=json.dumps({"model": model, **_as_json(item.value)}),
        capture_output=True,
        text=True,
    )
    if call.returncode:
        raise DemoError(f"grpcurl got no answer for {item.name}:\n{call.stderr.strip()}")
    answer = json.loads(call.stdout)["prediction"]["singleLabel"]
    return Answer(answer["label"], answer["index"], np.array(answer["probabilities"]))


def _as_json(value: Value) -> dict[str, Any]:
    match value:
        case str():
            return {"text": {"content": value}}
        case pd.Series():
            return {"row": {"cells": json.loads(value.to_json(double_precision=15))}}
        case _:
            return {"array": {"values": value.tolist()}}
