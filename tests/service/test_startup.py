"""A process that serves imports what its models need, and keeps no more of them than it reads."""

import gc
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import learnwire_service as lw
import pytest
import torch
from learnwire_service.common import memory
from learnwire_service.learners import export
from learnwire_service.models.model import LEARNER_FILE

from tests.conftest import Trained

from .altered import write_own
from .sealed_plans import unsealed

# What no sealed model needs.
OF_TRAINING = {
    *("cloudpickle", "fastai", "fastcore", "onnx", "onnxscript", "pandas", "sklearn", "spacy"),
    *("sympy", "torch", "torchvision"),
}
# What fastai, torch and pandas import only for training, for other kinds, or at their user's wish.
NEEDLESS = {
    *("IPython", "onnx", "onnxscript", "scipy.ndimage", "scipy.stats", "sklearn", "spacy", "sympy"),
    *("torch._dynamo", "torch._inductor", "torchvision"),
}
SERVE = """
import sys
import learnwire_service as lw

with lw.serving(sys.argv[1]):
    print(*sys.modules)
"""
SEAL = """
import sys
import learnwire_service as lw

assert lw.seal_model(sys.argv[1]).manifest.sealed.plan
print(*sys.modules)
"""
# As another thread may, while fastai's import is under way.
BESIDE = """
import sys
from learnwire_service.learners import training_libraries

sys.modules.update(training_libraries._stand_ins())
exec(sys.argv[1])
print(*sys.modules)
"""
# fastai's own modules hold what stood for scikit-learn and SciPy when they were imported.
USE = """
import pickle
from learnwire_service.learners.training_libraries import import_fastai

import_fastai()
import fastai.imports, fastai.metrics
from fastai.data.transforms import TrainTestSplitter

[train, valid] = TrainTestSplitter(test_size=0.2, random_state=0)(list(range(10)))
assert sorted([*train, *valid]) == list(range(10)) and len(valid) == 2, (train, valid)
assert fastai.metrics.skm.f1_score([1, 0, 1], [1, 1, 1]) == 0.8
assert fastai.metrics.scs.pearsonr([1, 2], [1, 2])[0] == 1
assert fastai.imports.ndimage.zoom([1.0, 2.0], 2).shape == (4,)

import scipy.stats, sklearn.metrics
from sklearn.model_selection import KFold, train_test_split

assert pickle.loads(pickle.dumps(fastai.metrics.skm)) is sklearn.metrics
assert fastai.metrics.skm.f1_score is sklearn.metrics.f1_score
assert fastai.metrics.skm is not sklearn.metrics
try:
    fastai.metrics.skm.no_such_score
except AttributeError as error:
    print(error)
"""


def modules_after(program: str, *arguments: str) -> set[str]:
    """Run a program that prints the modules that it has imported."""
    return set(run(program, *arguments).split())


def run(program: str, *arguments: str) -> str:
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def test_the_service_can_be_imported_without_what_learners_need() -> None:
    modules = modules_after("import sys; from learnwire_service import *; print(*sys.modules)")
    assert "learnwire_service.models.model" in modules
    assert not {"fastai", "matplotlib", "pandas", "pyarrow", "torch"} & modules


@pytest.mark.parametrize("name", ["digits", "penguins", "sentiment"])
def test_a_server_of_sealed_models_imports_nothing_of_training(
    name: str, trained: dict[str, Trained]
) -> None:
    assert not OF_TRAINING & modules_after(SERVE, name)


@pytest.fixture
def unsealed_digits(trained: dict[str, Trained], home: Path, own_home: Path) -> str:
    """The tag of a model in a store of its own that is not sealed."""
    shutil.copytree(home / "models" / "digits", own_home / "models" / "digits")
    model = unsealed("digits")
    write_own(model.manifest, model.directory)
    return model.tag


@pytest.mark.slow
def test_a_server_of_a_learner_imports_what_it_needs(unsealed_digits: str) -> None:
    modules = modules_after(SERVE, unsealed_digits)
    assert modules >= {"fastai.learner", "torch"}
    assert not NEEDLESS & modules


@pytest.mark.slow
def test_an_image_learner_that_names_nothing_of_torchvision_seals_with_it(
    unsealed_digits: str,
) -> None:
    assert "torchvision" in modules_after(SEAL, unsealed_digits)


@pytest.mark.slow
def test_what_fastai_was_imported_without_is_there_when_it_is_used() -> None:
    assert "has no attribute 'no_such_score'" in run(USE)


@pytest.mark.parametrize(
    ("statement", "module"),
    [
        ("from sklearn.model_selection import KFold", "sklearn.model_selection._split"),
        ("import sklearn.base", "sklearn.base"),
        ("from scipy.stats.distributions import norm", "scipy.stats.distributions"),
    ],
)
def test_others_import_the_real_libraries_meanwhile(statement: str, module: str) -> None:
    assert module in modules_after(BESIDE, statement)


@pytest.mark.skipif(sys.platform != "linux", reason="reads what the kernel tells of a process")
def test_the_weights_stay_in_their_file(trained: dict[str, Trained], home: Path) -> None:
    model = lw.list_models("digits")[0]
    path = home / "models" / "digits" / model.manifest.version / LEARNER_FILE
    learner = model.load()
    addresses = [weight.data_ptr() for weight in learner.model.parameters()]
    mapped = [
        line for line in Path("/proc/self/maps").read_text().splitlines() if str(path) in line
    ]
    ranges = [[int(end, 16) for end in line.split()[0].split("-")] for line in mapped]
    assert all(any(low <= one < high for low, high in ranges) for one in addresses)


def test_a_loaded_model_outlives_its_files(penguins: Trained) -> None:
    lw.save_model("gone", penguins.learner)
    learner = lw.load_model("gone")
    lw.delete_model("gone")
    for item in penguins.items[:3]:
        assert learner_answer(learner, item) == learner_answer(penguins.learner, item)


def test_an_export_as_torch_wrote_it_once_is_read(penguins: Trained, tmp_path: Path) -> None:
    path = tmp_path / "old.pkl"
    torch.save(penguins.learner, path, _use_new_zipfile_serialization=False)
    answers = [learner_answer(export.load(path), item) for item in penguins.items[:3]]
    assert answers == [learner_answer(penguins.learner, item) for item in penguins.items[:3]]


def learner_answer(learner: Any, item: Any) -> list[float]:
    with learner.no_bar():
        probabilities: list[float] = learner.predict(item)[2].tolist()
    return probabilities


@pytest.mark.parametrize("collects", [True, False])
def test_the_collector_rests_while_a_model_is_loaded(collects: bool) -> None:
    before = gc.isenabled()
    (gc.enable if collects else gc.disable)()
    try:
        with memory.loading():
            assert not gc.isenabled()
        assert gc.isenabled() is collects
        with pytest.raises(ZeroDivisionError), memory.loading():
            _ = 1 / 0
        assert gc.isenabled() is collects
    finally:
        (gc.enable if before else gc.disable)()
