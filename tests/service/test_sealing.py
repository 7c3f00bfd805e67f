"""Models are sealed at save or later, and refused where a recipe is not what it was."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import learnwire_service as lw
import numpy as np
import onnx
import pytest
from learnwire_client import Client
from learnwire_client.model import Plan
from learnwire_client.page import as_text
from learnwire_service.cli.listing import Listed
from learnwire_service.models.model import LEARNER_FILE, get_learner
from learnwire_service.sealed.golden import GOLDEN_FILE
from learnwire_service.sealed.plan import Choice
from learnwire_service.sealed.recipe import RECIPE_FILE
from learnwire_service.signature.training import TRAINING_FILE
from learnwire_service.store.manifest import MANIFEST_FILE, File, Manifest
from learnwire_service.store.page import manifest_page
from learnwire_service.store.store import ModelStore, Version
from learnwire_service.store.tag import Tag
from torch import Tensor

from . import odd_networks as odd
from . import small_networks as networks
from .altered import mark_own
from .odd import predicted
from .small_learners import ROW, ask

NETWORK = "network.onnx"
FOUR = np.array([1, 2, 3, 4], np.float32)


@pytest.fixture(scope="module")
def store(shop: Any, texts: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a store with a sealed model of each kind, each saved once."""
    home = tmp_path_factory.mktemp("sealed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEARNWIRE_HOME", str(home))
        lw.save_model("shop:v", shop, labels={"team": "a"}, custom_objects={"words": ["a"]})
        lw.save_model("texts:v", texts)
        lw.save_model("arrays:v", networks.array_learner(2))
    return home


@pytest.fixture
def saved(store: Path, own_home: Path) -> None:
    shutil.copytree(store, own_home)


def version(name: str) -> Version:
    return ModelStore().find(Tag(name, "v"))


def manifest_of(name: str) -> Manifest:
    found = version(name).manifest
    assert isinstance(found, Manifest)
    return found


def resign(name: str, **changes: Any) -> None:
    """Bring a manifest in line with the version's files, as whoever altered them would."""
    there = version(name)
    paths = [path for path in there.directory.iterdir() if path.name != MANIFEST_FILE]
    files = {path.name: File.of(path) for path in paths}
    there.manifest.model_copy(update={"files": files, **changes}).write(there.directory)


def recipe_of(name: str) -> Any:
    return json.loads((version(name).directory / RECIPE_FILE).read_bytes())


def with_recipe(name: str, recipe: Any) -> None:
    (version(name).directory / RECIPE_FILE).write_text(json.dumps(recipe))
    resign(name)


def loaded(name: str) -> Choice:
    return get_learner(name).load_plan()


def files_below(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.usefixtures("saved")
def test_a_save_writes_a_recipe_and_a_network_beside_the_learner(shop: Any) -> None:
    manifest = manifest_of("shop")
    assert manifest.sealed is not None
    assert (manifest.sealed.plan, manifest.sealed.reason) == ("tabular", "")
    assert manifest.sealed.proof is not None
    assert manifest.sealed.proof.varies == ""
    assert {RECIPE_FILE, NETWORK, LEARNER_FILE, GOLDEN_FILE} <= manifest.files.keys()
    onnx.checker.check_model(onnx.load(version("shop").directory / NETWORK))
    runner = lw.get("shop").to_runner()
    assert runner.predict.run(ROW).probabilities == pytest.approx(ask(shop, ROW)[1], abs=1e-5)
    assert runner.choice is not None
    assert (runner.choice.reasons, runner.choice.varies) == ((), "")


@pytest.mark.usefixtures("saved")
def test_what_varied_elsewhere_is_tried_anew_here() -> None:
    sealed = manifest_of("shop").sealed
    assert sealed is not None
    assert sealed.proof is not None
    for machine, varies in ((sealed.proof.machine, "then"), ("another", "")):
        told = sealed.proof.model_copy(update={"machine": machine, "varies": "then"})
        resign("shop", sealed=sealed.model_copy(update={"proof": told}))
        assert loaded("shop").varies == varies


@pytest.mark.parametrize(
    ("name", "file"),
    [
        *(("shop", file) for file in (RECIPE_FILE, NETWORK, GOLDEN_FILE)),
        *(("texts", file) for file in ("layers.onnx", "head.onnx")),
    ],
)
@pytest.mark.usefixtures("saved")
def test_a_file_that_was_altered_or_is_missing_is_named(name: str, file: str) -> None:
    path = version(name).directory / file
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(lw.CorruptModel, match=f"{name}:v: the file {file} was altered; save"):
        loaded(name)
    path.unlink()
    with pytest.raises(lw.CorruptModel, match=f"{name}:v: the file {file} is missing; save"):
        loaded(name)


@pytest.mark.parametrize("file", [RECIPE_FILE, NETWORK])
@pytest.mark.usefixtures("saved")
def test_a_file_that_the_manifest_does_not_know_either_is_named(file: str) -> None:
    (version("shop").directory / file).unlink()
    resign("shop")
    with pytest.raises(lw.CorruptModel, match=f"^shop:v: .*{file}.*learnwire models seal shop:v$"):
        loaded("shop")


@pytest.mark.parametrize("file", [NETWORK, RECIPE_FILE])
@pytest.mark.usefixtures("saved")
def test_what_is_no_network_or_no_recipe_is_named(file: str) -> None:
    (version("shop").directory / file).write_bytes(b"\x08none")
    resign("shop")
    with pytest.raises(lw.CorruptModel, match=f"^shop:v: .*{file}.*learnwire models seal shop:v$"):
        loaded("shop")


@pytest.mark.usefixtures("saved")
def test_a_network_that_answers_otherwise_is_not_served() -> None:
    path = version("shop").directory / NETWORK
    model = onnx.load(path)
    weight = next(one for one in model.graph.initializer if one.data_type == onnx.TensorProto.FLOAT)
    changed = onnx.numpy_helper.to_array(weight) + np.float32(1)
    weight.CopyFrom(onnx.numpy_helper.from_array(changed, weight.name))
    onnx.save(model, path)
    resign("shop")
    problem = "shop:v does not load as it was saved: golden example 1 of 9.*a difference of"
    with pytest.raises(lw.GoldenMismatch, match=problem):
        loaded("shop")
    with lw.serving("shop", on_mismatch="warn") as target, Client(target) as client:
        plan = client.model("shop").plan
    reason = "its golden examples are answered differently"
    assert plan == Plan("tabular", (reason,), "onnx", bit_identical=None)


@pytest.mark.usefixtures("saved")
def test_a_format_of_tomorrow_names_the_way_out() -> None:
    with_recipe("shop", recipe_of("shop") | {"format": 2})
    problem = f"^shop:v: {RECIPE_FILE} does not read .format.*learnwire models seal shop:v$"
    with pytest.raises(lw.CorruptModel, match=problem):
        loaded("shop")


@pytest.mark.usefixtures("saved")
def test_a_huge_recipe_is_not_read() -> None:
    with (version("shop").directory / RECIPE_FILE).open("ab") as file:
        file.truncate(65 * 2**20)
    resign("shop")
    with pytest.raises(lw.CorruptModel, match=f"{RECIPE_FILE} has 68157440 bytes, more than"):
        loaded("shop")


HOSTILE: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "a path that leads out": ("shop", lambda model: model.update(network="../network.onnx")),
    "a path in a folder": ("shop", lambda model: model.update(network="x/network.onnx")),
    "a path from the root": ("shop", lambda model: model.update(network="/etc/passwd")),
    "the folder itself": ("shop", lambda model: model.update(network="..")),
    "no name": ("shop", lambda model: model.update(network="")),
    "a field too many": ("shop", lambda model: model.update(run="rm")),
    "a kind of its own": ("shop", lambda model: model.update(kind="pickle")),
    "an unknown category": ("shop", lambda model: model["codes"][0].update(column="x")),
    "a number as a category": ("shop", lambda model: model["codes"][0].update(column="price")),
    "an unknown number": ("shop", lambda model: model["numbers"][0].update(column="x")),
    "a category as a number": ("shop", lambda model: model["numbers"][0].update(column="shop")),
    "no deviation": ("shop", lambda model: model["numbers"][0].update(deviation=0)),
    "no mean": ("shop", lambda model: model["numbers"][0].update(mean=float("nan"))),
    "a negative code": ("shop", lambda model: model["codes"][-1].update(codes=[-1, 0])),
    "too many columns": ("shop", lambda model: model.update(codes=model["codes"][:1] * 10_001)),
    "too few arrays": ("arrays", lambda model: model["dtypes"].pop()),
    "arrays of objects": ("arrays", lambda model: model.update(dtypes=["object", "object"])),
    "an unknown rule": ("texts", lambda model: model["words"]["rules"].append({"name": "eval"})),
    "other layers": ("texts", lambda model: model["reader"].update(widths=[3])),
    "a chunk of nothing": ("texts", lambda model: model["reader"].update(chunk=0)),
    "layers elsewhere": ("texts", lambda model: model["reader"].update(layers="../layers.onnx")),
    "a pattern without end": (
        "texts",
        lambda model: model["words"]["tokenizer"].update(infix="(?:a+)+$"),
    ),
    "a pattern with choices": (
        "texts",
        lambda model: model["words"]["tokenizer"].update(infix="(?:a|b|ab)*c"),
    ),
    "a pattern of many runs": (
        "texts",
        lambda model: model["words"]["tokenizer"].update(infix="x*x*x*x*x*y"),
    ),
    "a pattern that is none": (
        "texts",
        lambda model: model["words"]["tokenizer"].update(infix="("),
    ),
}


@pytest.mark.parametrize("what", HOSTILE)
@pytest.mark.usefixtures("saved")
def test_a_hostile_recipe_is_refused(what: str) -> None:
    name, change = HOSTILE[what]
    recipe = recipe_of(name)
    change(recipe["model"])
    with_recipe(name, recipe)
    with pytest.raises(lw.CorruptModel, match=f"^{name}:v: .*{RECIPE_FILE}.*models seal {name}:v$"):
        loaded(name)


@pytest.mark.usefixtures("saved")
def test_a_recipe_of_another_model_is_refused() -> None:
    recipe = version("arrays").directory / RECIPE_FILE
    shutil.copy(recipe, version("shop").directory)
    resign("shop")
    problem = "^shop:v: .*the model takes a tabular, and its recipe arrays"
    with pytest.raises(lw.CorruptModel, match=problem):
        loaded("shop")


@pytest.mark.usefixtures("saved")
def test_codes_that_the_network_does_not_have_are_no_answer() -> None:
    recipe = recipe_of("shop")
    recipe["model"]["codes"].pop()
    with_recipe("shop", recipe)
    with pytest.raises(lw.GoldenMismatch, match="golden example 1 of 9 is answered with the error"):
        loaded("shop")


@pytest.mark.usefixtures("saved")
def test_a_version_can_do_without_its_learner(shop: Any, own_home: Path) -> None:
    model = lw.save_model("bare", shop, keep_learner=False)
    assert sorted(path.name for path in model.directory.iterdir()) == sorted(
        [GOLDEN_FILE, MANIFEST_FILE, NETWORK, RECIPE_FILE, TRAINING_FILE]
    )
    answer = model.to_runner().predict.run(ROW)
    assert answer.probabilities == pytest.approx(ask(shop, ROW)[1], abs=1e-5)
    for refused in (lw.load_model, lw.seal_model):
        with pytest.raises(lw.UnloadableModel, match=f"{model.tag} was saved without its Learner"):
            refused(model.tag)


def test_what_does_not_seal_needs_its_learner(own_home: Path) -> None:
    learner = odd.array_learner(ByNumber)
    with pytest.raises(lw.NotServable, match="m:v needs its Learner, since it does not seal: "):
        lw.save_model("m:v", learner, examples=[FOUR], keep_learner=False)
    assert files_below(own_home) == {}


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


@pytest.mark.slow
@pytest.mark.parametrize("network", [ByValue, ByNumber, ByRest])
def test_a_network_that_cannot_be_exported_whole_does_not_seal(
    own_home: Path, network: Any, caplog: pytest.LogCaptureFixture
) -> None:
    learner = odd.array_learner(network)
    model = lw.save_model("m:v", learner, examples=[FOUR])
    assert model.manifest.sealed is not None
    assert model.manifest.sealed.plan is None
    reason = f"sealed: {model.manifest.sealed.reason}"
    assert reason in caplog.text
    assert model.manifest.files.keys() - {TRAINING_FILE} == {GOLDEN_FILE, LEARNER_FILE}
    choice = loaded("m")
    assert choice.reasons[0] == reason
    answer = model.to_runner().predict.run(FOUR)
    expected = predicted(learner, odd.arrays(FOUR))[1]
    np.testing.assert_allclose(answer.probabilities, expected, atol=1e-5)
    with pytest.raises(lw.NotServable, match="m:v does not seal: "):
        lw.seal_model("m")
    assert [one.tag for one in lw.list_models()] == ["m:v"]


@pytest.mark.parametrize("name", ["shop", "arrays"])
@pytest.mark.usefixtures("saved")
def test_numbers_that_may_overflow_are_refused(name: str) -> None:
    runner = lw.get(name).to_runner()
    good = ROW if name == "shop" else (FOUR, FOUR)
    bad = ROW | {"price": 1e38} if name == "shop" else (FOUR, FOUR * np.float32(1e37))
    first, second, third = runner.predict.run_batch([good, bad, good])
    assert isinstance(second, lw.InvalidInput)
    field = 'row.cells["price"]' if name == "shop" else "arrays.arrays[1].data"
    assert [violation.field for violation in second.violations] == [field]
    assert not isinstance(first, Exception)
    assert not isinstance(third, Exception)


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.usefixtures("saved")
def test_sealing_makes_a_version_with_its_origin(shop: Any, own_home: Path, keep: bool) -> None:
    unsealed_before("shop")
    old = manifest_of("shop")
    before = files_below(version("shop").directory)
    model = lw.seal_model("shop", keep_learner=keep)
    assert model.labels == {"team": "a", "sealed_from": "shop:v"}
    assert model.manifest.created > old.created
    assert (LEARNER_FILE in model.manifest.files) == keep
    model.manifest.check_files(model.directory)
    assert files_below(version("shop").directory) == before
    assert model.manifest.signature == old.signature
    assert model.custom_objects == {"words": ["a"]}
    assert lw.get("shop").tag == model.tag
    answer = model.to_runner().predict.run(ROW)
    assert answer.probabilities == pytest.approx(ask(shop, ROW)[1], abs=1e-5)
    assert not any((own_home / "staging").iterdir())


def unsealed_before(name: str) -> None:
    """Make a version one of those that were saved before models were sealed."""
    directory = version(name).directory
    for file in (RECIPE_FILE, NETWORK):
        (directory / file).unlink()
    resign(name)
    data = json.loads((directory / MANIFEST_FILE).read_bytes())
    del data["sealed"]
    compiled: Any = {"plan": "tabular", "file": None, "reason": "", "backend": "torch", "trial": []}
    (directory / MANIFEST_FILE).write_text(json.dumps(data | {"compiled": compiled}))
    mark_own(directory)


@pytest.mark.usefixtures("saved")
def test_a_version_of_before_is_served_by_its_learner(
    shop: Any, caplog: pytest.LogCaptureFixture
) -> None:
    unsealed_before("shop")
    with lw.serving("shop") as target, Client(target) as client:
        answer, plan = client.predict("shop", ROW), client.model("shop").plan
    assert answer.probabilities == pytest.approx(ask(shop, ROW)[1], abs=1e-5)
    way_out = "saved before; learnwire models seal shop:v"
    assert plan is not None
    assert (plan.backend, plan.bit_identical) == ("torch", None)
    assert way_out in plan.reasons[0]
    assert f"shop:v: served by the slower plan {plan.name}: sealed: {way_out}" in caplog.text
    assert Listed.of(lw.get("shop").manifest).sealed is None
    assert "learnwire models seal shop:v" in as_text(manifest_page(lw.get("shop").manifest))


@pytest.mark.usefixtures("saved")
def test_only_what_is_sealed_is_served_where_nothing_else_is_allowed() -> None:
    with lw.serving("texts", sealed_only=True) as target, Client(target) as client:
        assert client.model("texts").plan is not None
    unsealed_before("shop")
    (version("shop").directory / LEARNER_FILE).write_bytes(b"no pickle")
    resign("shop")
    problem = "shop:v is not sealed .*models seal shop:v.*--sealed-only allows none"
    with pytest.raises(lw.NotServable, match=problem), lw.serving("shop", sealed_only=True):
        pass


def test_what_was_saved_unverified_cannot_be_sealed(own_home: Path, shop: Any) -> None:
    model = lw.save_model("m:v", shop, examples=[])
    assert model.manifest.sealed is not None
    assert "no golden examples" in model.manifest.sealed.reason
    with pytest.raises(lw.NotServable, match=r"m:v was saved unverified.*examples="):
        lw.seal_model("m")


def test_only_a_saved_model_can_be_sealed(own_home: Path) -> None:
    with pytest.raises(lw.ModelNotFound):
        lw.seal_model("m")


class Whispering(networks.Joined):
    """Hears of its neighbours, but by less than an answer may differ."""

    def forward(self, *parts: Tensor) -> Any:
        outputs = super().forward(*parts)
        return outputs + outputs.mean(dim=0) * 1e-6


def test_a_network_whose_last_bits_depend_on_the_batch_is_named(
    own_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    items = [FOUR, -FOUR, FOUR[::-1].copy()]
    model = lw.save_model("m", odd.array_learner(Whispering), examples=items)
    assert model.manifest.sealed is not None
    assert model.manifest.sealed.proof is not None
    cause = r"golden example \d has other bits at place \d of a batch of 4 than alone"
    assert re.search(cause, model.manifest.sealed.proof.varies)
    with lw.serving("m") as target, Client(target) as client:
        plan = client.model("m").plan
    assert plan is not None
    assert plan.bit_identical is False
    assert re.search(cause, plan.bit_difference)
    assert re.search(f"{model.tag}: the last bits of an answer vary: {cause}", caplog.text)
