"""Triton's and KServe's own clients, which ask as they ask any server of their protocol."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import learnwire_service as lw
import pytest

from tests.conftest import Trained
from tests.end_to_end.kinds import KINDS
from tests.end_to_end.web import free_port
from tests.foreign.cases import Asked, cases
from tests.foreign.conftest import Run

pytestmark = [pytest.mark.system, pytest.mark.timeout(1800)]

ITEMS = 6
# A model that is unloaded and loaded again, while others are asked.
SPARE = "spare"


class Served(NamedTuple):
    """Where a server is, and the file of what clients ask it."""

    targets: dict[str, str]
    cases: Path


def of_demo(one: Trained) -> Asked:
    items = one.items[4 : 4 + ITEMS]
    return Asked(one.name, items, [[one.predict(item)[1:]] for item in items])


def of_kind(name: str) -> Asked:
    kind = KINDS[name]()
    lw.save_model(name, kind.learner, adapter=kind.adapter, nulls="allow")
    items = kind.items[:ITEMS]
    return Asked(name, items, [kind.ask(kind.learner, item) for item in items])


@pytest.fixture(scope="module")
def served(
    trained: dict[str, Trained], home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """A server of the demo's models and one of every kind, and the oracle's answers."""
    asked = [*map(of_demo, trained.values()), *map(of_kind, KINDS)]
    file = tmp_path_factory.mktemp("cases") / "cases.json"
    file.write_text(json.dumps([case for one in asked for case in cases(one)]))
    lw.save_model(SPARE, trained["penguins"].learner)
    # Asyncio clients are asked for all at once.
    web: dict[str, Any] = {"http_port": free_port(), "max_wait": 600, "max_pending": 1000}
    with lw.serving(*(one.model for one in asked), SPARE, **web) as target:
        yield Served({"grpc": target, "http": f"127.0.0.1:{web['http_port']}"}, file)
    for one in (*KINDS, SPARE):
        lw.delete_model(one)


@pytest.mark.parametrize("protobuf", ["6", "7"])
@pytest.mark.parametrize("how", ["grpc", "http"])
@pytest.mark.parametrize("program", ["triton.py", "triton_aio.py"])
def test_tritonclient(served: Served, run_in: Run, program: str, how: str, protobuf: str) -> None:
    told = run_in(f"triton-protobuf{protobuf}", program, how, served.cases, served.targets[how])
    assert len(told) >= 5
    assert told == dict.fromkeys(told, ""), "\n".join(told.values())


@pytest.mark.parametrize("how", ["grpc", "http"])
def test_kserves_clients(served: Served, run_in: Run, how: str) -> None:
    told = run_in("kserve", "kserve_clients.py", how, served.cases, served.targets[how])
    assert len(told) == 4
    assert told == dict.fromkeys(told, ""), "\n".join(told.values())
