"""Each descriptor around each kind of runner, without a conversion in the function's body.

What goes in is handed to the runner as it is, and what that answers is answered as it is.
"""

from collections.abc import Iterator
from typing import Any

import learnwire_service as lw
import numpy as np
import pandas as pd
import pytest
import torch
from learnwire_client import Client
from learnwire_service.services.descriptors.base import Descriptor

from tests.conftest import Trained

INPUTS: dict[str, Descriptor] = {
    "sentiment": lw.Text(),
    "penguins": lw.TabularRow(),
    "digits": lw.NdArray(),
}
OUTPUTS: dict[str, Descriptor] = {
    "prediction": lw.Prediction(),
    "text": lw.Text(),
    "array": lw.NdArray(),
    "row": lw.TabularRow(),
}


class Anything(lw.Runnable):
    """Has a method for each kind of value."""

    @lw.Runnable.method(batchable=True)
    def total(self, rows: Any) -> Any:
        return rows.sum(axis=1)

    @lw.Runnable.method()
    def names(self, row: "pd.Series[Any]") -> str:
        return ",".join(row.index)

    @lw.Runnable.method()
    def shout(self, text: str) -> str:
        return text.upper()


def around(model: str, runner: lw.LearnerRunner, svc: lw.Service) -> None:
    """Add endpoints that ask a runner, of a coroutine function and of a plain one."""

    async def ask(value: Any) -> Any:
        return await runner.predict.async_run(value)

    def ask_in_thread(value: Any) -> Any:
        return runner.predict.run(value)

    async def unpack(value: Any) -> Any:
        label, index, probabilities = await runner.predict.async_run(value)
        return label, index, probabilities

    async def top(value: Any) -> Any:
        return (await runner.predict.async_run(value)).top(2)

    for name, output in OUTPUTS.items():
        svc.api(input=INPUTS[model], output=output, name=f"{model}_{name}")(ask)
        svc.api(input=INPUTS[model], output=output, name=f"{model}_{name}_thread")(ask_in_thread)
    svc.api(input=INPUTS[model], output=lw.Prediction(), name=f"{model}_unpacked")(unpack)
    svc.api(input=INPUTS[model], output=lw.Table(), name=f"{model}_top")(top)


@pytest.fixture(scope="module")
def caller(trained: dict[str, Trained], module: torch.nn.Module) -> Iterator[Client]:
    runners = {name: lw.get(name).to_runner() for name in INPUTS}
    penguins, linear = runners["penguins"], lw.get("linear").to_runner()
    anything = lw.Runner(Anything)
    svc = lw.Service("natural", runners=[*runners.values(), linear, anything])
    for name, runner in runners.items():
        around(name, runner, svc)

    @svc.api(input=lw.Table(), output=lw.NdArray())
    async def chances(table: pd.DataFrame) -> Any:
        return await penguins.predict.async_run(table)

    @svc.api(input=lw.Table(), output=lw.Table())
    async def answers(table: pd.DataFrame) -> Any:
        return await penguins.predict.async_run_batch(table)

    @svc.api(input=lw.Table(), output=lw.NdArray("str"))
    async def species(table: pd.DataFrame) -> Any:
        labels, _, _ = await penguins.predict.async_run(table)
        return labels

    @svc.api(input=lw.Table(), output=lw.NdArray())
    async def first(table: pd.DataFrame) -> Any:
        return await penguins.predict.async_run(table.to_dict("records")[0])

    @svc.api(input=lw.NdArray(), output=lw.NdArray())
    async def module_of(rows: Any) -> Any:
        return await linear.async_run(rows)

    @svc.api(input=lw.NdArray(), output=lw.NdArray())
    async def total(rows: Any) -> Any:
        return await anything.total.async_run(rows)

    @svc.api(input=lw.Table(), output=lw.NdArray())
    async def table_total(table: pd.DataFrame) -> Any:
        return await anything.total.async_run(table)

    @svc.api(input=lw.TabularRow(), output=lw.Text())
    async def names(row: "pd.Series[Any]") -> Any:
        return await anything.names.async_run(row)

    @svc.api(input=lw.Text(), output=lw.Text())
    async def shout(text: str) -> Any:
        return await anything.shout.async_run(text)

    with lw.serving(svc) as target, Client(target) as client:
        yield client


@pytest.fixture(scope="module")
def module() -> torch.nn.Module:
    linear = torch.nn.Linear(3, 2).eval()
    lw.save_torch_model("linear", linear, example=np.eye(3, dtype=np.float32))
    return linear


@pytest.mark.parametrize("model", INPUTS)
def test_a_model_answers_as_learner_predict_whatever_the_output(
    model: str, trained: dict[str, Trained], caller: Client
) -> None:
    one = trained[model]
    for item in one.items[4:7]:
        label, index, probabilities = one.predict(item)
        for way in ("", "_thread"):
            found = caller.call(f"{model}_prediction{way}", item)
            assert (found.label, found.index) == (label, index)
            np.testing.assert_allclose(found.probabilities, probabilities, atol=1e-5)
            assert caller.call(f"{model}_text{way}", item) == label
            chances = caller.call(f"{model}_array{way}", item)
            np.testing.assert_allclose(chances, probabilities, atol=1e-5)
            row = caller.call(f"{model}_row{way}", item)
            names = [f"p_{one}" for one in lw.get(model).signature.output.classes]
            assert list(row) == ["label", "index", *names]
            assert (row["label"], row["index"], type(row["index"])) == (label, index, int)
            np.testing.assert_allclose([row[name] for name in names], probabilities, atol=1e-5)
        unpacked = caller.call(f"{model}_unpacked", item)
        assert (unpacked.label, unpacked.index) == (label, index)
        top = caller.call(f"{model}_top", item)
        assert list(top.columns) == ["label", "probability"]
        assert top["label"][0] == label
        best = sorted(probabilities.tolist(), reverse=True)[:2]
        np.testing.assert_allclose(top["probability"], best, atol=1e-5)


def test_a_frame_is_answered_in_process_over_the_wire_and_by_a_service_alike(
    trained: dict[str, Trained], caller: Client
) -> None:
    items = trained["penguins"].items
    frame = pd.DataFrame(items).infer_objects()  # with its own index, nulls and integers
    oracle = [trained["penguins"].predict(item) for item in items[:20]]
    labels, indices, probabilities = lw.get("penguins").to_runner().predict.run(frame)
    for i, (label, index, own) in enumerate(oracle):
        assert (labels[i], indices[i]) == (label, index)
        np.testing.assert_allclose(probabilities[i], own, atol=1e-5)
    np.testing.assert_allclose(caller.call("chances", frame), probabilities, atol=1e-5)
    assert caller.call("species", frame).tolist() == labels.tolist()
    answered = caller.call("answers", frame)
    assert answered["label"].tolist() == labels.tolist()
    wire = caller.predict_frame("penguins", frame)
    assert wire.index.equals(frame.index)
    assert wire["label"].tolist() == labels.tolist()
    chances = [name for name in wire.columns if name.startswith("p_")]
    assert [name for name in answered.columns if name.startswith("p_")] == chances
    np.testing.assert_allclose(wire[chances], probabilities, atol=1e-5)
    for given in (frame, frame.to_dict("records")):
        np.testing.assert_allclose(caller.call("first", given), probabilities[0], atol=1e-5)


def test_modules_and_runnables_are_handed_what_came(
    module: torch.nn.Module, caller: Client
) -> None:
    rows = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    with torch.inference_mode():
        expected = module(torch.tensor(rows)).numpy()
    np.testing.assert_allclose(caller.call("module_of", rows), expected, atol=1e-5)
    np.testing.assert_allclose(caller.call("module_of", torch.tensor(rows)), expected, atol=1e-5)
    np.testing.assert_allclose(caller.call("total", rows), rows.sum(axis=1), atol=1e-5)
    frame = pd.DataFrame({"b": [1, 2], "a": [10, 20]}, index=["x", "y"])
    assert caller.call("table_total", frame).tolist() == [11, 22]
    assert caller.call("names", {"b": 1, "a": None, "c": "x"}) == "b,a,c"
    assert caller.call("shout", "a film") == "A FILM"
