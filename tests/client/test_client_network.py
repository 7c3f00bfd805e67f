"""Where a client's connections lead, and how soon they lead there again."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import grpc
import pytest
import trustme
from learnwire_client import AsyncClient, CallError, ChannelOptions, Client, Unavailable
from learnwire_client.hints import told
from learnwire_client.proxies import check_target, is_local, proxy_of

from .relay import relay_to
from .serving import nobody, serving, single_label

ONCE = ChannelOptions(retries=0)
CA, OTHER_CA = trustme.CA(), trustme.CA()
LONG_AGO, FAR_OFF = datetime(2020, 1, 1, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC)

Ask: TypeAlias = Callable[[str, ChannelOptions], str]


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("grpc_proxy", "https_proxy", "http_proxy", "no_grpc_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


def tls(*names: str, **more: Any) -> grpc.ServerCredentials:
    """Give a server's side of TLS, with a certificate for these names."""
    return grpc.ssl_server_credentials([pair(CA.issue_cert(*names, **more))])


def pair(certificate: trustme.LeafCert) -> tuple[bytes, bytes]:
    """Give its private key and its chain."""
    chain = b"".join(pem.bytes() for pem in certificate.cert_chain_pems)
    return certificate.private_key_pem.bytes(), chain


MUTUAL = grpc.ssl_server_credentials(
    [pair(CA.issue_cert("127.0.0.1"))], CA.cert_pem.bytes(), require_client_auth=True
)


def trusting(ca: trustme.CA, shown: trustme.LeafCert | None = None) -> ChannelOptions:
    """Give the options of a client that trusts this root, and shows a certificate."""
    key, certificate = pair(shown) if shown else (None, None)
    roots = ca.cert_pem.bytes()
    return ChannelOptions(tls=roots, certificate=certificate, private_key=key, retries=0)


def ask(target: str, options: ChannelOptions) -> str:
    with Client(target, options=options) as client:
        return str(client.predict("m", "text").label)


def ask_async(target: str, options: ChannelOptions) -> str:
    async def predict() -> str:
        async with AsyncClient(target, options=options) as client:
            return str((await client.predict("m", "text")).label)

    return asyncio.run(predict())


@contextmanager
def called(label: str) -> Iterator[str]:
    """Serve answers of that label."""
    with serving(lambda request, context: single_label(label)) as target:
        yield target


def test_calls_go_to_all_addresses_of_a_target_in_turn() -> None:
    with (
        called("a") as one,
        called("b") as other,
        nobody() as third,
        Client(f"ipv4:{one},{other},{third}") as client,
    ):
        for label in "ab":
            while client.predict("m", "text").label != label:
                pass
        labels = [client.predict("m", "text").label for _ in range(10)]
    assert labels.count("a") == labels.count("b") == 5


@pytest.mark.slow
def test_a_server_that_comes_back_is_found_by_old_and_new_clients_alike() -> None:
    """What grew while it was away would show: gRPC's own pause is 6 s after as many."""
    with serving() as target, relay_to(target) as relay, Client(relay.target) as client:
        assert client.predict("m", "text").label == "yes"
        relay.refused = 2**30
        relay.cut()
        start = time.monotonic()
        while time.monotonic() - start < 6:
            with pytest.raises(Unavailable):
                client.predict("m", "text")
        relay.refused = 0
        seen = relay.connections
        with Client(relay.target) as newcomer:
            assert newcomer.predict("m", "text").label == "yes"
        assert client.predict("m", "text").label == "yes"
        # Each has a connection of its own.
        assert relay.connections - seen == 2


@pytest.mark.slow
def test_pauses_between_tries_to_connect_do_not_grow() -> None:
    with serving() as target, relay_to(target, refused=2**30) as relay:
        options = ChannelOptions(wait_for_ready=True)
        with (
            Client(relay.target, timeout=6, options=options) as client,
            pytest.raises(CallError),
        ):
            client.predict("m", "text")
        # gRPC's own are 1, 1.6 and 2.6 s, and up to two minutes.
        assert relay.connections >= 5


@pytest.mark.parametrize(
    ("target", "local"),
    [
        ("localhost:50051", True),
        ("LOCALHOST:50051", True),
        ("a.localhost:1", True),
        ("127.0.0.1:50051", True),
        ("127.3.2.1:50051", True),
        ("0.0.0.0:50051", True),
        ("[::1]:50051", True),
        ("[::ffff:127.0.0.1]:50051", True),
        ("ipv4:127.0.0.1:1,127.0.0.1:2", True),
        ("ipv4:127.0.0.1:1,10.0.0.1:2", False),
        ("ipv6:[::1]:1", True),
        ("dns:///localhost:50051", True),
        ("dns:localhost:50051", True),
        ("dns://10.0.0.1/models:50051", False),
        ("unix:/run/learnwire.sock", True),
        ("unix:///run/learnwire.sock", True),
        ("unix-abstract:learnwire", True),
        ("models:50051", False),
        ("models", False),
        ("mylocalhost:50051", False),
        ("dns://10.0.0.1/localhost:50051", False),
        ("xds:///localhost:50051", False),
        ("10.0.0.1:50051", False),
        ("[2001:db8::1]:50051", False),
    ],
)
def test_loopback_and_unix_targets_have_no_proxy(
    target: str, local: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://me:secret@proxy:3128")
    assert is_local(target) is local
    assert proxy_of(target) == (None if local else "http_proxy=http://proxy:3128")


@pytest.mark.parametrize("client", [Client, AsyncClient])
@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("localhost", 'expected HOST:PORT such as localhost:50051, got "localhost"; 50051 is'),
        ("dns:///models.internal", "expected HOST:PORT"),
        ("10.0.0.1", "expected HOST:PORT"),
        ("::1", "expected HOST:PORT"),
        ("ipv6:[::1]", "expected HOST:PORT"),
        ("ipv4:10.0.0.1:50051,10.0.0.2", "expected HOST:PORT"),
        ("localhost:", "expected HOST:PORT"),
        ("", "expected HOST:PORT"),
        ("http://localhost:50051", 'expected HOST:PORT without "http://"'),
    ],
)
def test_a_target_without_a_port_is_refused_before_anything_is_asked(
    client: type, target: str, problem: str
) -> None:
    # gRPC would ask port 443 of that host.
    with pytest.raises(ValueError, match=f"target: {problem}"):
        client(target)


@pytest.mark.parametrize(
    "target",
    [
        *("localhost:50051", "[::1]:50051", "dns:///models:50051", "dns://10.0.0.1/models:50051"),
        *("ipv4:10.0.0.1:50051,10.0.0.2:50051", "unix:/run/learnwire.sock", "xds:///models"),
        *("unix-abstract:learnwire", "passthrough:///models"),
    ],
)
def test_any_other_target_of_grpc_is_taken(target: str) -> None:
    check_target(target)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "ipv4:127.0.0.1"])
def test_a_server_on_this_machine_is_reached_past_a_proxy(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with nobody() as dead, serving() as target:
        monkeypatch.setenv("http_proxy", f"http://{dead}")
        with Client(target.replace("127.0.0.1", host)) as client:
            assert client.predict("m", "text").label == "yes"


def test_an_error_names_the_proxy_that_the_call_went_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with nobody() as dead:
        monkeypatch.setenv("https_proxy", f"http://me:secret@{dead}")
        with (
            Client("10.255.255.1:50051", options=ONCE) as client,
            pytest.raises(
                Unavailable, match=f"proxy https_proxy=http://{dead}; .*no_proxy"
            ) as told,
        ):
            client.predict("m", "text")
    assert "secret" not in str(told.value)


def test_a_target_excepted_from_the_proxy_does_not_name_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy:3128")
    monkeypatch.setenv("no_proxy", "example.org, .internal")
    assert proxy_of("models.internal:50051") is None
    assert proxy_of("example.org:50051") is None
    assert proxy_of("models:50051") == "http_proxy=http://proxy:3128"


@pytest.mark.parametrize(
    ("credentials", "options", "told"),
    [
        (tls("127.0.0.1"), trusting(OTHER_CA), "no root that is trusted here .*--tls-ca"),
        (tls("127.0.0.1"), ChannelOptions(tls=True, retries=0), "no root that is trusted here"),
        (tls("elsewhere"), trusting(CA), "for other names: connect to one of those"),
        (tls("127.0.0.1", not_after=LONG_AGO), trusting(CA), "of another time: have it renewed"),
        (tls("127.0.0.1", not_before=FAR_OFF), trusting(CA), "of another time: .*the clock"),
        (None, trusting(CA), "speaks no TLS: leave tls= .* out"),
        (tls("127.0.0.1"), ONCE, "If it speaks TLS, give tls= of the ChannelOptions"),
        (MUTUAL, trusting(CA), "certificate= with one that it trusts"),
    ],
    ids=[
        "root",
        "usual roots",
        "name",
        "expired",
        "not yet valid",
        "server without",
        "client without",
        "mutual",
    ],
)
@pytest.mark.parametrize("ask", [ask, ask_async], ids=["sync", "async"])
def test_a_failure_of_tls_says_what_failed_and_what_to_do(
    ask: Ask, credentials: Any, options: ChannelOptions, told: str
) -> None:
    with (
        serving(credentials=credentials) as target,
        pytest.raises(Unavailable, match=told),
    ):
        ask(target, options)


@pytest.mark.parametrize("ask", [ask, ask_async], ids=["sync", "async"])
def test_a_client_is_known_by_its_certificate(ask: Ask) -> None:
    with serving(credentials=MUTUAL) as target:
        assert ask(target, trusting(CA, CA.issue_cert("client.example.org"))) == "yes"
        with pytest.raises(Unavailable, match="certificate= with one that it trusts"):
            ask(target, trusting(CA, OTHER_CA.issue_cert("client.example.org")))


@pytest.mark.skipif(
    tuple(map(int, grpc.__version__.split(".")[:2])) < (1, 80), reason="older ones are silent on it"
)
def test_a_key_that_is_not_the_certificates_is_told() -> None:
    mine, other = CA.issue_cert("client.example.org"), CA.issue_cert("client.example.org")
    mixed = replace(trusting(CA, mine), private_key=other.private_key_pem.bytes())
    with (
        serving(credentials=MUTUAL) as target,
        pytest.raises(Unavailable, match="do not read, or do not go together"),
    ):
        ask(target, mixed)


@pytest.mark.parametrize("ask", [ask, ask_async], ids=["sync", "async"])
def test_a_connection_whose_bytes_are_changed_is_lost_like_any_other(ask: Ask) -> None:
    asked = list[int]()

    def predict(request: Any, context: Any) -> Any:
        asked.append(relay.connections)
        return single_label()

    def change(data: bytes) -> bytes:
        """Change what follows the first and the second call, on their connections."""
        return data[:-1] + bytes([data[-1] ^ (relay.connections in asked[:2])])

    with (
        serving(predict, credentials=tls("127.0.0.1")) as target,
        relay_to(target) as relay,
    ):
        relay.through = change
        with pytest.raises(Unavailable):
            ask(relay.target, trusting(CA))
        assert ask(relay.target, replace(trusting(CA), retries=3, retry_lost=True)) == "yes"
    assert len(set(asked)) == len(asked) == 3


def test_it_is_told_that_bytes_were_changed() -> None:
    # As gRPC says it, with a code that means nothing: UNKNOWN.
    details = "Stream removed (Unwrap failed (TSI_DATA_CORRUPTED))"
    said = told(grpc.StatusCode.UNAVAILABLE, details, "far:50051")
    assert "what came from far:50051 is not what was sent" in said


def test_a_server_that_is_not_there_is_no_failure_of_tls() -> None:
    options = ChannelOptions(tls=CA.cert_pem.bytes(), retries=0)
    with (
        nobody() as target,
        Client(target, options=options) as client,
        pytest.raises(Unavailable, match=f"no server answers at {target}"),
    ):
        client.predict("m", "text")


def test_a_socket_that_is_not_there_is_told_with_its_path(tmp_path: Path) -> None:
    target = f"unix:{tmp_path / 'learnwire.sock'}"
    with (
        Client(target, options=ONCE) as client,
        pytest.raises(Unavailable, match=f"no server answers at {target}: start one"),
    ):
        client.predict("m", "text")


def test_a_host_that_nobody_knows_is_told_as_such() -> None:
    # As gRPC says it; what looks up names differs from machine to machine.
    details = "errors resolving nowhere:50051: [field:hostname lookup error:address lookup failed]"
    said = told(grpc.StatusCode.UNAVAILABLE, details, "nowhere:50051")
    assert said.startswith("the name of the host in nowhere:50051 leads to no address")
