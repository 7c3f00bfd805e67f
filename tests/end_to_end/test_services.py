"""Services as they are hosted: their start and end, their runners, and models beside them."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import grpc
import learnwire_service as lw
import pandas as pd
import pytest
from grpc_health.v1 import health_pb2
from learnwire_client import AsyncClient, Client, InvalidInput, Unavailable
from learnwire_service.common.settings import ServerSettings
from learnwire_service.hosting.serving import server_of

from tests.conftest import Trained
from tests.end_to_end.test_server import NOT_SERVING, SERVING, health_stub
from tests.service.runnables import Rules

PATIENCE = 60
MODULE = """
import learnwire_service as lw

from beside import NAME

svc = lw.Service(NAME)
no_service = 3

@svc.api(input=lw.Text(), output=lw.Text())
def shout(text: str) -> str:
    return text.upper()
"""


def service_of(
    name: str, *endpoints: str, runners: tuple[lw.LearnerRunner, ...] = ()
) -> lw.Service:
    """Make a service whose endpoints tell their names."""
    service = lw.Service(name, runners=runners)

    def add(endpoint: str) -> None:
        @service.api(output=lw.Text(), name=endpoint)
        async def tell() -> str:
            return endpoint

    for endpoint in endpoints:
        add(endpoint)
    return service


def status_of(target: str, service: str) -> int:
    with grpc.insecure_channel(target) as channel:
        status: int = (
            health_stub(channel).Check(health_pb2.HealthCheckRequest(service=service)).status
        )
        return status


def test_hooks_run_around_the_calls_in_order() -> None:
    service, events = service_of("hooked", "tell"), list[str]()

    @service.on_startup
    def first() -> None:
        events.append("first")

    @service.on_startup
    async def second() -> None:
        events.append("second")

    @service.on_shutdown
    async def failing() -> None:
        events.append("failing")
        raise RuntimeError("at the end")

    @service.on_shutdown
    def last() -> None:
        events.append("last")

    with lw.serving(service) as target, Client(target) as client:
        assert events == ["first", "second"]
        client.call("tell")
    assert events == ["first", "second", "failing", "last"]


def test_endpoints_are_unavailable_until_their_service_has_started(
    trained: dict[str, Trained],
) -> None:
    runner = lw.get("penguins").to_runner()
    service, go_on = service_of("slow", "tell", runners=(runner,)), asyncio.Event()
    ready = list[bool]()

    @service.on_startup
    async def wait() -> None:
        ready.append(runner.is_ready)
        await go_on.wait()

    async def ask() -> None:
        server = server_of([service], ServerSettings.model_validate({"port": 0}))
        target = await server.start()
        loading = asyncio.create_task(server.load())
        async with AsyncClient(target) as client:
            with pytest.raises(Unavailable, match="slow is starting") as caught:
                await client.call("tell")
            assert (caught.value.reason, caught.value.retry_after) == ("SERVICE_NOT_READY", 1)
            assert [one.name for one in await client.endpoints()] == ["tell"]
            for name in ("", "slow"):
                assert await asyncio.to_thread(status_of, target, name) == NOT_SERVING
            go_on.set()
            await loading
            assert await client.call("tell") == "tell"
            for name in ("", "slow", "penguins"):
                assert await asyncio.to_thread(status_of, target, name) == SERVING
        await server.stop()

    asyncio.run(ask())
    assert ready == [True]


def test_a_service_that_does_not_start_ends_the_server(caplog: pytest.LogCaptureFixture) -> None:
    service, ended = service_of("broken", "tell"), Event()
    service.on_shutdown(ended.set)

    @service.on_startup
    def fail() -> None:
        raise FileNotFoundError("no index")

    with (
        pytest.raises(lw.ServiceFailed, match="broken does not start: FileNotFoundError: no index"),
        lw.serving(service),
    ):
        pytest.fail("it serves")
    assert not ended.is_set()
    [record] = [one for one in caplog.records if one.message == "startup failed"]
    assert record.exc_info is not None


def test_a_call_in_flight_is_answered_before_the_service_ends() -> None:
    service, entered, go_on, order = lw.Service("draining"), Event(), Event(), list[str]()

    @service.api(output=lw.Text())
    def slow() -> str:
        entered.set()
        assert go_on.wait(PATIENCE)
        order.append("answered")
        return "done"

    @service.on_shutdown
    def end() -> None:
        order.append("ended")

    async def ask() -> str:
        server = server_of([service], ServerSettings.model_validate({"port": 0}))
        target = await server.start()
        await server.load()
        async with AsyncClient(target) as client:
            call = asyncio.create_task(client.call("slow"))
            await asyncio.to_thread(entered.wait, PATIENCE)
            stopping = asyncio.create_task(server.stop())
            await asyncio.sleep(0)  # it has begun
            go_on.set()
            answer: str = await call
            await stopping
        return answer

    assert asyncio.run(ask()) == "done"
    assert order == ["answered", "ended"]


def test_the_models_of_a_service_answer_beside_it(trained: dict[str, Trained]) -> None:
    runner = lw.get("penguins").to_runner()
    rules = lw.Runner(Rules)
    service = lw.Service("mixed", runners=[runner, rules])

    @service.api(input=lw.TabularRow(), output=lw.Text())
    async def species(row: "pd.Series[Any]") -> str:
        label, _, _ = await runner.predict.async_run(row)
        return str(label)

    item = trained["penguins"].items[0]
    # The tag of a model that the service has a runner of means that runner.
    with lw.serving(service, "sentiment", "penguins") as target, Client(target) as client:
        assert client.call("species", item) == client.predict("penguins", item).label
        assert client.predict("sentiment", "fine").label
        assert {one.name for one in client.models()} == {"penguins", "sentiment"}
        assert client.statistics("penguins").predicted == 2
        assert rules.is_ready


def test_a_service_can_be_served_again(trained: dict[str, Trained]) -> None:
    runner = lw.get("penguins").to_runner()
    service = lw.Service("again", runners=[runner])

    @service.api(input=lw.TabularRow(), output=lw.Prediction())
    async def species(row: "pd.Series[Any]") -> object:
        return await runner.predict.async_run(row)

    for _ in range(2):
        with lw.serving(service) as target, Client(target) as client:
            assert client.call("species", trained["penguins"].items[0]).label
            assert client.statistics("penguins").predicted == 1
            assert client.endpoint_statistics("species").answered == 1


def test_the_servers_settings_hold_where_the_runner_has_none(trained: dict[str, Trained]) -> None:
    for runner, longest in (
        (lw.get("sentiment").to_runner(), 4),
        (lw.get("sentiment").to_runner(max_text_chars=6), 6),
    ):
        service = lw.Service("bounded", runners=[runner])

        @service.api(input=lw.Text(), output=lw.Text())
        def own(text: str) -> str:
            return text

        with lw.serving(service, max_text_chars=4) as target, Client(target) as client:
            assert client.predict("sentiment", "x" * longest).label
            with pytest.raises(InvalidInput, match=f"at most {longest} characters"):
                client.predict("sentiment", "x" * (longest + 1))
            with pytest.raises(InvalidInput, match="at most 4 characters"):
                client.call("own", "12345")


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (("one", "tell", "one", "say"), "two services are named one"),
        (("one", "tell", "other", "tell"), "the services one and other both have an endpoint tell"),
    ],
)
def test_services_that_clash_are_refused(names: tuple[str, ...], problem: str) -> None:
    first, second = service_of(*names[:2]), service_of(*names[2:])
    with pytest.raises(lw.ServiceClash, match=problem), lw.serving(first, second):
        pytest.fail("it serves")


def test_two_services_are_served_together() -> None:
    services = service_of("a", "one"), service_of("b", "two")
    with lw.serving(*services) as target, Client(target) as client:
        assert (client.call("one"), client.call("two")) == ("one", "two")
        assert [one.service for one in client.endpoints()] == ["a", "b"]


def test_services_with_runners_of_one_model_are_served_together(
    trained: dict[str, Trained],
) -> None:
    runners = [lw.get("penguins").to_runner() for _ in range(2)]
    services = [service_of(f"of_{i}", f"ask_{i}", runners=(runners[i],)) for i in range(2)]
    row = trained["penguins"].items[0]
    with lw.serving(*services) as target, Client(target) as client:
        answers = [runner.predict.run(row).label for runner in runners]
        assert answers == [client.predict("penguins", row).label] * 2
        assert [client.call(f"ask_{i}") for i in range(2)] == ["ask_0", "ask_1"]
        assert client.statistics("penguins").predicted == 2


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with modules, where nothing is left of them afterwards."""
    path, modules = list(sys.path), dict(sys.modules)
    (tmp_path / "shouting.py").write_text(MODULE)
    (tmp_path / "beside.py").write_text("NAME = 'shouts'")
    (tmp_path / "raising.py").write_text("raise KeyError('nobody')")
    (tmp_path / "leaving.py").write_text("raise SystemExit(3)")
    (tmp_path / "json.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    sys.path[:] = path
    for name in sys.modules.keys() - modules.keys():
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.mark.parametrize("reference", ["shouting.py:svc", "shouting:svc", "{}/shouting.py:svc"])
def test_a_service_is_found_where_it_is_said_to_be(reference: str, folder: Path) -> None:
    for _ in range(2):
        with lw.serving(reference.format(folder)) as target, Client(target) as client:
            assert client.call("shout", "loud") == "LOUD"
            assert [one.service for one in client.endpoints()] == ["shouts"]


@pytest.mark.parametrize(
    ("reference", "error", "problem"),
    [
        ("nobody.py:svc", lw.ServiceNotFound, "there is no file nobody.py"),
        (
            "shouting.py:scv",
            lw.ServiceNotFound,
            "shouting.py has no scv; its services are: svc",
        ),
        (
            "shouting:no_service",
            lw.ServiceNotFound,
            "shouting has a int, not a Service, as no_service; its services are: svc",
        ),
        ("beside.py:svc", lw.ServiceNotFound, "beside.py has no svc; its services are: none"),
        ("json.py:svc", lw.ServiceNotFound, "there is another module named json; rename the file"),
        (
            "raising.py:svc",
            lw.ServiceFailed,
            "raising.py cannot be imported: KeyError: 'nobody'",
        ),
        ("leaving:svc", lw.ServiceFailed, "leaving cannot be imported: SystemExit: 3"),
        (
            "beside.nobody:svc",
            lw.ServiceFailed,
            "beside.nobody cannot be imported: ModuleNotFoundError: No module named",
        ),
        ("nobody:svc", lw.ModelNotFound, "nor is there a module nobody: nobody is neither in this"),
        ("no_body.at_all:svc", lw.LearnwireError, "nor is there a module no_body.at_all: no_body"),
        ("nobody:svc", lw.ModelNotFound, 'there is no model "nobody"'),
        ("shouting", lw.ModelNotFound, 'there is no model "shouting"'),
        ("shouting.py", lw.ServiceNotFound, "which service of it? name it, as shouting.py:svc"),
        ("shouting.py:", lw.ServiceNotFound, "which service of it? name it, as shouting.py:svc"),
    ],
)
def test_what_leads_to_no_service_is_told(
    reference: str, error: type[Exception], problem: str, folder: Path
) -> None:
    with pytest.raises(error) as caught, lw.serving(reference):
        pytest.fail("it serves")
    assert problem in str(caught.value)


def test_a_saved_model_is_meant_before_a_module(folder: Path, trained: dict[str, Trained]) -> None:
    (folder / "penguins.py").write_text("raise AssertionError('imported')")
    with lw.serving("penguins:latest") as target, Client(target) as client:
        assert client.predict("penguins", trained["penguins"].items[0]).label
