"""TLS on real sockets, with real certificates: who is let in, who is not, and what is renewed."""

import asyncio
import json
import logging
import re
import shlex
import signal
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

import grpc
import learnwire_service as lw
import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric.ec import SECP521R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from learnwire_client import AsyncClient, ChannelOptions, Client, Unavailable
from learnwire_service.cli.main import app
from learnwire_service.common.errors import BadFile
from learnwire_service.common.ports import is_local
from learnwire_service.common.settings import ServerSettings
from learnwire_service.rpc.credentials import credentials_of
from learnwire_service.workers.port import held, listening
from typer.main import get_command
from typer.testing import CliRunner

from tests.certificates import HERE, Files, issued, trusting
from tests.conftest import Trained
from tests.end_to_end.test_cli import learnwire
from tests.end_to_end.test_grpcurl import GRPCURL
from tests.end_to_end.test_server import await_event, process
from tests.end_to_end.test_workers import await_that, supervised

CA, OTHER_CA = trustme.CA(), trustme.CA()
CALLER = CA.issue_cert("caller.example.org", common_name="caller")
ONCE = ChannelOptions(retries=0)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
PATIENCE = 60
UNASKED = "give --tls-cert and --tls-key, or, where .* is trusted, --insecure"

echoing = lw.Service("echoing")


@echoing.api(input=lw.Text(), output=lw.Text())
async def echo(text: str) -> str:
    return text


def settings_of(**chosen: Any) -> ServerSettings:
    return ServerSettings(**chosen)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """A server's certificate, and the root of its clients'."""
    made = Files(tmp_path)
    made.keep(CA.issue_cert(*HERE))
    made.trust(CA)
    return made


@pytest.fixture
def echoing_file(tmp_path: Path) -> str:
    """Where a process finds a service as `echoing` is."""
    path = tmp_path / "echoing.py"
    path.write_text(
        "import learnwire_service as lw\n"
        "svc = lw.Service('echoing')\n"
        "@svc.api(input=lw.Text(), output=lw.Text())\n"
        "async def echo(text: str) -> str:\n"
        "    return text\n"
    )
    return f"{path}:svc"


def ask(target: str, options: ChannelOptions) -> str:
    with Client(target, options=options) as client:
        return str(client.call("echo", "a"))


def ask_async(target: str, options: ChannelOptions) -> str:
    async def call() -> str:
        async with AsyncClient(target, options=options) as client:
            return str(await client.call("echo", "a"))

    return asyncio.run(call())


@pytest.mark.parametrize("ask", [ask, ask_async], ids=["sync", "async"])
@pytest.mark.parametrize("mutual", [False, True], ids=["tls", "mutual"])
def test_those_who_trust_the_server_and_are_trusted_are_answered(
    mutual: bool, ask: Callable[[str, ChannelOptions], str], files: Files
) -> None:
    options = trusting(CA, shown=CALLER if mutual else None)
    with lw.serving(echoing, **files.server(mutual=mutual)) as target:
        assert ask(target, options) == "a"
        assert ask(target.replace("127.0.0.1", "localhost"), options) == "a"


@pytest.mark.parametrize(
    ("shown", "options"),
    [
        (CA.issue_cert(*HERE), ONCE),
        (CA.issue_cert(*HERE), ChannelOptions(tls=True, retries=0)),
        (CA.issue_cert(*HERE), trusting(OTHER_CA)),
        (CA.issue_cert("elsewhere.example.org"), trusting(CA)),
        (CA.issue_cert(*HERE, not_after=LONG_AGO), trusting(CA)),
    ],
    ids=["plain text", "the usual roots", "another root", "another name", "expired"],
)
def test_a_client_leaves_a_server_that_it_does_not_trust(
    shown: trustme.LeafCert, options: ChannelOptions, files: Files
) -> None:
    files.keep(shown)
    with (
        lw.serving(echoing, **files.server()) as target,
        pytest.raises(Unavailable, match="server"),
    ):
        ask(target, options)


@pytest.mark.parametrize(
    "options",
    [
        ONCE,
        trusting(CA),
        trusting(CA, shown=OTHER_CA.issue_cert("caller.example.org")),
        trusting(CA, shown=CA.issue_cert("caller.example.org", not_after=LONG_AGO)),
    ],
    ids=["plain text", "none", "another root", "expired"],
)
def test_a_server_refuses_a_client_without_a_certificate_that_it_trusts(
    options: ChannelOptions, files: Files
) -> None:
    with (
        lw.serving(echoing, **files.server(mutual=True)) as target,
        pytest.raises(Unavailable, match="certificate= with one that it trusts"),
    ):
        ask(target, options)


@pytest.mark.parametrize(
    ("caller", "names"),
    [
        (CALLER, b"caller caller.example.org"),
        (issued(CA, "me", "spiffe://example.org/me"), b"me spiffe://example.org/me"),
    ],
    ids=["DNS", "SPIFFE"],
)
def test_a_servicer_sees_whom_mutual_tls_let_in(
    caller: trustme.LeafCert, names: bytes, files: Files
) -> None:
    settings = settings_of(**files.server(mutual=True))

    async def tell(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        seen = context.auth_context()
        return b" ".join([*seen["x509_common_name"], *seen["x509_subject_alternative_name"]])

    async def serve() -> Any:
        server = grpc.aio.server()
        methods: dict[str, Any] = {"Tell": grpc.unary_unary_rpc_method_handler(tell)}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("seen", methods),))
        credentials = credentials_of(settings)
        assert credentials is not None
        port = server.add_secure_port("127.0.0.1:0", credentials)
        await server.start()
        options = trusting(CA, shown=caller)
        assert isinstance(options.tls, bytes)
        shown = grpc.ssl_channel_credentials(options.tls, options.private_key, options.certificate)
        try:
            async with grpc.aio.secure_channel(f"localhost:{port}", shown) as channel:
                call: Any = channel.unary_unary("/seen/Tell")
                return await call(b"")
        finally:
            await server.stop(None)

    assert asyncio.run(serve()) == names


def test_a_certificate_with_a_common_name_alone_lets_in(files: Files) -> None:
    """As `openssl req -subj /CN=me` makes it."""
    with lw.serving(echoing, **files.server(mutual=True)) as target:
        assert ask(target, trusting(CA, shown=CA.issue_cert(common_name="me"))) == "a"


def test_grpcurl_is_let_in_with_a_certificate(files: Files, tmp_path: Path) -> None:
    own = Files(tmp_path / "own")
    own.cert.parent.mkdir()
    own.keep(CALLER)

    def grpcurl(target: str, *flags: object) -> "subprocess.CompletedProcess[str]":
        asked = ["-d", '{"endpoint": "echo", "input": {"text": {"content": "a"}}}']
        command = [GRPCURL, *map(str, flags), *asked, target, "learnwire.v1.EndpointService/Call"]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    with lw.serving(echoing, **files.server(mutual=True)) as target:
        known = grpcurl(target, "-cacert", files.ca, "-cert", own.cert, "-key", own.key)
        assert json.loads(known.stdout)["output"]["text"]["content"] == "a", known.stderr
        assert grpcurl(target, "-cacert", files.ca, "-connect-timeout", 1).returncode != 0
        assert grpcurl(target, "-plaintext", "-connect-timeout", 1).returncode != 0


COMMANDS = [
    ["stats", "echo"],
    ["health", "echoing"],
    ["endpoints"],
    ["call", "echo", "a"],
    ["predict", "nobody", "--text", "a"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=[command[0] for command in COMMANDS])
def test_commands_reach_a_server_over_mutual_tls(
    command: list[str], files: Files, tmp_path: Path
) -> None:
    own = Files(tmp_path / "own")
    own.cert.parent.mkdir()
    own.keep(CALLER)
    shown = ["--client-cert", str(own.cert), "--client-key", str(own.key)]
    with lw.serving(echoing, **files.server(mutual=True)) as target:
        there = [*command, "--target", target]
        done = CliRunner().invoke(app, [*there, "--tls-ca", str(files.ca), *shown])
        variables = {
            "LEARNWIRE_TLS_CA": str(files.ca),
            "LEARNWIRE_CLIENT_CERT": str(own.cert),
            "LEARNWIRE_CLIENT_KEY": str(own.key),
        }
        same = CliRunner().invoke(app, there, env=variables)
    # The server has no model to predict with, and says so.
    assert done.exit_code == (1 if command[0] == "predict" else 0), done.output
    assert same.exit_code == done.exit_code
    assert ("no model" in done.output) is (command[0] == "predict")


def test_a_command_that_trusts_only_the_usual_roots_says_what_to_give(files: Files) -> None:
    with lw.serving(echoing, **files.server()) as target:
        refused = CliRunner().invoke(app, ["health", "--tls", "--target", target])
    assert refused.exit_code == 1
    assert "no root that is trusted here" in refused.output
    assert "--tls-ca" in refused.output


def test_all_commands_that_ask_a_server_take_the_same_flags() -> None:
    group: Any = get_command(app)
    commands = {
        name: {flag for one in command.params for flag in one.opts}
        for name, command in group.commands.items()
    }
    asking = {name: flags for name, flags in commands.items() if "--target" in flags}
    assert set(asking) == {command[0] for command in COMMANDS}
    for flags in asking.values():
        assert {"--tls", "--tls-ca", "--client-cert", "--client-key"} <= flags


def test_a_wrong_file_of_a_command_is_told_with_its_flag(tmp_path: Path) -> None:
    odd = tmp_path / "odd.pem"
    odd.write_text("odd")
    for flags, problem in (
        (["--tls-ca", str(odd)], "--tls-ca"),
        (["--tls-ca", str(tmp_path / "nowhere")], "does not exist"),
        (["--client-cert", str(odd)], "expected both or neither"),
    ):
        done = CliRunner().invoke(app, ["endpoints", *flags], env={"COLUMNS": "300"})
        assert done.exit_code == 2
        assert problem in done.output


def test_a_model_of_the_store_is_asked_whatever_the_variables_say(
    trained: dict[str, Trained], files: Files
) -> None:
    variables = {
        "LEARNWIRE_TLS_CERT": str(files.cert),
        "LEARNWIRE_TLS_KEY": str(files.key),
        "LEARNWIRE_HOST": "0.0.0.0",
        "LEARNWIRE_TLS": "1",
    }
    asked = ["predict", "sentiment", "--text", "A warm film."]
    done = CliRunner().invoke(app, asked, env=variables)
    assert done.exit_code == 0, done.output


def number_shown(target: str, *authorities: trustme.CA) -> int:
    """Shake hands, and give the number of the certificate that the server shows."""
    from cryptography.x509 import load_der_x509_certificate

    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH)
    for one in authorities:
        one.configure_trust(context)
    CALLER.configure_cert(context)
    context.set_alpn_protocols(["h2"])
    host, _, port = target.rpartition(":")
    with (
        socket.create_connection((host, int(port)), timeout=PATIENCE) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        shown = connection.getpeercert(binary_form=True)
        assert shown is not None
        return load_der_x509_certificate(shown).serial_number


@contextmanager
def asked_all_along(target: str, options: ChannelOptions) -> Iterator[None]:
    """Have calls made without a pause, on connections that are kept and on new ones."""
    over = Event()

    def keep() -> int:
        with Client(target, options=options) as client:
            calls = 0
            while not over.is_set():
                assert client.call("echo", "a") == "a"
                calls += 1
            return calls

    def connect() -> int:
        calls = 0
        while not over.is_set():
            assert ask(target, options) == "a"
            calls += 1
        return calls

    with ThreadPoolExecutor() as callers:
        calls = [callers.submit(one) for one in (keep, keep, connect, connect)]
        try:
            yield
        finally:
            over.set()
        assert all(call.result() for call in calls)


def test_a_certificate_is_renewed_under_load_without_a_failed_call(files: Files) -> None:
    """Its authority changes, too: first clients trust both, then the server shows the new one."""
    with (
        lw.serving(echoing, **files.server(mutual=True)) as target,
        asked_all_along(target, trusting(CA, OTHER_CA, shown=CALLER)),
    ):
        for authority in (CA, CA, CA, OTHER_CA, OTHER_CA):
            number = files.keep(authority.issue_cert(*HERE))
            assert number_shown(target, CA, OTHER_CA) == number


def test_a_pair_that_does_not_go_together_is_not_taken_and_told_once(
    files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    renewed = CA.issue_cert(*HERE)
    with lw.serving(echoing, **files.server()) as target, caplog.at_level(logging.INFO):
        before = number_shown(target, CA)
        files.keep_certificate(renewed)
        assert [number_shown(target, CA) for _ in range(3)] == [before] * 3
        files.cert.write_text("half of")
        assert [number_shown(target, CA) for _ in range(3)] == [before] * 3
        files.cert.unlink()
        assert number_shown(target, CA) == before
        number = files.keep(renewed)
        assert [number_shown(target, CA) for _ in range(3)] == [number] * 3
    said = [record for record in caplog.records if "renewed" in record.msg]
    problems = [vars(record)["problem"] for record in said if "not renewed" in record.msg]
    assert len(problems) == 3
    assert "it is not the key of" in problems[0]
    assert "expected a certificate as PEM" in problems[1]
    assert "No such file" in problems[2]
    assert len(said) == 4


def test_another_root_of_clients_counts_for_new_connections(files: Files) -> None:
    stranger = OTHER_CA.issue_cert("stranger.example.org")
    known, other = trusting(CA, shown=CALLER), trusting(CA, shown=stranger)
    with (
        lw.serving(echoing, **files.server(mutual=True)) as target,
        Client(target, options=known) as kept,
    ):
        assert kept.call("echo", "a") == "a"
        with pytest.raises(Unavailable):
            ask(target, other)
        files.trust(OTHER_CA)
        assert ask(target, other) == "a"
        with pytest.raises(Unavailable):
            ask(target, known)
        assert kept.call("echo", "a") == "a"


def test_an_expired_certificate_is_told(files: Files, caplog: pytest.LogCaptureFixture) -> None:
    files.keep(CA.issue_cert(*HERE, not_after=LONG_AGO))
    with lw.serving(echoing, **files.server()):
        pass
    assert "expired on 2020-01-01" in caplog.text


def key_of(kind: Any, password: bytes = b"") -> bytes:
    lock: Any = BestAvailableEncryption(password) if password else NoEncryption()
    pem: bytes = kind.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock)
    return pem


def locked(files: Files) -> bytes:
    return key_of(load_pem_private_key(files.key.read_bytes(), None), b"secret")


WRONG: list[tuple[str, Callable[[Files], Any], str]] = [
    ("no file", lambda files: files.cert.unlink(), "--tls-cert .*: No such file"),
    (
        "no PEM",
        lambda files: files.cert.write_bytes(b"\0"),
        "--tls-cert .*: expected a certificate",
    ),
    ("no key", lambda files: files.key.write_text("key"), "--tls-key .*: expected a private key"),
    (
        "another key",
        lambda files: CALLER.private_key_pem.write_to_path(files.key),
        "--tls-key .*: it is not the key of .*cert.pem",
    ),
    (
        "locked",
        lambda files: files.key.write_bytes(locked(files)),
        "--tls-key .*: expected a key without a password",
    ),
    (
        "Ed25519",
        lambda files: files.key.write_bytes(key_of(Ed25519PrivateKey.generate())),
        "--tls-key .*: expected a key of RSA, P-256 or P-384",
    ),
    (
        "P-521",
        lambda files: files.key.write_bytes(key_of(generate_private_key(SECP521R1()))),
        "--tls-key .*: expected a key of RSA, P-256 or P-384",
    ),
    ("no roots", lambda files: files.ca.write_text(""), "--tls-client-ca .*: expected a certifi"),
    ("no file of roots", lambda files: files.ca.unlink(), "--tls-client-ca .*: No such file"),
]


@pytest.mark.parametrize(
    ("spoil", "problem"), [one[1:] for one in WRONG], ids=[one[0] for one in WRONG]
)
def test_a_wrong_file_is_told_with_its_flag(
    spoil: Callable[[Files], Any], problem: str, files: Files
) -> None:
    spoil(files)
    with (
        pytest.raises(BadFile, match=problem),
        lw.serving(echoing, **files.server(mutual=True)),
    ):
        pass


@pytest.mark.parametrize(
    ("left_out", "problem"),
    [
        ("--tls-key", "--tls-cert and --tls-key: expected both or neither"),
        ("--tls-cert", "--tls-cert and --tls-key: expected both or neither"),
        ("both", "--tls-client-ca: expected --tls-cert and --tls-key with it"),
        ("port", "is a Unix socket, which no name is certified for"),
    ],
)
def test_flags_that_do_not_go_together_are_told_in_a_sentence(
    left_out: str, problem: str, files: Files, tmp_path: Path
) -> None:
    flags = files.flags(mutual=True)
    if left_out == "port":
        flags += ["--host", f"unix:{tmp_path / 'sock'}"]
    else:
        gone = ("--tls-cert", "--tls-key") if left_out == "both" else (left_out,)
        for flag in gone:
            at = flags.index(flag)
            del flags[at : at + 2]
    ended = CliRunner().invoke(app, ["serve", "nobody", *flags])
    assert ended.exit_code == 1
    assert problem in ended.output
    assert ended.output.count("\n") == 1


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "[::]", "10.1.2.3", "fe80::1"])
def test_plain_text_does_not_leave_the_machine_unasked(host: str) -> None:
    with pytest.raises(lw.CannotListen, match=UNASKED), lw.serving(echoing, host=host):
        pass
    with pytest.raises(lw.CannotListen, match=UNASKED), held(settings_of(host=host, workers=2)):
        pass


def test_the_command_tells_both_ways_out_of_plain_text(echoing_file: str) -> None:
    ended = learnwire("serve", echoing_file, "--host", "0.0.0.0")
    assert ended.returncode == 1
    assert re.search(UNASKED, ended.stderr)
    assert ended.stderr.count("\n") == 1


def test_plain_text_leaves_the_machine_where_it_is_said_to(files: Files) -> None:
    for chosen in ({"insecure": True}, files.server()):
        with held(settings_of(host="0.0.0.0", port=0, **chosen)) as holders:
            assert holders


def test_the_port_for_operators_follows_the_same_rule(files: Files) -> None:
    with (
        pytest.raises(lw.CannotListen, match=UNASKED),
        listening(settings_of(host="0.0.0.0", ops_port=0)),
    ):
        pass
    with listening(settings_of(host="0.0.0.0", ops_port=0, **files.server())) as sockets:
        assert sockets


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.3.2.1", True),
        ("localhost", True),
        ("::1", True),
        ("[::1]", True),
        ("::ffff:127.0.0.1", True),
        ("unix:/run/learnwire.sock", True),
        ("0.0.0.0", False),
        ("::", False),
        ("::ffff:10.0.0.1", False),
        ("192.168.1.1", False),
    ],
)
def test_loopback_is_what_its_addresses_are(host: str, local: bool) -> None:
    assert is_local(settings_of(host=host)) is local


def test_a_name_is_local_where_all_of_its_addresses_are(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"here": ["127.0.0.1", "::1"], "both": ["127.0.0.1", "10.0.0.1"]}

    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in known[host]]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert is_local(settings_of(host="here"))
    assert not is_local(settings_of(host="both"))


@pytest.mark.slow
def test_the_lines_of_the_documentation_do_what_they_say(
    trained: dict[str, Trained], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    block = page.partition("## TLS")[2].partition("```console\n")[2].partition("```")[0]
    make, serve, health, told, grpcurl = re.sub(r"\\\n *", "", block).splitlines()
    subprocess.run(shlex.split(make)[1:], check=True, capture_output=True)
    with process(*shlex.split(serve)[3:], "--port", "0") as server:
        port = await_event(server, "serving")["target"].rpartition(":")[2]
        asked = learnwire(*shlex.split(health.replace("50051", port))[2:])
        assert asked.stdout == told.replace("50051", port) + "\n"
        listed = [GRPCURL, *shlex.split(grpcurl.replace("50051", port))[2:]]
        assert "learnwire.v1.PredictionService" in subprocess.check_output(listed, text=True)


@pytest.mark.slow
def test_workers_speak_tls_and_each_renews(files: Files, echoing_file: str, tmp_path: Path) -> None:
    flags = ["--port", "0", "--workers", "2", *files.flags(mutual=True)]
    with supervised(tmp_path / "log", echoing_file, *flags) as running:
        target = running.target
        with asked_all_along(target, trusting(CA, shown=CALLER)):
            number = files.keep(CA.issue_cert(*HERE))
            # So many that hardly ever all are one worker's.
            assert {number_shown(target, CA) for _ in range(32)} == {number}
        with pytest.raises(Unavailable):
            ask(target, ONCE)
        assert len(running.events("certificates renewed")) == 2


@pytest.mark.slow
def test_the_port_for_operators_renews_and_keeps_a_pair_that_goes_together(
    files: Files, echoing_file: str
) -> None:
    renewed = CA.issue_cert(*HERE)
    with process(echoing_file, "--port", "0", "--ops-port", "0", *files.flags()) as server:
        target = await_event(server, "ops listening")["target"]
        await_event(server, "serving")
        before = number_shown(target, CA)
        files.keep_certificate(renewed)
        await_event(server, "ops: certificates not renewed")
        assert number_shown(target, CA) == before
        number = files.keep(renewed)
        await_that(lambda: number_shown(target, CA) == number, "the new certificate shown")


@pytest.mark.slow
def test_what_is_served_with_reload_speaks_tls(files: Files, echoing_file: str) -> None:
    with process(echoing_file, "--port", "0", "--reload", *files.flags()) as server:
        assert ask(await_event(server, "serving")["target"], trusting(CA)) == "a"
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=PATIENCE) == 0


def test_calls_beyond_the_most_of_a_connection_wait() -> None:
    waiting = lw.Service("waiting")
    entered, go_on = Event(), Event()

    @waiting.api(output=lw.Text())
    def wait() -> str:
        entered.set()
        assert go_on.wait(PATIENCE)
        return "late"

    @waiting.api(output=lw.Text())
    async def now() -> str:
        return "now"

    with (
        lw.serving(waiting, max_streams=1) as target,
        Client(target) as client,
        Client(target) as other,
        ThreadPoolExecutor() as callers,
    ):
        late = callers.submit(client.call, "wait")
        assert entered.wait(PATIENCE)
        waits = callers.submit(client.call, "now")
        assert other.call("now") == "now"
        assert not waits.done()
        go_on.set()
        assert (late.result(), waits.result()) == ("late", "now")


@pytest.mark.parametrize("kib", [16, 32])
def test_headers_beyond_the_largest_are_refused(kib: int) -> None:
    with (
        lw.serving(echoing, max_header_kib=kib) as target,
        grpc.insecure_channel(target) as channel,
    ):
        call: Any = channel.unary_unary("/grpc.health.v1.Health/Check")
        for _ in range(3):
            assert call(b"", metadata=[("x", "a" * (kib - 1) * 1024)], timeout=PATIENCE)
        for _ in range(3):
            with pytest.raises(grpc.RpcError) as caught:
                call(b"", metadata=[("x", "a" * kib * 1024)], timeout=PATIENCE)
            assert isinstance(caught.value, grpc.Call)
            assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
