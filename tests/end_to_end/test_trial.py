"""Services tested without a socket: the same endpoints, checks and errors."""

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import grpc
import learnwire_service as lw
import numpy as np
import pandas as pd
import pytest
from learnwire_client import CallError, InvalidInput, ServerFailed
from learnwire_client.errors import Violation

from tests.conftest import Trained

PATIENCE = 60


def service() -> tuple[lw.Service, list[str]]:
    """Make a service of endpoints of all kinds, which tells what becomes of it."""
    svc, events = lw.Service("tried"), list[str]()
    svc.on_startup(lambda: events.append("started"))

    @svc.on_shutdown
    async def end() -> None:
        events.append("ended")

    @svc.api(input=lw.Text(max_chars=5), output=lw.Text())
    async def shout(text: str) -> str:
        await asyncio.sleep(0)
        return text.upper()

    @svc.api(input={"table": lw.Table(), "weights": lw.NdArray("float32")}, output=lw.NdArray())
    def weighed(table: pd.DataFrame, weights: Any) -> Any:
        return table.to_numpy() @ weights

    @svc.api(output=lw.Text(), name="any.one")
    def anyone() -> str:
        return threading.current_thread().name

    @svc.api(input=lw.Text(), output=lw.Text())
    async def letters(text: str) -> AsyncIterator[str]:
        try:
            for letter in text:
                if letter == "!":
                    raise RuntimeError("boom")
                yield letter
        finally:
            events.append("left")

    @svc.api(input=lw.Text(), output=lw.NdArray())
    async def failing(kind: str) -> object:
        match kind:
            case "own":
                raise lw.EndpointError("not_found", "no film", metadata={"film": "x"})
            case "input":
                raise lw.InvalidInput("age: must be positive")
            case "answer":
                return "no array"
        raise RuntimeError("boom")

    @svc.api(input=lw.Text(), output=lw.Prediction())
    def guess(text: str) -> Any:
        return lw.SingleLabel.of(text, {"cat": 0.25, "dog": 0.75})

    return svc, events


def test_endpoints_are_plain_calls_between_start_and_end() -> None:
    svc, events = service()
    with svc.test() as test:
        assert events == ["started"]
        assert test.shout("loud") == "LOUD"
        table = pd.DataFrame({"a": [1, 2], "b": [3, 4]})
        found = test.weighed(table=table, weights=np.array([1, 10], np.float32))
        assert found.tolist() == [31, 42]
        assert getattr(test, "any.one")().startswith("endpoint-")
        assert list(test.letters("abc")) == ["a", "b", "c"]
        assert {"shout", "any.one"} <= set(dir(test))
    assert events == ["started", "left", "ended"]
    with svc.test() as test:
        assert test.shout("again") == "AGAIN"


def test_it_may_be_tried_inside_of_an_event_loop() -> None:
    async def use() -> object:
        with service()[0].test() as test:
            return test.shout("loud")

    assert asyncio.run(use()) == "LOUD"


def test_inputs_and_answers_pass_the_same_checks(caplog: pytest.LogCaptureFixture) -> None:
    svc, _ = service()
    with svc.test() as test:
        with pytest.raises(InvalidInput) as refused:
            test.shout("louder")
        problem = "expected at most 5 characters, got 6"
        assert refused.value.violations == (Violation("input.text.content", problem),)
        with pytest.raises(InvalidInput, match=r"inputs.weights.array: expected array"):
            test.weighed(table=pd.DataFrame({"a": [1]}))
        with pytest.raises(CallError, match="no film") as own:
            test.failing("own")
        assert own.value.code is grpc.StatusCode.NOT_FOUND
        assert own.value.metadata == {"film": "x"}
        with pytest.raises(InvalidInput, match=r"^age: must be positive$"):
            test.failing("input")
        for kind in ("answer", "else"):
            with pytest.raises(ServerFailed, match="the endpoint failed on this call"):
                test.failing(kind)
        stream = test.letters("a!")
        assert next(stream) == "a"
        with pytest.raises(ServerFailed):
            next(stream)
        with pytest.raises(AttributeError, match="tried has no endpoint nobody, only shout, weig"):
            test.nobody("x")
        with pytest.raises(TypeError, match="shout: expected one input"):
            test.shout("a", "b")
    assert "does not fit its output" in caplog.text


def test_a_stream_that_is_left_ends_its_generator() -> None:
    svc, events = service()
    with svc.test() as test:
        stream = test.letters("abc")
        assert next(stream) == "a"
        stream.close()
        assert test.shout("x") == "X"
    assert events == ["started", "left", "ended"]


def test_settings_hold_as_for_a_server() -> None:
    svc, _ = service()
    with svc.test(max_text_chars=2) as test, pytest.raises(InvalidInput, match="at most 2"):
        test.letters("abc").__next__()


def test_a_service_that_does_not_start_is_not_tried() -> None:
    svc, _ = service()

    @svc.on_startup
    def fail() -> None:
        raise FileNotFoundError("no index")

    with pytest.raises(lw.ServiceFailed, match="no index"), svc.test():
        pytest.fail("it was tried")


def test_runners_answer_in_a_trial_and_after_it(trained: dict[str, Trained]) -> None:
    runner = lw.get("penguins").to_runner()
    svc = lw.Service("species", runners=[runner])

    @svc.api(input=lw.TabularRow(), output=lw.Prediction())
    async def species(row: Any) -> Any:
        row = row.iloc[0] if isinstance(row, pd.DataFrame) else row
        return await runner.predict.async_run(row)

    item = trained["penguins"].items[0]
    expected = trained["penguins"].predict(item)[0]
    with svc.test() as test:
        assert runner.is_ready
        assert test.species(item).label == expected
        with pytest.raises(InvalidInput) as refused:
            test.species({"island": "Dream"})
        assert refused.value.violations[0].field.startswith("input.row.cells[")
    assert runner.predict.run(item).label == expected


def test_answers_are_made_by_hand() -> None:
    svc, _ = service()
    with svc.test() as test:
        answer = test.guess("dog")
    assert (answer.label, answer.index, answer.probabilities.tolist()) == ("dog", 1, [0.25, 0.75])
