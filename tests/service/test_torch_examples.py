"""A module is saved with the example of its Learner's data, or without one, unproven."""

from pathlib import Path
from typing import Any

import learnwire_service as lw
import numpy as np
import pytest
import torch
from learnwire_client import Client
from learnwire_service.common.errors import UnverifiedModel

BATCHABLE = {"__call__": {"batchable": True}}
ROWS = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)


class Two(torch.nn.Module):
    """Gives one array, or by its other method two."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(3, 2)

    def forward(self, rows: Any, scale: float = 1.0) -> Any:
        return self.linear(rows) * scale

    def both(self, rows: Any) -> Any:
        return self.linear(rows), rows


def test_without_an_example_a_module_is_saved_unproven_and_says_so(
    own_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    module = Two().eval()
    signatures = {**BATCHABLE, "both": {"batchable": True}}
    model = lw.save_torch_model("two", module, signatures=signatures)
    assert not model.manifest.verified
    assert any("is saved unproven, for want of an example" in m for m in caplog.messages)
    with pytest.raises(UnverifiedModel, match=r"to_runner\(allow_unverified=True\)"):
        model.to_runner().run(ROWS)
    runner = model.to_runner(allow_unverified=True)
    with torch.inference_mode():
        expected = module(torch.tensor(ROWS)).numpy()
        loaded = model.load()(torch.tensor(ROWS)).numpy()
    np.testing.assert_allclose(loaded, expected, atol=1e-5)
    np.testing.assert_allclose(runner.run(ROWS), expected, atol=1e-5)
    linear, rows = runner.both.run(ROWS)
    np.testing.assert_allclose(linear, expected, atol=1e-5)
    np.testing.assert_array_equal(rows, ROWS)
    with pytest.raises(lw.InvalidInput, match="rows: expected an array, got"):
        runner.run("text")
    runner.close()


def test_an_unproven_module_is_served_where_that_is_allowed(own_home: Path) -> None:
    module = Two().eval()
    lw.save_torch_model("two", module, signatures=BATCHABLE)
    with pytest.raises(UnverifiedModel), lw.serving("two"):
        pass
    with lw.serving("two", allow_unverified=True) as target, Client(target) as client:
        answer = client.call("two", ROWS)
    with torch.inference_mode():
        np.testing.assert_allclose(answer, module(torch.tensor(ROWS)).numpy(), atol=1e-5)


def test_what_is_no_method_is_refused_without_an_example_too(own_home: Path) -> None:
    with pytest.raises(lw.NotServable, match="Two has no method nothing"):
        lw.save_torch_model("two", Two(), signatures={"nothing": {"batchable": True}})
    with pytest.raises(TypeError, match="expected at least one method"):
        lw.save_torch_model("two", Two(), signatures={})
    with pytest.raises(TypeError, match="signatures: __call__"):
        lw.save_torch_model("two", Two(), signatures={"__call__": {"batched": True}})


def test_a_learner_gives_its_module_and_an_example(
    shop: Any, own_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    model = lw.save_torch_model("shop", shop, signatures=BATCHABLE)
    assert model.manifest.verified
    assert any("its example is of the learner's own data" in m for m in caplog.messages)
    categories, numbers = (part.numpy() for part in shop.dls.valid.one_batch()[:2])
    shop.model.eval()
    with torch.inference_mode():
        expected = shop.model(torch.tensor(categories), torch.tensor(numbers)).numpy()
    runner = model.to_runner()
    np.testing.assert_allclose(runner.run(categories, numbers), expected, atol=1e-5)
    runner.close()
