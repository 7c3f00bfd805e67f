"""A short soak: the load finds no fault, and what it leaves behind is gone soon."""

import asyncio

import pytest

from tests.conftest import Trained
from tests.watched import PATIENT, watched

from .__main__ import MORE_FILES, soak
from .load import Load

SECONDS = 5.0


@pytest.mark.slow
def test_a_mixed_load_is_answered_right_and_leaves_nothing_open(
    trained: dict[str, Trained],
) -> None:
    items = {name: trained[name].items[4:7] for name in ("penguins", "digits")}
    with watched(*items, "tests/fuzz/endpoints.py:svc", *PATIENT) as server:
        before = server.held()
        load = Load(server.target, items)
        asyncio.run(soak(server, load, SECONDS, seed=1))
        after = server.settled(lambda held: held.files <= before.files + MORE_FILES)
        assert server.ended() == 0
    assert load.faults == server.faults == []
    assert {"predict_many", "leave_a_stream", "connect"} <= set(load.calls)
    assert after.files <= before.files + MORE_FILES
