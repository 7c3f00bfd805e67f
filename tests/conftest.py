"""The learners that all tests share, each trained once, and a server for them."""

import gc
import logging
import os
import signal
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Several processes with a thread for each core wait for each other most of the time; this must
# be said before torch is imported, and holds for the servers that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# What others on this machine hold is not to have the servers of tests refuse calls.
os.environ.setdefault("LEARNWIRE_MEMORY_LIMIT", "0")

import learnwire_service as lw
import numpy as np
import pytest
from learnwire_client import Client
from learnwire_service.common import logs

from examples.demo import data, learners
from tests.once import learner_once, store_once

# Who runs the tests in the background of a shell ignores interrupts, under nohup hang-ups, and so
# would what they start.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@dataclass(frozen=True)
class Trained:
    """A learner under its model's name, with items that it was not trained on."""

    name: str
    learner: Any
    items: list[Any]
    _asked: dict[int, tuple[Any, Any, Any]] = field(default_factory=dict)

    def predict(self, item: Any) -> tuple[Any, Any, Any]:
        """Ask the oracle: the label as str, the index or values, and the probabilities.

        It is the slowest of all, so each of the items is asked for only once.
        """
        if not any(item is one for one in self.items):
            return self._ask(item)
        if id(item) not in self._asked:
            self._asked[id(item)] = self._ask(item)
        return self._asked[id(item)]

    def _ask(self, item: Any) -> tuple[Any, Any, Any]:
        with self.learner.no_bar():
            label, index, probabilities = self.learner.predict(item)
        if hasattr(label, "decode"):  # a tabular learner gives the row, still encoded
            label = label.decode().items[self.learner.dls.y_names[0]].iloc[0]
        return str(label), index.numpy(), probabilities.numpy()


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """Undo what a server's command that ran in this process did to the logs."""
    logger = logging.getLogger("learnwire")
    kept, processors = (logger.handlers, logger.propagate, logger.level), logs._processors[:]
    level, shown = logging.root.level, warnings.showwarning
    yield
    logging.root.setLevel(level)
    warnings.showwarning = shown
    logger.handlers, logger.propagate, logger.level = kept
    logs._processors[:] = processors


@pytest.fixture(scope="module", autouse=True)
def garbage_of_its_own() -> Iterator[None]:
    """Let Python's collector walk only through what a file of tests makes.

    All that is there before is a million objects, half a second for each save and each load.
    """
    gc.freeze()
    yield
    gc.collect()


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep the tests' models in a store of their own."""
    path = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEARNWIRE_HOME", str(path))
        patch.setenv("LEARNWIRE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield path


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of this run, the same in all processes that run its tests."""
    path = tmp_path_factory.getbasetemp()
    return path.parent if "PYTEST_XDIST_WORKER" in os.environ else path


@pytest.fixture(scope="session")
def sentiment(shared: Path) -> Trained:
    """A text classifier on real movie-review snippets."""
    reviews = data.reviews()
    learner = learner_once(
        shared / "sentiment", lambda: learners.train_sentiment(reviews[:900], epochs=1)
    )
    texts = reviews["text"][900:1000].tolist()
    return Trained("sentiment", learner, ["", "ok", "xxpad xxunk", " ".join(texts[:40]), *texts])


@pytest.fixture(scope="session")
def penguins(shared: Path) -> Trained:
    """A tabular classifier with categories, numbers and missing cells."""
    frame = data.penguins()
    learner = learner_once(shared / "penguins", lambda: learners.train_penguins(frame, epochs=3))
    rows = frame.drop(columns=["species", "valid"])
    return Trained(
        "penguins", learner, [row for _, row in rows.sample(100, random_state=0).iterrows()]
    )


@pytest.fixture(scope="session")
def digits(shared: Path) -> Trained:
    """An image classifier on grey images of 8 by 8 pixels."""
    images = data.digits()
    learner = learner_once(
        shared / "digits", lambda: learners.train_digits(data.digits_folder(), epochs=1)
    )
    noise = np.random.default_rng(0).integers(0, 256, (12, 16, 24), dtype=np.uint8)
    return Trained("digits", learner, [*images.images[images.valid][:90], *noise])


@pytest.fixture(scope="session")
def trained(
    sentiment: Trained, penguins: Trained, digits: Trained, shared: Path, home: Path
) -> dict[str, Trained]:
    """All three, saved in the store under their names."""
    found = {one.name: one for one in (sentiment, penguins, digits)}

    def save() -> None:
        for one in found.values():
            lw.save_model(one.name, one.learner, labels={"made": "for tests"})

    store_once(shared / "store", save, home)
    return found


@pytest.fixture(scope="session")
def target(trained: dict[str, Trained]) -> Iterator[str]:
    """A server of all three; on a busy machine it makes callers wait, and refuses none."""
    with lw.serving(*trained, max_wait=600) as address:
        yield address


@pytest.fixture(scope="session")
def client(target: str) -> Iterator[Client]:
    """A client of that server."""
    with Client(target) as connected:
        yield connected
