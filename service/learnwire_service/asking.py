"""Commands that ask a server: one that is up, or one for the local store's model."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import typer
from learnwire_client import CallError, Client
from learnwire_client.inputs import Value
from learnwire_client.prediction import AnyPrediction

from .commands import reported
from .hosting import serving


@contextmanager
def connected(model: str, target: str | None) -> Iterator[Client]:
    """Give a client of the given server, or of one for the local store's model; see `reported`."""
    with reported(CallError), _server(model, target) as address, Client(address) as client:
        yield client


def predict_one(model: str, target: str | None, value: Value) -> None:
    """Predict an item and print the answer as JSON, its warnings apart."""
    with connected(model, target) as client:
        _print_prediction(client.predict(model, value))


def read_image(path: Path) -> Value:
    """Read the encoded bytes of an image."""
    return np.frombuffer(path.read_bytes(), np.uint8)


@contextmanager
def _server(model: str, target: str | None) -> Iterator[str]:
    if target is not None:
        yield target
        return
    with serving(model) as local:
        yield local


def _print_prediction(prediction: AnyPrediction) -> None:
    for warning in prediction.warnings:
        typer.echo(f"warning: {warning}", err=True)
    answer: dict[str, Any] = {
        "model": f"{prediction.model}:{prediction.version}",
        **{name: np.asarray(value).tolist() for name, value in prediction._asdict().items()},
    }
    typer.echo(json.dumps(answer, ensure_ascii=False))
