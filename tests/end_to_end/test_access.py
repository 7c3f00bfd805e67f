"""Who gets in: tokens, web tokens, roles and models, over sockets."""

import asyncio
import base64
import hmac
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import grpc
import learnwire_service as lw
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from learnwire.v1 import (
    admin_service_pb2,
    endpoint_service_pb2,
    model_service_pb2,
    prediction_service_pb2,
)
from learnwire.v1.prediction_service_pb2_grpc import PredictionServiceStub
from learnwire_client import (
    AsyncClient,
    CallError,
    ChannelOptions,
    Client,
    ModelNotFound,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
)
from learnwire_client.inputs import predict_request
from learnwire_client.status import from_status

from tests.access import AccessWriter, Issuer
from tests.conftest import Trained
from tests.end_to_end.test_server import await_event, process
from tests.end_to_end.test_workers import await_that

REFUSED = {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED}
FILES: list[Any] = [
    prediction_service_pb2.DESCRIPTOR,
    model_service_pb2.DESCRIPTOR,
    endpoint_service_pb2.DESCRIPTOR,
    admin_service_pb2.DESCRIPTOR,
    health_pb2.DESCRIPTOR,
    reflection_pb2.DESCRIPTOR,
]
# What each role may call; a new RPC is to be put here, and in the server's own table.
MAY = {
    "predict": {"Predict", "PredictMany", "PredictStream", "Call", "CallStream", "GetModel"},
    "read": {
        *("ListModels", "GetModel", "GetModelStatistics", "GetModelDrift"),
        "GetServerStatistics",
        *("ListEndpoints", "GetEndpointStatistics", "ServerReflectionInfo"),
    },
    "administer": {
        *("ListLoaded", "LoadModel", "UnloadModel", "SetDefaultVersion", "UpdateModel"),
        "Drain",
    },
}
OPEN = {"Check", "Watch"}
PENGUINS = "learnwire.models.penguins.v1.PenguinsService"


def paths() -> list[str]:
    """Give the paths of all methods of all services that the server has."""
    services = [service for file in FILES for service in file.services_by_name.values()]
    fixed = [f"/{one.full_name}/{method.name}" for one in services for method in one.methods]
    later = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
    own = [f"/{PENGUINS}/{name}" for name in ("Predict", "PredictMany", "PredictStream")]
    return [*fixed, later, *own]


@dataclass
class Guarded:
    """A server with an access file, and tokens for it."""

    target: str
    access: AccessWriter
    tokens: dict[str, str]

    def client(self, name: str) -> Client:
        return Client(self.target, options=ChannelOptions(token=self.tokens[name]))


svc = lw.Service("greeter")


@svc.api(input=lw.Text(), output=lw.Text())
def greet(text: str) -> str:
    return f"Hello {text}"


@pytest.fixture(scope="module")
def guarded(
    trained: dict[str, Trained], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Guarded]:
    access = AccessWriter(tmp_path_factory.mktemp("access") / "access.json")
    tokens = {role: access.token(f"the-{role}er", role) for role in MAY}
    tokens["all"] = access.token("all", *MAY)
    tokens["narrow"] = access.token("narrow", *MAY, models=["penguins"])
    tokens["nothing"] = access.token("nothing", *MAY, models=[])
    with lw.serving("penguins", "sentiment", svc, access=str(access.path)) as target:
        yield Guarded(target, access, tokens)


def shown(token: str | None) -> Any:
    """Give the metadata by which a caller shows a token."""
    return None if token is None else (("authorization", f"Bearer {token}"),)


def code_of(target: str, path: str, token: str | None, seconds: float = 20) -> grpc.StatusCode:
    """Call a method with an empty message; give the code that ends it, OK where it goes on."""
    with grpc.insecure_channel(target) as channel:
        method: Any = channel.stream_stream(path)
        call = method(iter([b""]), timeout=seconds, metadata=shown(token))
        try:
            for _ in call:
                if path.endswith("Watch"):
                    return grpc.StatusCode.OK
        except grpc.RpcError as error:
            return error.code()
    return grpc.StatusCode.OK


@pytest.mark.parametrize("role", [*MAY, None])
@pytest.mark.parametrize("path", paths())
def test_each_role_may_call_what_it_allows_and_nothing_else(
    guarded: Guarded, path: str, role: str | None
) -> None:
    code = code_of(guarded.target, path, guarded.tokens[role] if role else None)
    name = path.rpartition("/")[2]
    if name in OPEN or (role and name in MAY[role]):
        assert code not in REFUSED
    else:
        wanted = "PERMISSION_DENIED" if role else "UNAUTHENTICATED"
        assert code.name == wanted


def test_every_method_is_in_the_table_of_this_test() -> None:
    names = {path.rpartition("/")[2] for path in paths()}
    assert names == OPEN.union(*MAY.values())


def test_a_role_gives_the_answers_of_learner_predict(guarded: Guarded, penguins: Trained) -> None:
    with guarded.client("predict") as client:
        for row in penguins.items[:3]:
            label, index, _ = client.predict("penguins", row)
            assert (label, index) == penguins.predict(row)[:2]
        answers = client.predict_many("penguins", penguins.items[:20])
        labels = [one.label for one in answers if not isinstance(one, CallError)]
        assert labels == [penguins.predict(row)[0] for row in penguins.items[:20]]


@pytest.mark.parametrize("token", ["", "lw_", "x" * 4000, "lw_" + "A" * 43, "Bearer lw_", "a.b.c"])
def test_a_token_that_is_none_of_the_files_is_refused(guarded: Guarded, token: str) -> None:
    path = "/learnwire.v1.PredictionService/Predict"
    assert code_of(guarded.target, path, token) == grpc.StatusCode.UNAUTHENTICATED


def test_a_refusal_says_why_in_words_and_in_a_reason(guarded: Guarded) -> None:
    with Client(guarded.target) as client, pytest.raises(Unauthenticated) as missing:
        client.models()
    assert missing.value.reason == "TOKEN_MISSING"
    assert "ChannelOptions(token=...)" in str(missing.value)
    wrong = ChannelOptions(token="lw_wrong")
    with Client(guarded.target, options=wrong) as client, pytest.raises(Unauthenticated) as bad:
        client.models()
    assert bad.value.reason == "TOKEN_INVALID"
    assert "lw_wrong" not in str(bad.value)
    with guarded.client("read") as client, pytest.raises(PermissionDenied) as denied:
        client.predict("penguins", {})
    assert denied.value.reason == "ROLE_MISSING"
    assert str(denied.value) == "the-reader lacks the role predict"


def test_a_token_is_taken_expires_and_is_revoked_while_the_server_runs(guarded: Guarded) -> None:
    access = guarded.access
    past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    old = access.token("rotating", "read")
    expired = access.token("late", "read", expires=past)
    with Client(guarded.target, options=ChannelOptions(token=old)) as client:
        await_that(lambda: can_read(client), "a token that was added")
        with Client(guarded.target, options=ChannelOptions(token=expired)) as late:
            with pytest.raises(Unauthenticated, match="expired") as error:
                late.models()
            assert error.value.reason == "TOKEN_EXPIRED"
        new = access.token("rotating", "read")
        with Client(guarded.target, options=ChannelOptions(token=new)) as renewed:
            await_that(lambda: can_read(renewed), "the new token")
            assert can_read(client), "both tokens hold until the old one is taken out"
            access.remove("rotating")
            await_that(lambda: not can_read(renewed), "revoked")
        assert not can_read(client)


def can_read(client: Client) -> bool:
    try:
        client.models()
    except Unauthenticated:
        return False
    return True


def test_a_file_that_no_longer_reads_changes_nothing(guarded: Guarded) -> None:
    token = guarded.access.token("steady", "read")
    with Client(guarded.target, options=ChannelOptions(token=token)) as client:
        await_that(lambda: can_read(client), "a token that was added")
        good = guarded.access.path.read_text()
        guarded.access.path.write_text('{"identities": [{"name"')
        other = guarded.access.path.with_suffix(".seen")
        other.write_text(good)
        assert all(can_read(client) for _ in range(3))
        other.replace(guarded.access.path)
        assert can_read(client)


def test_a_stream_ends_when_its_token_is_revoked(guarded: Guarded, penguins: Trained) -> None:
    token = guarded.access.token("streaming", "predict")
    with Client(guarded.target, options=ChannelOptions(token=token)) as client:

        def rows() -> Iterator[Any]:
            yield penguins.items[0]
            guarded.access.remove("streaming")
            end = time.monotonic() + 30
            while time.monotonic() < end:
                yield penguins.items[0]
                time.sleep(0.01)

        await_that(lambda: can_predict(client, penguins.items[0]), "a token that was added")
        with pytest.raises(Unauthenticated):
            list(client.predict_stream("penguins", rows()))


def can_predict(client: Client, row: Any) -> bool:
    try:
        client.predict("penguins", row)
    except Unauthenticated:
        return False
    return True


def test_models_that_do_not_exist_for_a_caller_are_as_if_they_were_not_there(
    guarded: Guarded, trained: dict[str, Trained]
) -> None:
    with guarded.client("narrow") as client:
        assert [model.name for model in client.models()] == ["penguins"]
        assert client.endpoints() == []
        only = client.predict("", trained["penguins"].items[0])
        assert only.model == "penguins"
        for ask in (client.model, client.statistics, lambda name: client.predict(name, "Fine!")):
            hidden, absent = problem(ask, "sentiment"), problem(ask, "nothing")
            assert isinstance(hidden, ModelNotFound)
            assert str(hidden).replace("sentiment", "nothing") == str(absent)
        hidden, absent = (problem(client.call, name, "you") for name in ("greet", "nothing"))
        assert str(hidden).replace("greet", "nothing") == str(absent)
        hidden, absent = (problem(client.endpoint_statistics, one) for one in ("greet", "nothing"))
        assert str(hidden).replace("greet", "nothing") == str(absent)
    with guarded.client("all") as client:
        assert [model.name for model in client.models()] == ["penguins", "sentiment"]
        assert client.call("greet", "you") == "Hello you"


def problem(ask: Any, *arguments: Any) -> CallError:
    with pytest.raises(CallError) as error:
        ask(*arguments)
    return error.value


def test_contracts_health_and_reflection_hide_what_does_not_exist_for_a_caller(
    guarded: Guarded,
) -> None:
    hidden, absent = "Sentiment", "Nothing"
    told = {}
    for name in (hidden, absent):
        for method in ("Predict", "Unknown"):
            path = f"/learnwire.models.{name.lower()}.v1.{name}Service/{method}"
            told[name, method] = refusal(guarded, path)
    for method in ("Predict", "Unknown"):
        assert told[hidden, method].replace(hidden.lower(), absent.lower()) == told[absent, method]
    assert health(guarded, "narrow", "penguins") == "SERVING"
    for name in ("sentiment", "learnwire.models.sentiment.v1.SentimentService", "greeter", "no"):
        assert health(guarded, "narrow", name) == "NOT_FOUND"
        assert health(guarded, None, name) == "UNAUTHENTICATED"
    assert health(guarded, "all", "greeter") == "SERVING"
    for name in ("", "liveness"):
        assert health(guarded, None, name) == "SERVING"
    assert PENGUINS in services(guarded, "narrow")
    assert not any("sentiment" in name for name in services(guarded, "narrow"))
    assert any("sentiment" in name for name in services(guarded, "all"))


def refusal(guarded: Guarded, path: str) -> str:
    with grpc.insecure_channel(guarded.target) as channel:
        method: Any = channel.unary_unary(path)
        with pytest.raises(grpc.RpcError) as error:
            method(b"", metadata=shown(guarded.tokens["narrow"]), timeout=20)
        return f"{error.value.code().name} {error.value.details()}"


def health(guarded: Guarded, name: str | None, service: str) -> str:
    metadata = shown(guarded.tokens[name] if name else None)
    with grpc.insecure_channel(guarded.target) as channel:
        method: Any = channel.unary_unary("/grpc.health.v1.Health/Check")
        request = health_pb2.HealthCheckRequest(service=service).SerializeToString()
        try:
            answer = method(request, metadata=metadata, timeout=20)
        except grpc.RpcError as error:
            return error.code().name
    status = health_pb2.HealthCheckResponse.FromString(answer).status
    return health_pb2.HealthCheckResponse.ServingStatus.Name(status)


def services(guarded: Guarded, name: str) -> list[str]:
    with grpc.insecure_channel(guarded.target) as channel:
        method = channel.stream_stream(
            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
            reflection_pb2.ServerReflectionRequest.SerializeToString,
            reflection_pb2.ServerReflectionResponse.FromString,
        )
        metadata = shown(guarded.tokens[name])
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        (answer,) = method(iter([request]), metadata=metadata, timeout=20)
        return [one.name for one in answer.list_services_response.service]


def test_nobody_reflects_where_it_is_turned_off(trained: dict[str, Trained]) -> None:
    with lw.serving("penguins", reflection=False) as target:
        path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
        assert code_of(target, path, None) == grpc.StatusCode.UNIMPLEMENTED


def test_a_caller_reaches_the_quota_and_the_others_do_not(guarded: Guarded) -> None:
    slow = guarded.access.token("slow", "read", requests_per_second=0.01)
    with Client(guarded.target, options=ChannelOptions(token=slow)) as client:
        await_that(lambda: quota_of_one(client), "a token that was added")
        with pytest.raises(ResourceExhausted, match=r"more than 0\.01 requests a second") as error:
            client.models()
        assert error.value.reason == "QUOTA_REACHED"
        assert 90 < (error.value.retry_after or 0) <= 100
    with guarded.client("read") as other:
        assert other.models()


@pytest.mark.parametrize("quota", [{"requests_per_second": 5}, {"in_flight": 5}])
def test_items_that_share_a_stream_reach_the_quota_as_lone_calls_do(
    guarded: Guarded, penguins: Trained, quota: dict[str, int]
) -> None:
    (limit,) = quota
    token = guarded.access.token(f"shared-{limit}", "predict", "read", **quota)
    with Client(guarded.target, options=ChannelOptions(token=token)) as client:
        await_that(lambda: quota_of_one(client), "a token that was added")
    one = predict_request("penguins", penguins.items[0])
    items = [
        prediction_service_pb2.PredictStreamItem(id=str(i), request=one) for i in range(10_000)
    ]
    together = prediction_service_pb2.PredictStreamRequest(items=items)
    with grpc.insecure_channel(guarded.target) as channel:
        stub = PredictionServiceStub(channel)
        call = stub.PredictStream(iter([together]), metadata=shown(token))
        results = [result for response in call for result in response.results]
    refused = [result.status for result in results if result.HasField("status")]
    assert 0 < len(refused) <= len(items) - 5
    assert len(items) == len(results)
    for status in refused:
        error = from_status(status)
        assert (error.code, error.reason) == (
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            "QUOTA_REACHED",
        )
        assert 0 < (error.retry_after or 0) <= 1


def quota_of_one(client: Client) -> bool:
    try:
        client.models()
    except Unauthenticated:
        return False  # the file has not been read anew
    return True


def test_a_token_never_goes_through_a_network_in_plain_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options = ChannelOptions(token="lw_secret")
    assert "lw_secret" not in repr(options)
    for make in (Client, AsyncClient):
        with pytest.raises(ValueError, match="plain text"):
            make("models.example:443", options=options)
    monkeypatch.setenv("LEARNWIRE_TOKEN", "lw_secret")
    with pytest.raises(ValueError, match="plain text"):
        Client("10.1.2.3:50051")
    with pytest.raises(ValueError, match="printable"):
        ChannelOptions(token="lw_\nx")
    # What gRPC refuses it shows, and with it the token.
    monkeypatch.setenv("LEARNWIRE_TOKEN", "lw_sec\nret")
    with pytest.raises(ValueError, match="LEARNWIRE_TOKEN: expected printable ASCII"):
        Client("localhost:50051")


def test_the_token_of_the_environment_is_sent(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch, penguins: Trained
) -> None:
    # As it comes of a file that ends with the end of a line.
    monkeypatch.setenv("LEARNWIRE_TOKEN", guarded.tokens["predict"] + "\n")

    async def ask() -> str:
        async with AsyncClient(guarded.target) as client:
            streamed = [one async for one in client.predict_stream("penguins", penguins.items[:3])]
            assert len(streamed) == 3
            return str((await client.predict("penguins", penguins.items[0])).label)

    with Client(guarded.target) as client:
        label = str(client.predict("penguins", penguins.items[0]).label)
    assert asyncio.run(ask()) == label == penguins.predict(penguins.items[0])[0]


@contextmanager
def issued(folder: Path, issuer: Issuer, **more: Any) -> Iterator[str]:
    keys = folder / "keys.json"
    issuer.publish(keys)
    with lw.serving(
        "penguins",
        jwt_keys=str(keys),
        jwt_issuer=issuer.name,
        jwt_audience=issuer.audience,
        jwt_leeway=1,
        **more,
    ) as target:
        yield target


def test_web_tokens_are_taken_by_issuer_audience_time_and_key(
    trained: dict[str, Trained], tmp_path: Path
) -> None:
    issuer, stranger = Issuer(), Issuer()
    access = AccessWriter(tmp_path / "access.json")
    access.add("Bob", "read", subject="bob@issuer.test")
    now = time.time()
    wrong = {
        "expired": issuer.token(exp=now - 60),
        "not yet valid": issuer.token(nbf=now + 60),
        "of another audience": issuer.token(aud="others"),
        "by another issuer": issuer.token(iss="https://else.test"),
        "without an end": issuer.token(exp=None),
        "without a subject": issuer.token(sub=None),
        "of another key": stranger.token(),
        "without a signature": unsigned(issuer),
        "signed by the public key": confused(issuer),
        "with another body": swapped(issuer),
    }
    predict = "/learnwire.v1.PredictionService/Predict"
    read = "/learnwire.v1.ModelService/ListModels"
    with issued(tmp_path, issuer, access=str(access.path)) as target:
        for why, token in wrong.items():
            assert code_of(target, predict, token) == grpc.StatusCode.UNAUTHENTICATED, why
        assert code_of(target, predict, issuer.token()) not in REFUSED
        assert code_of(target, read, issuer.token()) == grpc.StatusCode.PERMISSION_DENIED
        none = issuer.token(learnwire_roles=None)
        assert code_of(target, read, none) == grpc.StatusCode.PERMISSION_DENIED
        bob = issuer.token(sub="bob@issuer.test", learnwire_roles=["administer", "predict"])
        assert code_of(target, read, bob) not in REFUSED
        assert code_of(target, predict, bob) == grpc.StatusCode.PERMISSION_DENIED
        other = issuer.token(learnwire_roles="read predict", learnwire_models=["sentiment"])
        with Client(target, options=ChannelOptions(token=other)) as client:
            assert client.models() == []


def test_keys_of_web_tokens_rotate_while_the_server_runs(
    trained: dict[str, Trained], tmp_path: Path
) -> None:
    old, new = Issuer("old"), Issuer("new", kind="RSA")
    path = "/learnwire.v1.PredictionService/Predict"
    with issued(tmp_path, old) as target:
        assert code_of(target, path, new.token()) == grpc.StatusCode.UNAUTHENTICATED
        old.publish(tmp_path / "keys.json", new)
        await_that(lambda: code_of(target, path, new.token()) not in REFUSED, "the new key")
        assert code_of(target, path, old.token()) not in REFUSED
        kept = old.token()
        new.publish(tmp_path / "keys.json")
        await_that(lambda: code_of(target, path, kept) in REFUSED, "the old key gone")


def unsigned(issuer: Issuer) -> str:
    _, body, _ = issuer.token().split(".")
    none = json.dumps({"alg": "none", "typ": "JWT", "kid": issuer.kid}).encode()
    return f"{base64.urlsafe_b64encode(none).rstrip(b'=').decode()}.{body}."


def confused(issuer: Issuer) -> str:
    """Sign by the public key as if it were a secret."""
    head = json.dumps({"alg": "HS256", "typ": "JWT", "kid": issuer.kid}).encode()
    header = base64.urlsafe_b64encode(head).rstrip(b"=").decode()
    signed = f"{header}.{issuer.token().split('.')[1]}"
    public = issuer.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signature = hmac.new(public, signed.encode(), sha256).digest()
    return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def swapped(issuer: Issuer) -> str:
    header, _, signature = issuer.token().split(".")
    return f"{header}.{issuer.token(sub='mallory').split('.')[1]}.{signature}"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "Expecting property name"),
        ('{"identities": [{"name": "a", "roles": ["predict"]}]}', "token_sha256, certificate"),
        ('{"identities": [{"name": "a", "roles": ["fly"], "subject": "b"}]}', "identities.0.roles"),
        ('{"identities": [{"name": "a", "roles": [], "subject": "b"}]}', "identities.0.roles"),
        ('{"identities": [{"name": "a\\n", "roles": ["read"], "subject": "b"}]}', "letters"),
        (
            '{"identities": [{"name": "a", "roles": ["read"], "subject": "b", "models": ["m:v"]}]}',
            "identities.0.models: expected names without versions, got m:v",
        ),
        ('{"tokens": []}', "tokens: Extra inputs"),
        (None, "No such file; learnwire token new NAME --file"),
    ],
)
def test_an_access_file_that_is_none_is_told_at_start(
    trained: dict[str, Trained], tmp_path: Path, text: str | None, problem: str
) -> None:
    path = tmp_path / "access.json"
    if text is not None:
        path.write_text(text)
    with (
        pytest.raises(lw.LearnwireError, match=problem) as error,
        lw.serving("penguins", access=str(path)),
    ):
        pass
    assert str(path) in str(error.value)


def test_the_log_names_who_called_and_never_what_was_shown(
    trained: dict[str, Trained], tmp_path: Path
) -> None:
    access = AccessWriter(tmp_path / "access.json")
    token = access.token("shop", "predict")
    wrong = "lw_" + "B" * 43
    with process("penguins", "--port", "0", "--access", str(access.path)) as server:
        target = str(await_event(server, "serving")["target"])
        for shown in (token, wrong):
            code_of(target, "/learnwire.v1.ModelService/ListModels", shown)
        lines = [await_event(server, "call") for _ in range(2)]
    assert [(one["code"], one.get("identity")) for one in lines] == [
        ("PERMISSION_DENIED", "shop"),
        ("UNAUTHENTICATED", None),
    ]
    assert not any(shown in str(lines) for shown in (token, wrong))
