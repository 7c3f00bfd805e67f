"""Torch modules served by their names: an endpoint for each method."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import learnwire_service as lw
import numpy as np
import pytest
import torch
from grpc import StatusCode
from learnwire_client import CallError, Client
from torch import nn

from tests.conftest import Trained
from tests.service.odd_modules import Two

random = np.random.default_rng(0)
LEFT, RIGHT = (random.normal(size=(5, n)).astype(np.float32) for n in (4, 3))


class Sum(nn.Module):
    """Takes two arrays, gives one; so does its other method."""

    def forward(self, left: Any, right: Any) -> Any:
        return left[:, :3] + right

    def first(self, left: Any) -> Any:
        return (left[:, 0],)


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """A client of a server of one module, with two methods."""
    monkeypatch.setenv("LEARNWIRE_HOME", str(tmp_path))
    batches = {"batchable": True}
    lw.save_torch_model(
        "sums",
        Sum(),
        signatures={"__call__": batches, "first": batches},
        example={"__call__": (LEFT, RIGHT), "first": LEFT},
    )
    with lw.serving("sums") as target, Client(target) as connected:
        yield connected


def test_each_method_is_an_endpoint_that_answers_as_the_module(client: Client) -> None:
    answer = client.call("sums", inputs={"left": LEFT, "right": RIGHT})
    np.testing.assert_allclose(answer, LEFT[:, :3] + RIGHT, rtol=1e-6)
    np.testing.assert_array_equal(client.call("sums.first", LEFT[:2]), LEFT[:2, 0])


@pytest.mark.parametrize("kind", ["penguins", "digits"])
def test_the_module_of_a_learner_answers_as_itself(
    kind: str, trained: dict[str, Trained], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = trained[kind].learner
    inputs = [part.as_subclass(torch.Tensor) for part in learner.dls.valid.one_batch()[:-1]]
    monkeypatch.setenv("LEARNWIRE_HOME", str(tmp_path))
    lw.save_torch_model("bare", learner.model, example=tuple(inputs))
    with torch.inference_mode():
        expected = learner.model.eval()(*inputs).numpy()
    with lw.serving("bare") as target, Client(target) as client, ThreadPoolExecutor(16) as threads:
        names = list(client.endpoints()[0].inputs)

        def ask(row: int) -> Any:
            arrays = [part[row : row + 2].numpy() for part in inputs]
            if names == [""]:
                return client.call("bare", arrays[0])
            return client.call("bare", inputs=dict(zip(names, arrays, strict=True)))

        for row, answer in enumerate(threads.map(ask, range(len(expected) - 1))):
            np.testing.assert_allclose(answer, expected[row : row + 2], rtol=1e-5, atol=1e-5)


def test_many_calls_at_once_are_each_answered(client: Client) -> None:
    rows = [np.full((n % 3 + 1, 4), n, np.float32) for n in range(64)]
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda one: client.call("sums.first", one), rows))
    for one, answer in zip(rows, answers, strict=True):
        np.testing.assert_array_equal(answer, one[:, 0])


@pytest.mark.parametrize(
    ("arrays", "problem"),
    [
        ({"left": LEFT, "right": RIGHT[:2]}, "right.array: expected 5 rows, as left has, got 2"),
        ({"left": LEFT[0], "right": RIGHT}, r"left.array: .* with 2 dimensions, got shape \(4,\)"),
        ({"left": LEFT}, "right"),
    ],
)
def test_arrays_that_do_not_fit_are_the_callers_fault(
    client: Client, arrays: dict[str, Any], problem: str
) -> None:
    with pytest.raises(CallError, match=problem) as caught:
        client.call("sums", inputs=arrays)
    assert caught.value.code is StatusCode.INVALID_ARGUMENT


def test_a_call_that_the_module_does_not_take_fails_without_its_words(client: Client) -> None:
    with pytest.raises(CallError) as caught:
        client.call("sums", inputs={"left": LEFT, "right": np.ones((5, 7), np.float32)})
    assert caught.value.code is StatusCode.INTERNAL
    assert "size of tensor" not in str(caught.value)


def test_a_method_of_several_answers_is_refused_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEARNWIRE_HOME", str(tmp_path))
    lw.save_torch_model("two", Two(), example=(LEFT, RIGHT))
    with (
        pytest.raises(lw.NotServable, match="gives 2 arrays, and an endpoint gives one; write a"),
        lw.serving("two"),
    ):
        pass


def test_the_server_chooses_device_and_precision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEARNWIRE_HOME", str(tmp_path))
    lw.save_torch_model("linear", nn.Linear(4, 3), example=LEFT)
    with lw.serving("linear") as target, Client(target) as client:
        exact = client.call("linear", LEFT)
    with lw.serving("linear", device="auto", precision="bf16") as target, Client(target) as client:
        near = client.call("linear", LEFT)
    assert near.dtype == np.float32
    assert 0 < np.abs(near - exact).max() < 0.1


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_server_that_is_to_use_a_missing_gpu_does_not_come_up(client: Client) -> None:
    with (
        pytest.raises(lw.NoSuchDevice, match="PyTorch finds no GPU here"),
        lw.serving("sums", device="cuda"),
    ):
        pass
