"""What a server serves is changed while it serves."""

import asyncio
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import learnwire_service as lw
import pytest
from learnwire_client import (
    AsyncClient,
    CallError,
    ChannelOptions,
    Client,
    InvalidInput,
    ModelNotFound,
    NotFound,
    SingleLabel,
)
from learnwire_service.cli.main import app
from learnwire_service.observe.exposition import families
from learnwire_service.observe.memory import SHARED_FOLDER, read
from learnwire_service.rpc import lineup
from learnwire_service.rpc.reading import in_thread
from typer.testing import CliRunner

from tests.access import AccessWriter
from tests.end_to_end import gate
from tests.end_to_end.test_workers import await_that
from tests.end_to_end.typed import Stub, contract_of
from tests.service import small_learners as small
from tests.service.small_learners import ROW, ask

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def learners(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The learners of three versions in a store of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEARNWIRE_HOME", str(tmp_path_factory.mktemp("admin")))
        found = {version: small.shop_learner() for version in ("one", "two", "three")}
        for version, learner in found.items():
            lw.save_model(f"shop:{version}", learner)
        yield found


@pytest.fixture
def client(learners: dict[str, Any]) -> Iterator[Client]:
    """A client of a server of the first version."""
    with lw.serving("shop:one", drain_seconds=20) as target, Client(target) as connected:
        yield connected


def answers_as(answer: Any, version: str, learners: dict[str, Any]) -> None:
    """See that an answer is this version's, and says so."""
    index, probabilities = ask(learners[version], ROW)
    assert isinstance(answer, SingleLabel)
    assert answer.version == version
    assert answer.index == index
    assert answer.probabilities == pytest.approx(probabilities, abs=1e-5)


def test_a_version_is_loaded_made_the_default_and_the_other_unloaded(
    client: Client, learners: dict[str, Any]
) -> None:
    assert client.load("shop:two") == "two"
    answers_as(client.predict("shop", ROW), "one", learners)
    answers_as(client.predict("shop:two", ROW), "two", learners)
    assert [(one.tag, one.default, one.state) for one in client.loaded()] == [
        ("shop:two", False, "ready"),
        ("shop:one", True, "ready"),
    ]
    assert all(one.memory_bytes > 0 and one.since for one in client.loaded())
    assert client.set_default("shop:two") == "two"
    answers_as(client.predict("shop", ROW), "two", learners)
    answers_as(client.predict("shop:one", ROW), "one", learners)
    [summary] = client.models()
    assert summary.version == "two"
    assert client.unload("shop:one") == "one"
    with pytest.raises(ModelNotFound):
        client.predict("shop:one", ROW)
    assert client.model("shop").tag == "shop:two"
    # An older version takes the place of a newer one just as well.
    assert client.update("shop:one") == "one"
    answers_as(client.predict("shop", ROW), "one", learners)
    assert [one.tag for one in client.loaded()] == ["shop:one"]


def test_an_update_without_a_version_takes_the_newest(
    client: Client, learners: dict[str, Any]
) -> None:
    assert client.update("shop") == "three"
    assert client.update("shop") == "three"
    answers_as(client.predict("shop", ROW), "three", learners)


def test_a_model_that_was_not_served_is_loaded_and_goes_again(
    client: Client, learners: dict[str, Any]
) -> None:
    lw.save_model("other", learners["two"])
    assert client.load("other")
    answer = client.predict("other", ROW)
    assert answer.index == ask(learners["two"], ROW)[0]
    client.unload("other")
    with pytest.raises(ModelNotFound):
        client.predict("other", ROW)


def test_own_services_follow(client: Client, learners: dict[str, Any]) -> None:
    contract = contract_of("shop:one")
    with grpc.insecure_channel(client._target) as channel:
        stub = Stub(channel, contract)
        assert stub.predict(stub.request(ROW)).model_version == "one"
        client.update("shop:two")
        assert stub.predict(stub.request(ROW)).model_version == "two"
        client.load("shop:three")
        assert stub.predict(stub.request(ROW)).model_version == "two"
        assert stub.predict(stub.request(ROW), "latest").model_version == "three"


@pytest.mark.parametrize(
    ("change", "model", "error", "problem"),
    [
        ("load", "nobody", ModelNotFound, 'the store has no model "nobody"'),
        ("load", "shop:nope", ModelNotFound, 'has no version "nope"'),
        ("load", "Shop!", InvalidInput, "a model's name has"),
        ("load", "shop:one", CallError, "shop:one is loaded already"),
        ("set_default", "shop:two", NotFound, 'has no version "two"'),
        ("unload", "shop:two", NotFound, 'has no version "two"'),
        ("update", "nobody", ModelNotFound, 'the store has no model "nobody"'),
    ],
)
def test_what_cannot_be_done_is_told_and_changes_nothing(
    client: Client, change: str, model: str, error: type[CallError], problem: str
) -> None:
    with pytest.raises(error) as raised:
        getattr(client, change)(model)
    assert problem in raised.value.message
    assert [(one.tag, one.default) for one in client.loaded()] == [("shop:one", True)]


def test_the_default_is_not_unloaded_beside_others(client: Client) -> None:
    client.load("shop:two")
    with pytest.raises(CallError, match="make another version the default first"):
        client.unload("shop:one")
    with pytest.raises(InvalidInput, match="2 versions of shop are loaded: name one"):
        client.unload("shop")


def test_a_version_that_does_not_load_leaves_the_old_one_and_is_told(
    client: Client, learners: dict[str, Any], tmp_path: Path
) -> None:
    lw.save_model("shop:broken", learners["two"])
    directory = lw.get("shop:broken").directory
    [*_, largest] = sorted(directory.glob("*"), key=lambda one: one.stat().st_size)
    largest.write_bytes(largest.read_bytes()[:-1] + b"!")
    try:
        with pytest.raises(CallError) as raised:
            client.update("shop:broken")
        assert raised.value.code is grpc.StatusCode.FAILED_PRECONDITION
        assert str(tmp_path.parent) not in raised.value.message
        answers_as(client.predict("shop", ROW), "one", learners)
        states = {one.tag: one.state for one in client.loaded()}
        assert states == {"shop:one": "ready", "shop:broken": "failed"}
        health = CliRunner().invoke(app, ["health", "shop:broken", "--target", client._target])
        assert "NOT_SERVING" in health.output
        assert client.update("shop:two") == "two"
        assert [one.tag for one in client.loaded()] == ["shop:two"]
    finally:
        lw.delete_model("shop:broken")


def test_calls_that_a_version_has_begun_are_answered_by_it(
    client: Client, learners: dict[str, Any]
) -> None:
    contract = contract_of("shop:one")
    more, begun = threading.Event(), threading.Event()

    with grpc.insecure_channel(client._target) as channel:
        stub = Stub(channel, contract)

        def requests() -> Iterator[Any]:
            yield stub.request(ROW)
            begun.set()
            assert more.wait(60)
            yield stub.request(ROW)

        def ask_own() -> list[str]:
            answers = stub.predict_stream(requests())
            return [one.response.model_version for one in answers.values()]

        with ThreadPoolExecutor(1) as pool:
            streamed = pool.submit(ask_own)
            assert begun.wait(60)
            client.update("shop:two")
            answers_as(client.predict("shop", ROW), "two", learners)
            more.set()
            assert streamed.result(60) == ["one", "one"]


@contextmanager
def readers_held() -> Iterator[None]:
    """Have no large message read meanwhile."""
    go, held = threading.Event(), threading.Barrier(3)

    def hold() -> None:
        held.wait(60)
        go.wait(60)

    async def hold_both() -> None:
        await asyncio.gather(in_thread(hold), in_thread(hold))

    with ThreadPoolExecutor(1) as pool:
        holding = pool.submit(lambda: asyncio.run(hold_both()))
        held.wait(60)
        try:
            yield
        finally:
            go.set()
            holding.result(60)


def test_own_calls_that_are_read_while_their_version_goes_are_answered_by_the_next(
    learners: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SHARED_FOLDER, str(tmp_path))
    contract = contract_of("shop:one")

    def in_flight() -> float:
        found = [one for one in families(read(str(tmp_path))) if one.name.endswith("_in_flight")]
        methods = {s.labels["method"]: s.value for one in found for s in one.samples}
        return sum(
            methods.get(f"/{contract.service}/{name}", 0) for name in ("Predict", "PredictMany")
        )

    with (
        lw.serving("shop:one") as target,
        Client(target) as client,
        grpc.insecure_channel(target) as channel,
        ThreadPoolExecutor(2) as pool,
    ):
        stub = Stub(channel, contract)
        request = stub.request(ROW)
        # What the contract does not know makes it large.
        unknown = b"\xfa\x7f\x80\x80\x04" + bytes(2**16)
        large = type(request).FromString(request.SerializeToString() + unknown)
        with readers_held():
            one = pool.submit(stub.predict, large)
            many = pool.submit(lambda: list(stub.predict_many([request] * 2000)))
            await_that(lambda: in_flight() == 2, "both are on their way")
            client.update("shop:two")
        assert one.result(60).model_version == "two"
        answers = many.result(60)
    assert {answer.response.model_version for answer in answers} == {"two"}
    assert len(answers) == 2000


def test_nothing_is_left_of_versions_that_were_unloaded(
    learners: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No thread and no file; memory is measured by `make soak`."""
    monkeypatch.setenv(SHARED_FOLDER, str(tmp_path))
    with lw.serving("shop:one") as target, Client(target) as client:
        for version in ("two", "one") * 5:
            client.update(f"shop:{version}")
            client.predict("shop", ROW)
        names = [one.name for one in threading.enumerate()]
        assert sum(name.startswith(("model-shop", "encode-shop")) for name in names) <= 6
        # Those that are unloaded last may still be about to be.
        assert len(list(tmp_path.glob("*.drift"))) <= 3


def test_counts_of_versions_that_went_long_ago_are_given_up(
    learners: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SHARED_FOLDER, str(tmp_path))
    monkeypatch.setattr(lineup, "_KEPT", 1)

    def counted() -> set[str]:
        found = list(families(read(str(tmp_path))))
        versions = [s.labels.get("version") for one in found for s in one.samples]
        return {one for one in versions if one}

    with lw.serving("shop:one") as target, Client(target) as client:
        client.predict("shop", ROW)
        client.update("shop:two")
        client.predict("shop", ROW)
        # Those who read metrics now and then see the last of a version.
        assert counted() == {"one", "two"}
        assert client.update("shop:one")
        client.predict("shop", ROW)
        found = client.statistics("shop")
        # The update that brought it is a call of it, too.
        assert (found.predicted, found.call_seconds.count) == (2, 3)
        client.update("shop:two")
        client.update("shop:three")
        await_that(lambda: counted() == {"two", "three"}, "the first one's counts are given up")
        assert not list(tmp_path.glob("*-shop@one-*"))
        client.update("shop:one")
        client.predict("shop", ROW)
        found = client.statistics("shop")
        assert (found.predicted, found.call_seconds.count) == (1, 2)


def test_drift_is_told_of_no_version_that_was_unloaded(
    learners: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SHARED_FOLDER, str(tmp_path))

    def told() -> set[str]:
        found = [one for one in families(read(str(tmp_path))) if "drift" in one.name]
        return {sample.labels["version"] for one in found for sample in one.samples if sample.value}

    with lw.serving("shop:one") as target, Client(target) as client:
        client.predict("shop", ROW)
        await_that(lambda: told() == {"one"}, "drift of the first version is told")
        client.update("shop:two")
        client.predict("shop", ROW)
        await_that(lambda: told() == {"two"}, "drift of the second version alone is told")


def test_a_version_that_a_service_asks_stays_beside_the_one_that_takes_its_place(
    learners: dict[str, Any],
) -> None:
    service = lw.Service("asking", runners=[lw.get("shop:one").to_runner()])
    with lw.serving(service, "shop:three") as target, Client(target) as client:
        assert client.update("shop:two") == "two"
        answers_as(client.predict("shop", ROW), "two", learners)
        assert {one.tag for one in client.loaded()} == {"shop:one", "shop:two"}
        with pytest.raises(CallError, match="a service asks shop:one"):
            client.unload("shop:one")


def test_the_asynchronous_client_does_the_same(client: Client, learners: dict[str, Any]) -> None:
    async def change() -> None:
        async with AsyncClient(client._target) as asynchronous:
            assert await asynchronous.load("shop:two") == "two"
            assert await asynchronous.set_default("shop:two") == "two"
            assert await asynchronous.unload("shop:one") == "one"
            assert await asynchronous.update("shop:three") == "three"
            assert [one.tag for one in await asynchronous.loaded()] == ["shop:three"]
            answers_as(await asynchronous.predict("shop", ROW), "three", learners)

    asyncio.run(change())


def test_a_server_within_a_program_is_not_ended_by_others(client: Client) -> None:
    with pytest.raises(CallError, match="part of a program, and ends with that") as raised:
        client.drain()
    assert raised.value.code is grpc.StatusCode.FAILED_PRECONDITION
    assert client.predict("shop", ROW).version == "one"


def test_who_sees_some_models_only_does_not_end_the_server(
    learners: dict[str, Any], tmp_path: Path
) -> None:
    access = AccessWriter(tmp_path / "access.json")
    token = access.token("narrow", "administer", models=["shop"])
    with lw.serving("shop:one", access=str(access.path)) as target:
        options = ChannelOptions(token=token)
        with Client(target, options=options) as client, pytest.raises(CallError) as raised:
            client.drain()
    assert raised.value.code is grpc.StatusCode.PERMISSION_DENIED


def test_the_command_line_does_the_same(client: Client) -> None:
    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, ["admin", *arguments, "--target", client._target])
        assert result.exit_code == 0, result.output
        return result.output

    assert run("load", "shop:two") == "loaded shop:two\n"
    assert run("default", "shop:two") == "shop:two answers to shop\n"
    assert run("unload", "shop:one") == "unloaded shop:one\n"
    expected = "shop:three answers to shop in the place of the others\n"
    assert run("update", "shop") == expected
    head, line = run("list").splitlines()
    heads = ["tag", "default", "share", "state", "since", "memory", "problem"]
    assert head.split() == heads
    assert line.split()[:4] == ["shop:three", "yes", "100%", "ready"]


def test_a_deleted_store_harms_nobody_who_is_served(
    learners: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEARNWIRE_HOME", str(tmp_path))
    lw.save_model("shop:one", learners["one"])
    with lw.serving("shop") as target, Client(target) as client:
        shutil.rmtree(tmp_path)
        with pytest.raises(ModelNotFound, match="the store has no model"):
            client.update("shop")
        answers_as(client.predict("shop", ROW), "one", learners)


def test_a_version_that_goes_bad_in_the_store_is_in_nobodys_way(
    learners: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEARNWIRE_HOME", str(tmp_path))
    for version in ("one", "two"):
        lw.save_model(f"shop:{version}", learners[version])
    with lw.serving("shop:one") as target, Client(target) as client:
        client.load("shop:two")
        contract = contract_of("shop:two")
        for manifest in tmp_path.glob("models/shop/*/manifest.json"):
            manifest.write_text("{}")
        client.set_default("shop:two")
        client.unload("shop:one")
        answers_as(client.predict("shop", ROW), "two", learners)
        with grpc.insecure_channel(target) as channel:
            stub = Stub(channel, contract)
            assert stub.predict(stub.request(ROW)).model_version == "two"


def test_what_is_loaded_when_a_server_ends_is_put_away(
    learners: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "learnwire")
    learner = small.shop_learner()
    learner.add_cb(gate.Gate())
    gate.open_.set()
    lw.save_model("held:one", learner)
    gate.open_.clear()
    gate.entered.clear()
    try:
        with (
            ThreadPoolExecutor(1) as pool,
            lw.serving("shop:one", drain_seconds=0.1) as target,
            Client(target, timeout=120) as client,
        ):
            loading = pool.submit(client.load, "held")
            assert gate.entered.wait(120)
        assert isinstance(loading.exception(120), CallError)
    finally:
        gate.open_.set()
        lw.delete_model("held")
    events = [(one.getMessage(), getattr(one, "model", "")) for one in caplog.records]
    assert ("unloaded", "held:one") in events
    assert "change failed" not in dict(events)
