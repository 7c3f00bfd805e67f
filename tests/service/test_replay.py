"""Golden examples are asked again, here and in environments of their own."""

from pathlib import Path
from typing import Any

import learnwire_service as lw
import numpy as np
import pytest
from learnwire_service.common.errors import NotServable
from learnwire_service.models.isolation import replay_isolated, requirements
from learnwire_service.models.replay import replay
from learnwire_service.sealed import golden
from learnwire_service.sealed.golden import GOLDEN_FILE, Golden
from learnwire_service.signature.answers import assemble
from learnwire_service.signature.specs import SeveralOutput
from learnwire_service.store.manifest import File

from tests.end_to_end.test_cli import learnwire_here

from .hand_made import save

THEN = {
    "python": "3.11.7",
    "learnwire": "0.1.0",
    "fastai": "2.8.12",
    "fastcore": "2.2.39",
    "torch": "2.13.0+cpu",
    "onnxruntime": "1.32.0",
    "numpy": "2.4.6",
}


@pytest.fixture
def otherwise(saved_shop: lw.Model) -> lw.Model:
    """That model, whose second golden example has another answer in the manifest's eyes."""
    examples = saved_shop.examples()
    other: Any = examples[1].answer
    output = saved_shop.signature.output
    assert not isinstance(output, SeveralOutput)
    flipped = assemble(
        output,
        index=np.asarray(1 - int(other.index)),
        probabilities=np.asarray(other.probabilities)[::-1],
    )
    examples[1] = Golden(examples[1].item, flipped)
    golden.write(examples, saved_shop.directory)
    files = saved_shop.manifest.files | {GOLDEN_FILE: File.of(saved_shop.directory / GOLDEN_FILE)}
    saved_shop.manifest.model_copy(update={"files": files}).write(saved_shop.directory)
    model: lw.Model = lw.get("shop")
    return model


def test_what_is_answered_as_at_save_is_told(saved_shop: lw.Model) -> None:
    done = learnwire_here("models", "replay", "shop")
    count = len(saved_shop.examples())
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith(f"{saved_shop.tag}, its recipe asked with python 3.")
    assert done.stdout.endswith(f"all {count} golden examples are answered as at save\n")


def test_each_difference_is_told(otherwise: lw.Model) -> None:
    count = len(otherwise.examples())
    [told] = replay("shop").differences
    assert told.startswith(f"golden example 2 of {count} is answered with ")
    done = learnwire_here("models", "replay", "shop")
    assert (done.exit_code, told in done.stdout) == (1, True)


def test_the_code_of_another_is_not_run(otherwise: lw.Model) -> None:
    # What was changed is one's own no longer.
    with pytest.raises(lw.UntrustedModel, match="its Learner, a pickle"):
        replay("shop", learner=True)
    with pytest.raises(lw.UntrustedModel, match="its Learner, a pickle"):
        replay_isolated("shop", upgrade=["fastcore"])


def test_what_cannot_be_asked_is_told(saved_shop: lw.Model, own_home: Path) -> None:
    from learnwire_service.store.store import ModelStore

    save(ModelStore(), "bare:v")
    with pytest.raises(NotServable, match="bare:v was saved unverified"):
        replay_isolated("bare")
    with pytest.raises(NotServable, match="was saved with no fastia, only with fastai, "):
        replay_isolated("shop", upgrade=["fastia"])
    lw.export_model("shop", own_home / "shop.tar", sealed=True)
    copy = lw.import_model(own_home / "shop.tar")
    with pytest.raises(NotServable, match="was saved without its Learner, so only its recipe"):
        replay_isolated(copy.tag, upgrade=["fastai"])
    done = learnwire_here("models", "replay", "shop", "--upgrade", "numpy")
    assert "--upgrade needs --isolated" in done.stderr


def test_an_environment_has_what_there_was_at_save() -> None:
    sealed = requirements(THEN, sealed=True)
    assert sealed[:2] == ["onnxruntime==1.32.0", "numpy==2.4.6"]
    assert not any(one.startswith(("torch", "fastai")) for one in sealed)
    assert any(one.startswith("pydantic") for one in sealed)
    whole = requirements(THEN, sealed=False, upgrade=["fastai"])
    assert whole[:5] == [
        "fastcore==2.2.39",
        "torch==2.13.0",
        "onnxruntime==1.32.0",
        "numpy==2.4.6",
        "fastai",
    ]
    assert len(set(whole)) == len(whole)


@pytest.mark.environments
@pytest.mark.timeout(3600)
def test_a_recipe_is_asked_in_an_environment_without_torch(saved_shop: lw.Model) -> None:
    found = replay_isolated("shop")
    then = saved_shop.manifest.library_versions
    kept = ("python", "onnxruntime", "numpy", "pillow")
    assert found.differences == []
    assert found.by == "recipe"
    assert {name: found.versions.get(name) for name in kept} == {name: then[name] for name in kept}
    assert "torch" not in found.versions


@pytest.mark.environments
@pytest.mark.timeout(3600)
def test_a_learner_is_asked_with_a_newer_library(saved_shop: lw.Model) -> None:
    found = replay_isolated("shop", upgrade=["fastcore"])
    then = saved_shop.manifest.library_versions
    assert found.by == "Learner"
    assert found.versions["fastai"] == then["fastai"]
    assert found.versions["torch"].partition("+")[0] == then["torch"].partition("+")[0]
    assert found.differences == []


@pytest.mark.environments
@pytest.mark.timeout(3600)
def test_an_environment_that_pip_cannot_make_is_told(saved_shop: lw.Model) -> None:
    then = saved_shop.manifest.library_versions | {"numpy": "0.0.1"}
    saved_shop.manifest.model_copy(update={"library_versions": then}).write(saved_shop.directory)
    with pytest.raises(NotServable, match=r"pip cannot make that environment: .*numpy==0\.0\.1"):
        replay_isolated("shop")
