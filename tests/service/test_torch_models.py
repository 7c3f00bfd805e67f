"""Bare torch modules: saved, proven, loaded, and called through their runners."""

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import learnwire_service as lw
import numpy as np
import pytest
import torch
from learnwire_service.common.settings import ServerSettings
from learnwire_service.store.store import ModelStore
from learnwire_service.store.tag import Tag
from numpy.typing import NDArray
from torch import nn
from typer.testing import CliRunner

from tests.conftest import Trained

from .odd_modules import FACTORIES, Answer, Centred, Remembering, Returning, Tied, Two

PATIENCE = 120  # seconds until a test that waits in vain fails

Array = NDArray[Any]
Arrays = tuple[Array, ...]

random = np.random.default_rng(0)
LEFT, RIGHT = (random.normal(size=(5, n)).astype(np.float32) for n in (4, 3))
ROWS = random.normal(size=(3, 2)).astype(np.float32)
SINGLY = {"__call__": {"batchable": False}}

pytestmark = pytest.mark.usefixtures("own_home")


def directly(module: nn.Module, *arrays: Array) -> Any:
    """Call a module itself, in eval mode."""
    with torch.inference_mode():
        given = module.eval()(*map(torch.tensor, arrays))
    return tuple(one.numpy() for one in given) if isinstance(given, tuple) else given.numpy()


def together(runner: lw.TorchRunner, calls: Sequence[Arrays]) -> list[Any]:
    """Make calls at once."""

    async def main() -> list[Any]:
        return await asyncio.gather(*(runner.async_run(*arrays) for arrays in calls))

    runner.load()
    return asyncio.run(asyncio.wait_for(main(), PATIENCE))


def assert_served_exactly(module: nn.Module, name: str, calls: Sequence[Arrays]) -> None:
    """Compare a saved module with the module itself, alone and together."""
    runner = lw.get(name).to_runner()
    try:
        answers = [runner.run(*calls[0]), *together(runner, calls)]
        for arrays, answer in zip([calls[0], *calls], answers, strict=True):
            np.testing.assert_allclose(answer, directly(module, *arrays), rtol=1e-5, atol=1e-5)
        assert runner.statistics.read().batch_items.count < len(calls)
    finally:
        runner.close()


def test_the_penguin_module_answers_as_itself_alone_and_in_batches(penguins: Trained) -> None:
    xs = penguins.learner.dls.valid.one_batch()[:2]
    codes, values = (part.numpy() for part in xs)
    lw.save_torch_model("penguins_module", penguins.learner.model, example=tuple(xs))
    calls = [(codes[i : i + n], values[i : i + n]) for i in range(8) for n in (1, 3)]
    assert_served_exactly(penguins.learner.model, "penguins_module", calls)


def test_the_digit_module_answers_as_itself_alone_and_in_batches(digits: Trained) -> None:
    images = digits.learner.dls.valid.one_batch()[0].as_subclass(torch.Tensor).numpy()
    lw.save_torch_model("digits_module", digits.learner.model, example=images[:3])
    calls = [(images[i : i + n],) for i in range(8) for n in (1, 2)]
    assert_served_exactly(digits.learner.model, "digits_module", calls)


@pytest.mark.parametrize("factory", [None, f"{FACTORIES}:two"])
def test_several_arrays_go_in_and_come_out(factory: str | None) -> None:
    module = Two()
    model = lw.save_torch_model("m", module, example=(LEFT, RIGHT), factory=factory)
    runner = model.to_runner()
    sums, indices = runner.run(LEFT[:2], RIGHT[:2])
    wanted_sums, wanted_indices = directly(module, LEFT[:2], RIGHT[:2])
    np.testing.assert_allclose(sums, wanted_sums, atol=1e-6)
    np.testing.assert_array_equal(indices, wanted_indices)
    assert indices.dtype == np.int64
    runner.close()


def test_each_method_has_its_signature_and_its_example() -> None:
    module = Two()
    lw.save_torch_model(
        "m",
        module,
        signatures={"embed": {"batchable": True}, "mean": {"batchable": False}},
        example={"embed": LEFT, "mean": (LEFT,)},
    )
    runner = lw.get("m").to_runner()
    embedded = module.embed(torch.tensor(LEFT)).detach().numpy()
    np.testing.assert_allclose(runner.embed.run(LEFT), embedded, atol=1e-6)
    np.testing.assert_allclose(runner.mean.run(LEFT), LEFT.mean(0), atol=1e-6)
    with pytest.raises(AttributeError, match="no method __call__, only embed, mean"):
        runner.run(LEFT)
    runner.close()


def test_the_module_stays_as_it_was() -> None:
    module = Two().train()
    module.drop.eval()
    module.linear(torch.tensor(LEFT)).sum().backward()
    gradient, mean = module.linear.weight.grad, module.norm.running_mean
    lw.save_torch_model("m", module, example=(LEFT, RIGHT))
    assert (module.training, module.norm.training, module.drop.training) == (True, True, False)
    assert module.linear.weight.grad is gradient
    assert module.norm.running_mean is mean
    loaded = lw.get("m").load()
    assert not any(part.training for part in loaded.modules())


def test_a_hidden_state_of_the_module_is_left_alone() -> None:
    module = Remembering()
    before = module.hidden
    with pytest.raises(lw.NotServable):
        lw.save_torch_model("m", module, example=ROWS)
    assert module.hidden is before


def test_weights_that_are_shared_or_lie_across_are_kept(tmp_path: Path) -> None:
    module = Tied()
    model = lw.save_torch_model("m", module, example=LEFT, factory=f"{FACTORIES}:Tied")
    loaded = model.load()
    assert loaded.inward.weight is loaded.outward.weight
    np.testing.assert_allclose(directly(loaded, LEFT), directly(module, LEFT))


REFUSED: list[tuple[nn.Module, dict[str, Any], str]] = [
    (nn.Linear(2, 3), {"signatures": {"__call__": {"batchable": True, "batch_dim": 1}}}, "exact"),
    (Centred(), {}, "not exact in batches along dimension 0: beside others .* a difference of"),
    (nn.BatchNorm1d(2, track_running_stats=False), {}, "not exact in batches"),
    (Returning(torch.Tensor.squeeze), {}, "its example failed"),
    (Returning(torch.sum), {}, "expected an array with a dimension 0"),
    (Remembering(), {}, "keeps a state from call to call"),
    (Remembering(), {"signatures": SINGLY}, "keeps a state from call to call"),
    (Returning(lambda x: {"y": x}), {}, "got dict; put a module around it"),
    (Returning(lambda x: (x, 3)), {}, "got int; put a module around it"),
    (Returning(lambda x: x / 0 * 0), {}, "answers its example with NaN"),
    (nn.Linear(4, 2), {}, r"does not take its example \(float32 \[3, 2\]\)"),
    (nn.Linear(2, 2), {"signatures": {"predict": {}}}, "Linear has no method predict"),
    (nn.Linear(2, 2), {"example": np.ones(0, np.float32)}, "no rows|does not take"),
    (nn.Linear(2, 2), {"factory": "__main__:make"}, "move it to a module"),
    (nn.Linear(2, 2), {"factory": "make"}, 'name the factory as "package.module:name"'),
]


@pytest.mark.parametrize(("module", "options", "problem"), REFUSED)
def test_what_cannot_be_served_is_refused_with_the_way_out(
    module: nn.Module, options: dict[str, Any], problem: str
) -> None:
    with pytest.raises(lw.NotServable, match=problem):
        lw.save_torch_model("m", module, **{"example": ROWS, **options})
    assert lw.list_models() == []


def test_what_is_not_exact_in_batches_is_served_singly() -> None:
    model = lw.save_torch_model("m", Centred(), example=ROWS, signatures=SINGLY)
    runner = model.to_runner()
    answers = together(runner, [(ROWS,), (ROWS[:2],), (ROWS[:1],)])
    for rows, answer in zip((ROWS, ROWS[:2], ROWS[:1]), answers, strict=True):
        np.testing.assert_allclose(answer, rows - rows.mean(0), atol=1e-6)
    runner.close()


def test_a_text_encoder_that_keeps_its_hidden_state_is_refused(texts: Any) -> None:
    encoder = texts.model[0].module
    tokens = np.arange(2, 12).reshape(2, 5)
    with pytest.raises(lw.NotServable, match="keeps a state from call to call"):
        lw.save_torch_model("m", encoder, example=tokens)


@pytest.mark.parametrize(
    ("factory", "problem"),
    [
        ("nowhere:make", 'the factory "nowhere:make" cannot be imported'),
        (f"{FACTORIES}:broken", "failed: RuntimeError"),
        (f"{FACTORIES}:number", "makes a int, not a torch.nn.Module"),
        (f"{FACTORIES}:Tied", "does not fit the weights"),
    ],
)
def test_a_factory_that_does_not_make_such_a_module_is_refused(factory: str, problem: str) -> None:
    with pytest.raises(lw.UnloadableModel, match=problem):
        lw.save_torch_model("m", Two(), example=(LEFT, RIGHT), factory=factory)


def test_a_factory_whose_module_answers_otherwise_is_refused() -> None:
    with pytest.raises(lw.NotServable, match="does the factory make the same module"):
        lw.save_torch_model("m", nn.Sequential(), example=ROWS, factory=f"{FACTORIES}:Centred")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"example": [1, 2]}, "example: expected arrays, got list"),
        ({"example": {"embed": ROWS}}, "an example for each method: __call__"),
        ({"signatures": {}}, "at least one method"),
        ({"signatures": {"__call__": {"batch": True}}}, "signatures: __call__: .*'batch'"),
        ({"labels": {"a": 1}}, "labels hold only strings"),
    ],
)
def test_what_was_given_wrongly_is_told(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(TypeError, match=problem):
        lw.save_torch_model("m", nn.Linear(2, 2), **{"example": ROWS, **options})


def test_a_module_is_not_saved_as_a_learner(shop: Any) -> None:
    with pytest.raises(lw.NotServable, match="save_torch_model"):
        lw.save_model("m", shop.model)


def test_what_is_no_module_is_refused() -> None:
    with pytest.raises(lw.NotServable, match=r"expected a torch\.nn\.Module, got str"):
        lw.save_torch_model("m", "module", example=ROWS)


WATCHED = """
import sys
import learnwire_service as lw
import numpy as np

import torch, safetensors.torch, tests.service.odd_modules

def watch(event, arguments):
    if event == "pickle.find_class":
        raise SystemExit(f"{event} {arguments}")

sys.addaudithook(watch)
runner = lw.get("m").to_runner()
print(len(runner.run(np.zeros((1, 4), np.float32), np.zeros((1, 3), np.float32))))
runner.close()
"""


@pytest.mark.parametrize(("factory", "unpickles"), [(f"{FACTORIES}:two", False), (None, True)])
def test_whether_anything_is_unpickled(factory: str | None, unpickles: bool) -> None:
    lw.save_torch_model("m", Two(), example=(LEFT, RIGHT), factory=factory)
    done = watched()
    assert done.returncode == int(unpickles)
    assert done.stderr.startswith("pickle.find_class" if unpickles else "")
    assert done.stdout == ("" if unpickles else "2\n")


def test_a_poisoned_pickle_beside_the_weights_is_not_touched(tmp_path: Path) -> None:
    lw.save_torch_model("m", Two(), example=(LEFT, RIGHT), factory=f"{FACTORIES}:two")
    directory = ModelStore().find(Tag("m")).directory
    assert not list(directory.glob("*.pkl"))
    trace = tmp_path / "executed"
    poison = f"cposix\nsystem\n(S'touch {trace}'\ntR.".encode()
    for name in ("module.pkl", "learner.pkl", "weights.pkl", "custom_objects.pkl"):
        (directory / name).write_bytes(poison)
    done = watched()
    assert (done.stdout, done.stderr) == ("2\n", "")
    assert not trace.exists()


def watched() -> "subprocess.CompletedProcess[str]":
    """Load and ask the model in a process that ends where anything is unpickled."""
    command = [sys.executable, "-c", WATCHED]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_file_that_was_altered_is_not_loaded() -> None:
    model = lw.save_torch_model("m", nn.Linear(2, 2), example=ROWS)
    path = ModelStore().find(Tag("m")).directory / "module.pkl"
    path.write_bytes(b"cposix\nsystem\n(S'false'\ntR.")
    with pytest.raises(lw.CorruptModel, match=r"module\.pkl was altered"):
        model.load()


def test_a_module_that_answers_differently_than_at_save_is_not_loaded(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    model = lw.save_torch_model("m", Two(), example=(LEFT, RIGHT), factory=f"{FACTORIES}:two")
    monkeypatch.setattr(Two, "forward", lambda self, left, right: (left, right))
    with pytest.raises(lw.GoldenMismatch, match="the example of __call__ is answered with"):
        model.load()
    model.load(on_mismatch="warn")
    assert "the example of __call__ is answered with" in caplog.text


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_in_fewer_bits_answers_are_near_and_float32(precision: Any) -> None:
    module = Two()
    runner = lw.save_torch_model("m", module, example=(LEFT, RIGHT)).to_runner(precision=precision)
    sums, indices = runner.run(LEFT, RIGHT)
    wanted, wanted_indices = directly(module, LEFT, RIGHT)
    assert sums.dtype == np.float32
    np.testing.assert_allclose(sums, wanted, atol=0.05)
    np.testing.assert_array_equal(indices, wanted_indices)
    assert np.abs(sums - wanted).max() > 0
    runner.close()


def test_the_server_says_what_the_maker_of_a_runner_did_not() -> None:
    module = Two()
    runner = lw.save_torch_model("m", module, example=(LEFT, RIGHT)).to_runner()
    runner.hold(ServerSettings.model_validate({"precision": "bf16"}))
    assert np.abs(runner.run(LEFT, RIGHT)[0] - directly(module, LEFT, RIGHT)[0]).max() > 1e-4
    runner.close()


@pytest.mark.parametrize(
    ("arrays", "problem"),
    [
        (([[1, 2], [3]],), "input: expected an array of float32 with 2 dimensions, got list"),
        (("text",), "with 2 dimensions, got str"),
        ((ROWS[0],), r"got shape \(2,\)"),
        ((ROWS.astype(np.complex64),), "got complex64"),
        ((np.array([["a", "b"]]),), "got <U1"),
        ((np.array([[1e39, 1]]),), "got a number that float32 cannot hold"),
    ],
)
def test_what_is_no_such_array_is_refused(arrays: Any, problem: str) -> None:
    runner = lw.save_torch_model("m", nn.Linear(2, 2), example=ROWS).to_runner()
    with pytest.raises(lw.InvalidInput, match=problem):
        runner.run(*arrays)
    with pytest.raises(TypeError, match="takes 1 arrays: input"):
        runner.run(ROWS, ROWS)
    runner.close()


def test_numbers_of_other_widths_are_taken_and_the_callers_array_is_left_alone() -> None:
    module = Returning(lambda x: x.mul_(2))
    runner = lw.save_torch_model("m", module, example=ROWS).to_runner()
    for rows in (ROWS.astype(np.float64), np.ones((1, 2), np.int32), ROWS[::-1], ROWS):
        before = rows.copy()
        np.testing.assert_allclose(runner.run(rows), before * 2, rtol=1e-6)
        np.testing.assert_array_equal(rows, before)
    tensor = torch.tensor(ROWS, requires_grad=True)
    for given in (ROWS.tolist(), tensor):
        np.testing.assert_allclose(runner.run(given), ROWS * 2, rtol=1e-6)
    np.testing.assert_array_equal(tensor.detach(), ROWS)
    runner.close()


def test_a_tuple_with_names_is_a_tuple() -> None:
    model = lw.save_torch_model("m", Returning(lambda x: Answer(x, -x)), example=ROWS)
    runner = model.to_runner()
    first, second = runner.run(ROWS)
    np.testing.assert_array_equal(first, -second)
    runner.close()


def test_a_call_that_the_module_does_not_take_fails_alone() -> None:
    runner = lw.save_torch_model("m", nn.Linear(2, 2), example=ROWS).to_runner()

    async def main() -> list[Any]:
        calls = [ROWS, np.ones((1, 3), np.float32), ROWS[:1]]
        return await asyncio.gather(*map(runner.async_run, calls), return_exceptions=True)

    good, bad, fine = asyncio.run(asyncio.wait_for(main(), PATIENCE))
    assert (len(good), len(fine)) == (3, 1)
    assert isinstance(bad, lw.ModelFailed)
    runner.close()


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"device": "gpu"}, "device: expected one of cpu, cuda, auto, got 'gpu'"),
        ({"precision": "int8"}, "precision: expected one of fp32, fp16, bf16, got 'int8'"),
    ],
)
def test_a_setting_that_is_not_there_is_told(options: Any, problem: str) -> None:
    model = lw.save_torch_model("m", Two(), example=(LEFT, RIGHT))
    with pytest.raises(ValueError, match=problem):
        model.to_runner(**options).load()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_an_error_only_where_it_is_asked_for() -> None:
    model = lw.save_torch_model("m", nn.Linear(2, 2), example=ROWS)
    with pytest.raises(lw.NoSuchDevice, match="PyTorch finds no GPU here"):
        model.to_runner(device="cuda").load()
    runner = model.to_runner(device="auto")
    assert runner.run(ROWS).shape == (3, 2)
    runner.close()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch finds no GPU here")
@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
def test_on_a_gpu_answers_are_the_same_alone_and_in_batches(precision: Any) -> None:
    module = Two()
    model = lw.save_torch_model("m", module, example=(LEFT, RIGHT))
    runner = model.to_runner(device="cuda", precision=precision)
    calls = [(LEFT[i : i + n], RIGHT[i : i + n]) for n in (1, 2, 5) for i in range(5)]
    tolerance = {"fp32": 1e-4, "fp16": 1e-2, "bf16": 5e-2}[precision]
    for arrays, (sums, indices) in zip(calls, together(runner, calls), strict=True):
        wanted, wanted_indices = directly(module, *arrays)
        np.testing.assert_allclose(sums, wanted, atol=tolerance)
        np.testing.assert_array_equal(indices, wanted_indices)
    runner.close()


def test_a_learner_stays_on_the_cpu_and_says_so_when_asked_for_a_gpu(
    shop: Any, caplog: pytest.LogCaptureFixture
) -> None:
    runner = lw.save_model("shop", shop).to_runner()
    runner.hold(ServerSettings.model_validate({"device": "cuda"}))
    with caplog.at_level("INFO", "learnwire"):
        runner.load()
        runner.load()
    assert caplog.text.count("stays on the cpu in fp32") == 1
    assert "save_torch_model" in caplog.text
    runner.close()


def test_the_store_looks_after_modules_beside_learners(shop: Any) -> None:
    lw.save_model("shop:a", shop)
    lw.save_torch_model("net:one", nn.Linear(2, 2), example=ROWS, labels={"made": "for tests"})
    lw.save_torch_model("net:two", Tied(), example=LEFT, factory=f"{FACTORIES}:Tied")
    assert [model.tag for model in lw.list_models()] == ["net:two", "net:one", "shop:a"]
    assert isinstance(lw.get("net"), lw.TorchModel)
    assert isinstance(lw.get("shop"), lw.Model)
    listed = command("models", "list")
    assert all(tag in listed for tag in ("net:one", "net:two", "shop:a"))
    shown = command("models", "show", "net:one")
    assert "from a pickle, which runs its code" in shown
    assert "input float32 n x 2" in shown
    assert "for tests" in shown
    assert f"{FACTORIES}:Tied" in command("models", "show", "net:two")
    assert '"kind": "torch"' in command("models", "show", "--json", "net:one")
    assert command("models", "delete", "--yes", "net").endswith("net:one\nnet:two\n")
    assert [model.tag for model in lw.list_models()] == ["shop:a"]


@pytest.mark.parametrize(
    "arguments", [("models", "seal", "net"), ("predict", "net", "--text", "a")]
)
def test_commands_for_learners_refuse_a_module(arguments: tuple[str, ...]) -> None:
    lw.save_torch_model("net", nn.Linear(2, 2), example=ROWS)
    assert "is a torch module" in command(*arguments, fails=True)


def test_a_pickled_module_is_no_export_of_a_learner(tmp_path: Path) -> None:
    torch.save(nn.Linear(2, 2), tmp_path / "module.pkl")
    said = command("save", "m", str(tmp_path / "module.pkl"), fails=True)
    assert "save_torch_model" in said


def command(*arguments: str, fails: bool = False) -> str:
    from learnwire_service.cli.main import app

    done = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200"})
    assert done.exit_code == int(fails), done.output
    return done.output
