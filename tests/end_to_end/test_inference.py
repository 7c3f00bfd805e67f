"""The Open Inference Protocol over gRPC, with the stubs that its file makes."""

from collections.abc import Iterator

import grpc
import numpy as np
import pytest

from tests.conftest import Trained
from tests.end_to_end.inference import Stub, arrays_of, predictions, request, tensors


@pytest.fixture(scope="module")
def stub(target: str) -> Iterator[Stub]:
    with grpc.insecure_channel(target) as channel:
        yield Stub(channel)


@pytest.mark.parametrize("typed", [False, True], ids=["raw", "typed"])
@pytest.mark.parametrize("name", ["sentiment", "penguins", "digits"])
def test_a_batch_of_any_size_is_answered_as_the_learner_answers(
    stub: Stub, trained: dict[str, Trained], name: str, typed: bool
) -> None:
    items = trained[name].items[:20]
    for size in (1, 2, len(items)):
        message = request(name, tensors(items[:size]), typed=typed, id="seven")
        response = stub.ModelInfer(message)
        assert (response.model_name, response.id) == (name, "seven")
        answers = predictions(arrays_of(response))
        for answer, item in zip(answers, trained[name].items[:size], strict=True):
            label, index, probabilities = trained[name].predict(item)
            assert (answer.label, answer.index) == (label, index)
            np.testing.assert_allclose(answer.probabilities, probabilities, rtol=1e-5, atol=1e-5)
