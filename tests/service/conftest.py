"""A store of its own for each test, and small learners that tests share without changing them."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from tests.once import learner_once, store_once

if TYPE_CHECKING:
    import learnwire_service as lw

    from .doubling import Make

# How long an example takes says more about the machine than about the code.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty store to this test alone."""
    home = tmp_path / "home"
    monkeypatch.setenv("LEARNWIRE_HOME", str(home))
    return home


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, of one mebibyte."""
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        yield tmp_path
    finally:
        subprocess.run(["umount", "-l", str(tmp_path)], check=True)


@pytest.fixture
def make() -> "Iterator[Make]":
    """Make engines on plans that double, closed after the test."""
    from .doubling import benches

    with benches() as make:
        yield make


# Only there are fastai's seconds spent on the import of it.
@pytest.fixture(scope="session")
def shop(shared: Path) -> Any:
    """A tabular classifier; read only."""
    from .small_learners import shop_learner

    return learner_once(shared / "shop.learner", shop_learner)


@pytest.fixture
def saved_shop(shop: Any, shared: Path, own_home: Path) -> "lw.Model":
    """Give that classifier, saved as `shop` in a store of this test alone."""
    import learnwire_service as lw

    store_once(shared / "shop", lambda: lw.save_model("shop", shop), own_home)
    model: lw.Model = lw.get("shop")
    return model


@pytest.fixture(scope="session")
def texts() -> Any:
    """A text classifier; read only."""
    from .small_learners import text_learner

    return text_learner()
