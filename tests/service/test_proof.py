"""A sealed model is proven on its golden examples, and its bits are compared."""

from pathlib import Path

import numpy as np
import pytest
import torch
from learnwire_service.common.errors import GoldenMismatch
from learnwire_service.learners.onnx_export import write_onnx
from learnwire_service.sealed.arrays import ArraysPlan, ArraysRecipe
from learnwire_service.sealed.golden import Golden
from learnwire_service.sealed.network import Network
from learnwire_service.sealed.plan import Plan
from learnwire_service.sealed.proof import prove
from learnwire_service.signature.specs import ArrayInput, RegressionOutput, Signature
from torch import Tensor, nn

_WIDTH = 4


class Weighed(nn.Module):
    """Weighs the numbers of each item, by themselves or with what the others of a batch have.

    Args:
        others: how much each item gets of the others' mean.
    """

    def __init__(self, others: float) -> None:
        super().__init__()
        self.others = others

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Give each item's sum, activated and decoded."""
        [values] = inputs
        mixed = values + self.others * values.mean(0, keepdim=True) if self.others else values
        weighed = (mixed * torch.arange(1.0, _WIDTH + 1)).sum(1, keepdim=True)
        return weighed, weighed + 0


@pytest.mark.parametrize("whole", [True, False])
def test_answers_that_depend_on_nobody_have_the_same_bits(tmp_path: Path, whole: bool) -> None:
    plan = _plan(tmp_path, 0)
    assert prove(plan, _golden(plan), whole=whole).varies == ""


@pytest.mark.parametrize("whole", [True, False])
def test_answers_that_depend_a_little_on_the_batch_are_told(tmp_path: Path, whole: bool) -> None:
    plan = _plan(tmp_path, 1e-6)
    proof = prove(plan, _golden(plan), whole=whole)
    assert proof.varies == ("golden example 1 has other bits at place 1 of a batch of 7 than alone")


def test_answers_that_depend_on_the_batch_are_refused(tmp_path: Path) -> None:
    plan = _plan(tmp_path, 0.1)
    with pytest.raises(GoldenMismatch, match="at place 1 of a batch of 7 with a difference"):
        prove(plan, _golden(plan), whole=True)


def test_without_examples_nothing_is_proven(tmp_path: Path) -> None:
    with pytest.raises(GoldenMismatch, match="no golden examples"):
        prove(_plan(tmp_path, 0), [], whole=True)


def _plan(folder: Path, others: float) -> ArraysPlan:
    path = folder / "network.onnx"
    write_onnx(Weighed(others).eval(), [np.ones((3, _WIDTH), np.float32)], path)
    signature = Signature(
        input=ArrayInput(dtype="float32", shape=(_WIDTH,), axes=("values",)),
        output=RegressionOutput(targets=("sum",)),
    )
    return ArraysPlan(
        signature, ArraysRecipe(dtypes=("float32",), network=path.name), Network(path)
    )


def _golden(plan: Plan) -> list[Golden]:
    """Give examples with the answers that the plan itself gives each of them alone."""
    found = []
    for item in np.random.default_rng(0).random((6, _WIDTH), np.float32):
        [answer] = plan.predict([plan.encode(item)])
        assert not isinstance(answer, Exception)
        found.append(Golden(item, answer))
    return found
