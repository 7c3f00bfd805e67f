"""What an answer's parts are called: the same in frames, files, JSON, rows and tables."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import learnwire_service as lw
import numpy as np
import pandas as pd
import pytest
from learnwire_client import Client

from tests.end_to_end.test_cli import learnwire
from tests.service import small_learners as small
from tests.service.small_learners import CATEGORIES, NUMBERS, ROW, ask

# The learners that they save take seconds.
pytestmark = pytest.mark.slow

NAMES = {
    "shop": ["p_no", "p_yes"],
    "tagger": ["p_cheap", "p_small"],
    "total": ["total"],
    "both": ["total", "twice"],
}
LEARNERS: dict[str, Callable[[], Any]] = {
    "shop": small.shop_learner,
    "tagger": small.shop_tagger,
    "total": lambda: small.shop_regressor("total"),
    "both": lambda: small.shop_regressor("total", "twice"),
}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[float]]]:
    """Save one learner of each kind; give the numbers that `learner.predict` answers to ROW."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEARNWIRE_HOME", str(tmp_path_factory.mktemp("names")))
        learners = {name: make() for name, make in LEARNERS.items()}
        for name, learner in learners.items():
            lw.save_model(name, learner)
        yield {name: ask(learner, ROW)[1].tolist() for name, learner in learners.items()}


@pytest.fixture(scope="module")
def target(expected: dict[str, list[float]]) -> Iterator[str]:
    """Serve them, and an endpoint for each that answers a row and one that answers a table."""
    service = lw.Service("names", runners=[lw.get(name).to_runner() for name in NAMES])
    for name, runner in zip(NAMES, service.runners, strict=True):
        _add_endpoints(service, name, runner)
    with lw.serving(service, *NAMES) as address:
        yield address


@pytest.fixture(scope="module")
def served(target: str) -> Iterator[Client]:
    """Connect to that server."""
    with Client(target) as client:
        yield client


def _add_endpoints(service: lw.Service, name: str, runner: Any) -> None:
    @service.api(input=lw.TabularRow(), output=lw.TabularRow(), name=f"{name}_row")
    async def row(cells: Any) -> Any:
        return await runner.predict.async_run(cells)

    @service.api(input=lw.TabularRow(), output=lw.Table(), name=f"{name}_table")
    async def table(cells: Any) -> Any:
        return [await runner.predict.async_run(cells)]


@pytest.mark.parametrize("model", NAMES)
def test_numbers_have_one_name_in_every_output(
    model: str, target: str, served: Client, expected: dict[str, list[float]], tmp_path: Path
) -> None:
    frame = pd.DataFrame([ROW])[[*CATEGORIES, *NUMBERS]]
    frame.to_csv(tmp_path / "in.csv", index=False)
    out = tmp_path / "out.csv"
    done = learnwire("predict", model, "--file", tmp_path / "in.csv", "-o", out)
    assert done.returncode == 0, done.stderr
    printed = json.loads(learnwire("predict", model, "--row", json.dumps(ROW)).stdout)
    called = learnwire("call", f"{model}_row", json.dumps(ROW), "--target", target)
    outputs = [
        served.predict_frame(model, frame).loc[0].to_dict(),
        pd.read_csv(out).loc[0].to_dict(),
        printed,
        json.loads(called.stdout),
        served.call(f"{model}_row", ROW),
        served.call(f"{model}_table", ROW).loc[0].to_dict(),
    ]
    for output in outputs:
        found = [output[name] for name in NAMES[model]]
        np.testing.assert_allclose(np.asarray(found, float), expected[model], rtol=1e-5, atol=1e-5)
        assert not [name for name in output if "probabilit" in name or "predicted" in name]
        assert model in ("shop", "tagger") or "label" not in output


def test_an_answer_of_numbers_knows_the_names_of_its_targets_and_has_no_classes(
    served: Client,
) -> None:
    answer = served.predict("both", ROW)
    assert (answer.targets, answer.classes) == (("total", "twice"), ())  # type: ignore[attr-defined]
    assert lw.get("both").to_runner().predict.run(ROW).targets == ("total", "twice")
    assert "probabilit" not in repr(answer)
