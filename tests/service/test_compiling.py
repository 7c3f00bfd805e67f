"""Networks in ONNX Runtime: made and tried at save, proven again at load, or left to PyTorch."""

import re
from pathlib import Path
from typing import Any

import learnwire_service as lw
import numpy as np
import onnx
import pytest
from learnwire_client import Client
from learnwire_service.runners.learner import LearnerRunner
from learnwire_service.sealed.plan import Choice
from learnwire_service.settings import BackendSetting
from learnwire_service.store.manifest import Compiled, File, Manifest
from learnwire_service.store.store import ModelStore, Version
from learnwire_service.store.tag import Tag
from torch import Tensor, nn

from . import odd_networks as odd
from . import small_networks as networks
from .odd import predicted
from .small_learners import ROW, ask

pytestmark = pytest.mark.slow


@pytest.fixture
def saved(shop: Any, own_home: Path) -> Version:
    lw.save_model("m:v", shop)
    return found()


def found() -> Version:
    return ModelStore().find(Tag("m", "v"))


def compiled(version: Version) -> Compiled:
    assert isinstance(version.manifest, Manifest)
    assert version.manifest.compiled is not None
    return version.manifest.compiled


def network_of(version: Version) -> Path:
    name = compiled(version).file
    assert name is not None
    return version.directory / name


def rewritten(version: Version, **changes: Any) -> None:
    """Bring a manifest in line with the version's files, and change what it says."""
    files = {name: File.of(version.directory / name) for name in version.manifest.files}
    version.manifest.model_copy(update={"files": files, **changes}).write(version.directory)


def loaded(backend: BackendSetting = "auto") -> tuple[LearnerRunner, Choice]:
    runner = lw.get("m").to_runner(backend=backend)
    runner.load()
    assert runner.choice is not None
    return runner, runner.choice


def test_a_save_tries_both_with_growing_batches_and_keeps_the_network(saved: Version) -> None:
    result = compiled(saved)
    assert (result.plan, result.reason) == ("tabular", "")
    assert [timing.items for timing in result.trial] == [1, 4, 16, 64]
    assert all(timing.torch_ms > 0 and timing.onnx_ms > 0 for timing in result.trial)
    assert saved.manifest.files[network_of(saved).name] == File.of(network_of(saved))
    onnx.checker.check_model(onnx.load(network_of(saved)))


@pytest.mark.parametrize("chosen", ["torch", "onnx"])
def test_what_the_manifest_says_runs_the_network_unless_told_otherwise(
    saved: Version, shop: Any, chosen: str
) -> None:
    rewritten(saved, compiled=compiled(saved).model_copy(update={"backend": chosen}))
    expected = ask(shop, ROW)[1]
    settings: tuple[BackendSetting, ...] = ("auto", "torch", "onnx")
    for setting in settings:
        runner, choice = loaded(setting)
        assert choice.plan.backend == (chosen if setting == "auto" else setting)
        assert choice.reasons == ()
        answer = runner.predict.run(ROW)
        np.testing.assert_allclose(answer.probabilities, expected, atol=1e-5)


def test_a_network_that_answers_otherwise_is_not_asked(saved: Version, shop: Any) -> None:
    model = onnx.load(network_of(saved))
    weight = next(one for one in model.graph.initializer if one.data_type == onnx.TensorProto.FLOAT)
    changed = onnx.numpy_helper.to_array(weight) + np.float32(1)
    weight.CopyFrom(onnx.numpy_helper.from_array(changed, weight.name))
    onnx.save(model, network_of(saved))
    rewritten(saved)
    assert_left_to_torch("tabular on ONNX Runtime: golden example 1 of 9.*a difference of", shop)


def test_a_network_that_does_not_load_is_not_asked(saved: Version, shop: Any) -> None:
    network_of(saved).write_bytes(b"no network")
    rewritten(saved)
    assert_left_to_torch("tabular on ONNX Runtime: it does not load", shop)


def test_no_path_of_this_machine_is_told_to_clients(saved: Version) -> None:
    network_of(saved).write_bytes(b"no network")
    rewritten(saved)
    with lw.serving("m", backend="onnx") as target, Client(target) as client:
        plan = client.model("m").plan
    assert plan is not None
    [reason] = plan.reasons
    assert "does not load" in reason
    assert "/" not in reason


def assert_left_to_torch(reason: str, shop: Any) -> None:
    runner, choice = loaded("onnx")
    assert (choice.plan.name, choice.plan.backend) == ("tabular", "torch")
    [why] = choice.reasons
    assert pytest.approx(ask(shop, ROW)[1], abs=1e-5) == runner.predict.run(ROW).probabilities
    assert re.search(reason, why)


def test_an_altered_network_is_refused(saved: Version) -> None:
    network_of(saved).write_bytes(network_of(saved).read_bytes()[:-1])
    with pytest.raises(lw.CorruptModel, match=f"{network_of(saved).name} was altered"):
        lw.get("m").to_runner().load()


class ByValue(networks.Joined):
    """Goes another way for other values."""

    def forward(self, *parts: Tensor) -> Any:
        outputs = super().forward(*parts)
        return outputs if parts[0][0, 0] > 0 else -outputs


class ByNumber(networks.Joined):
    """Goes another way for many items."""

    def forward(self, *parts: Tensor) -> Any:
        outputs = super().forward(*parts)
        return outputs if parts[0].shape[0] < 100 else -outputs


class ByRest(networks.Joined):
    """Goes another way for each fifth number of items."""

    def forward(self, *parts: Tensor) -> Any:
        outputs = super().forward(*parts)
        return outputs if len(outputs) % 5 else outputs * 1


@pytest.mark.parametrize("network", [ByValue, ByNumber, ByRest])
def test_a_network_that_cannot_be_exported_whole_stays_on_torch(
    own_home: Path, network: type[nn.Module], caplog: pytest.LogCaptureFixture
) -> None:
    learner = odd.array_learner(network)
    item = np.array([1, 2, 3, 4], np.float32)
    lw.save_model("m:v", learner, examples=[item])
    result = compiled(found())
    assert (result.file, result.backend) == (None, "torch")
    assert "it does not export" in result.reason
    assert list(found().directory.glob("*.onnx")) == []
    runner, choice = loaded("onnx")
    assert choice.plan.backend == "torch"
    assert f"has no network for ONNX Runtime: {result.reason}" in caplog.text
    answer = runner.predict.run(item)
    np.testing.assert_allclose(answer.probabilities, asked(learner, odd.arrays(item)), atol=1e-5)


class Highest(networks.Joined):
    """Takes the highest of some numbers, where ONNX Runtime passes over NaN."""

    def forward(self, *parts: Tensor) -> Any:
        highest = [part.relu().amax(dim=1, keepdim=True).expand_as(part) for part in parts]
        return super().forward(*highest)


@pytest.mark.parametrize("backend", ["torch", "onnx"])
def test_nothing_is_answered_where_the_learner_says_nan(
    own_home: Path, backend: BackendSetting
) -> None:
    learner = odd.array_learner(Highest)
    good, bad = np.array([1, 2, 3, 4], np.float32), np.array([1, np.nan, 3, 4], np.float32)
    huge = np.array([3e38, 3e38, -3e38, 3e38], np.float32)
    lw.save_model("m:v", learner, examples=[good])
    runner, choice = loaded(backend)
    assert choice.plan.backend == backend
    first, second, third, last = runner.predict.run_batch([good, bad, huge, good])
    assert isinstance(second, lw.ModelFailed)
    expected = asked(learner, odd.arrays(huge))
    if np.isfinite(expected).all():
        assert not isinstance(third, Exception)
        # Numbers this large have no more digits than a single one rounds to.
        np.testing.assert_allclose(third.probabilities, expected, rtol=1e-5)
    else:
        assert isinstance(third, lw.ModelFailed)
    for answer in (first, last):
        assert not isinstance(answer, Exception)
        np.testing.assert_allclose(
            answer.probabilities, asked(learner, odd.arrays(good)), atol=1e-5
        )


def asked(learner: Any, sent: Any) -> Any:
    return predicted(learner, sent)[1]


def test_a_plan_that_asks_the_learner_itself_has_nothing_to_compile(own_home: Path) -> None:
    lw.save_model("m:v", networks.point_learner())
    result = compiled(found())
    assert (result.plan, result.file) == ("loader", None)
    assert result.reason.startswith("the plan loader asks the learner itself; vision: points are")


def test_images_of_other_sizes_than_the_examples_are_left_to_torch(own_home: Path) -> None:
    learner = odd.image_learner()
    lw.save_model("m:v", learner)
    runner, choice = loaded("onnx")
    assert choice.plan.backend == "onnx"
    for side in (16, 16, 23, 40):
        image = np.random.default_rng(side).integers(0, 256, (side, side + 1, 3), dtype=np.uint8)
        expected = asked(learner, image)
        np.testing.assert_allclose(runner.predict.run(image).probabilities, expected, atol=1e-5)


def test_a_version_saved_before_is_compiled_after_the_fact(saved: Version, shop: Any) -> None:
    network_of(saved).unlink()
    files = {n: f for n, f in saved.manifest.files.items() if not n.endswith(".onnx")}
    saved.manifest.model_copy(update={"files": files, "compiled": None}).write(saved.directory)
    assert loaded("onnx")[1].plan.backend == "torch"

    model = lw.compile_model("m")
    assert model.manifest == found().manifest
    assert model.manifest.created == saved.manifest.created
    assert compiled(found()).file is not None
    found().manifest.check_files(found().directory)
    runner, choice = loaded("onnx")
    assert choice.plan.backend == "onnx"
    assert runner.predict.run(ROW).probabilities == pytest.approx(ask(shop, ROW)[1], abs=1e-5)


def test_compiling_again_and_again_keeps_no_more_than_two_networks(saved: Version) -> None:
    first = network_of(saved).name
    lw.compile_model("m")
    second = network_of(found()).name
    lw.compile_model("m")
    third = network_of(found()).name
    assert {path.name for path in found().directory.glob("*.onnx")} == {second, third}
    assert (saved.directory / first).exists() == (first in {second, third})
    found().manifest.check_files(found().directory)


def test_what_was_saved_unverified_cannot_be_compiled(own_home: Path, shop: Any) -> None:
    lw.save_model("m:v", shop, examples=[])
    assert lw.get("m:v").manifest.compiled is None
    with pytest.raises(lw.NotServable, match=r"m:v was saved unverified.*examples="):
        lw.compile_model("m")


def test_only_a_saved_model_can_be_compiled(own_home: Path) -> None:
    with pytest.raises(lw.ModelNotFound):
        lw.compile_model("m")
