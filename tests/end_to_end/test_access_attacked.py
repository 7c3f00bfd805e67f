"""Attacks on the way in: odd bytes, keys that are none, callers who stay after they were let in."""

import asyncio
import json
import socket
import ssl
import struct
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import grpc
import jwt
import learnwire_service as lw
import pytest
import trustme
from cryptography import x509
from grpc_health.v1 import health_pb2
from learnwire_client import ChannelOptions, Client, Unauthenticated
from learnwire_service.cli.main import app
from learnwire_service.cli.token_cli import token_app
from learnwire_service.common import errors
from learnwire_service.common.errors import BadFile
from learnwire_service.common.settings import ServerSettings
from learnwire_service.trust import watched
from learnwire_service.trust.keys import keys_at, read_keys
from learnwire_service.trust.web_tokens import Claims, WebTokens
from learnwire_service.workers.order import Order
from learnwire_service.workers.readers import Readers
from typer.testing import CliRunner

from tests.access import AccessWriter, Issuer
from tests.certificates import HERE, Files, issued, trusting
from tests.end_to_end.test_server import await_event, process
from tests.end_to_end.test_workers import await_that

SERVICE = "/learnwire.v1.PredictionService"
# As it stands in a header.
UNAUTHENTICATED = b"grpc-status\x0216"
PATIENCE = 60
_DATA, _HEADERS, _SETTINGS = 0, 1, 4
_END_STREAM, _END_HEADERS = 1, 4

svc = lw.Service("counting")


@svc.api(input=lw.Text(), output=lw.Text())
async def echo(text: str) -> str:
    return text


@svc.api(input=lw.Text(), output=lw.Text())
async def forever(text: str) -> AsyncIterator[str]:
    while True:
        yield text
        await asyncio.sleep(0.01)


@pytest.fixture
def access(tmp_path: Path) -> AccessWriter:
    made = AccessWriter(tmp_path / "access.json")
    made.write()
    return made


class Raw:
    """A call whose bytes are the test's own: a client of gRPC would not send them."""

    def __init__(self, target: str, path: str, **headers: bytes) -> None:
        host, _, port = target.rpartition(":")
        self._socket = socket.create_connection((host, int(port)), timeout=PATIENCE)
        self._bytes = self._socket.makefile("rb")
        fields = {
            b":method": b"POST",
            b":scheme": b"http",
            b":path": path.encode(),
            b":authority": b"here",
            b"content-type": b"application/grpc",
            b"te": b"trailers",
            **{name.encode(): value for name, value in headers.items()},
        }
        block = b"".join(
            b"\x00" + b"".join(bytes([len(part)]) + part for part in field)
            for field in fields.items()
        )
        self._socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(_SETTINGS, 0, 0, b""))
        self._socket.sendall(_frame(_HEADERS, _END_HEADERS, 1, block))

    def ended(self) -> bytes:
        """Wait until the server ends the call; give its last headers."""
        while True:
            head = self._bytes.read(9)
            length, kind, flags = int.from_bytes(head[:3]), head[3], head[4]
            payload = self._bytes.read(length)
            if kind == _HEADERS and flags & _END_STREAM:
                self._bytes.close()
                self._socket.close()
                return payload


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3) + struct.pack(">BBI", kind, flags, stream) + payload


def test_a_token_that_is_no_text_is_refused_and_not_logged(
    access: AccessWriter, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with lw.serving(svc, access=str(access.path)) as target:
        call = Raw(target, f"{SERVICE}/Predict", authorization=b"Bearer \xe9\xffsecret")
        assert UNAUTHENTICATED in call.ended()
    assert "secret" not in caplog.text + capfd.readouterr().err


@pytest.mark.parametrize("token", [b"", b"Bearer wrong"], ids=["none", "wrong"])
@pytest.mark.parametrize("name", ["Predict", "PredictMany", "PredictStream"])
def test_strangers_are_refused_before_their_message_is_read(
    name: str, token: bytes, access: AccessWriter
) -> None:
    with lw.serving(svc, access=str(access.path)) as target:
        # The message never comes.
        call = Raw(target, f"{SERVICE}/{name}", authorization=token)
        assert UNAUTHENTICATED in call.ended()


def test_an_answer_that_goes_on_ends_when_its_token_is_revoked(access: AccessWriter) -> None:
    token = access.token("listener", "predict")
    with (
        lw.serving(svc, access=str(access.path)) as target,
        Client(target, options=ChannelOptions(token=token)) as client,
    ):
        answers = client.stream("forever", "a")
        assert next(answers) == "a"
        access.remove("listener")
        with pytest.raises(Unauthenticated):
            for _ in answers:
                pass


def test_whoever_watches_health_is_told_no_more_when_the_token_is_revoked(
    access: AccessWriter,
) -> None:
    token = access.token("watcher", "read")
    shown = (("authorization", f"Bearer {token}"),)
    with ExitStack() as opened:
        server = opened.enter_context(ExitStack())
        target = server.enter_context(lw.serving(svc, access=str(access.path)))
        watch: Any = opened.enter_context(grpc.insecure_channel(target)).unary_stream(
            "/grpc.health.v1.Health/Watch",
            health_pb2.HealthCheckRequest.SerializeToString,
            health_pb2.HealthCheckResponse.FromString,
        )
        watching = watch(health_pb2.HealthCheckRequest(service="counting"), metadata=shown)
        assert next(watching).status == health_pb2.HealthCheckResponse.SERVING
        access.remove("watcher")
        with Client(target, options=ChannelOptions(token=token)) as client:
            await_that(lambda: not is_known(client), "revoked")
        # It would be told that this ends.
        server.close()
        with pytest.raises(grpc.RpcError) as refused:
            next(watching)
        assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED


def is_known(client: Client) -> bool:
    try:
        client.models()
    except Unauthenticated:
        return False
    return True


def test_a_web_token_takes_nothing_of_the_quota_of_whom_it_is_named_after(
    access: AccessWriter, tmp_path: Path
) -> None:
    issuer, keys = Issuer(), tmp_path / "keys.json"
    issuer.publish(keys)
    shop = access.token("shop", "read", requests_per_second=0.001)
    web = {"jwt_issuer": issuer.name, "jwt_audience": issuer.audience, "jwt_keys": str(keys)}
    namesake = issuer.token(sub="shop", learnwire_roles=["read"])
    with lw.serving(svc, access=str(access.path), **web) as target:
        with Client(target, options=ChannelOptions(token=namesake)) as client:
            for _ in range(3):
                client.models()
        with Client(target, options=ChannelOptions(token=shop)) as client:
            client.models()


def web_tokens(issuer: Issuer, keys: Path) -> WebTokens:
    return WebTokens(str(keys), issuer.name, issuer.audience, 0.0)


def claims(tokens: WebTokens, token: str) -> Claims:
    return asyncio.run(tokens.claims(token))


def test_a_key_that_took_the_place_of_another_makes_its_tokens_invalid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watched, "_LOOK_SECONDS", 0.0)
    keys = tmp_path / "keys.json"
    old, new = Issuer("one"), Issuer("one")
    old.publish(keys)
    checked = web_tokens(old, keys)
    token = old.token()
    for _ in range(5):
        assert claims(checked, token).subject == "alice"
        # Python may put the next keys where the ones before were.
        for _ in range(2):
            new.publish(keys)
            with pytest.raises(errors.Unauthenticated):
                claims(checked, token)
        old.publish(keys)


@pytest.mark.parametrize("kind", ["RSA", "EC"])
def test_keys_that_are_of_no_use_leave_the_others_their_use(kind: str, tmp_path: Path) -> None:
    issuer, keys = Issuer(kind=kind), tmp_path / "keys.json"
    algorithm: Any = jwt.get_algorithm_by_name(issuer.algorithm)
    # Published whole, by mistake.
    whole = algorithm.to_jwk(issuer.key, as_dict=True) | {"kid": issuer.kid}
    odd: list[dict[str, Any]] = [
        {"kty": "EC", "crv": "P-192", "kid": "a", "x": "AA", "y": "AA"},
        {"kty": "OKP", "crv": "X25519", "kid": "b", "x": "AA"},
        {"kty": "RSA", "alg": "RSA-OAEP", "kid": "c", "n": "AA", "e": "AQAB"},
        {"kty": "RSA", "kid": "d"},
        {"kty": "AKP", "alg": "ML-DSA-44", "kid": "e", "pub": "AA"},
        {"kty": "oct", "kid": "f", "k": "AA"},
        issuer.jwk() | {"kid": ["g"]},
        issuer.jwk() | {"kid": "h", "alg": "none"},
        issuer.jwk() | {"kid": "i", "alg": "HS256"},
    ]
    keys.write_text(json.dumps({"keys": [*odd, whole]}))
    checked = web_tokens(issuer, keys)
    assert claims(checked, issuer.token()).subject == "alice"
    with pytest.raises(errors.Unauthenticated):
        claims(checked, issuer.token(exp="NaN"))


@pytest.mark.parametrize("text", ["[" * 100_000, '{"keys": {"a": 1}}', '{"keys": [1]}', "{}"])
def test_what_is_no_key_set_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="JSON web key set"):
        read_keys(text.encode())


@contextmanager
def answering(folder: Path, monkeypatch: pytest.MonkeyPatch, answer: Any) -> Iterator[str]:
    """Serve https on this machine; requests are trusted with it meanwhile."""
    authority = trustme.CA()
    files = Files(folder)
    files.keep(authority.issue_cert(*HERE))
    files.trust(authority)
    monkeypatch.setenv("SSL_CERT_FILE", str(files.ca))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.cert, files.key)
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"https://localhost:{server.server_port}/keys"
        finally:
            server.shutdown()
            thread.join()


def keys_by(issuer: Issuer) -> Any:
    def answer(request: BaseHTTPRequestHandler) -> None:
        if request.path == "/keys":
            request.send_response(302)
            request.send_header("location", "/moved")
            request.end_headers()
            return
        request.send_response(200)
        request.end_headers()
        request.wfile.write(json.dumps({"keys": [issuer.jwk()]}).encode())

    return answer


def leading_to_plain_text(request: BaseHTTPRequestHandler) -> None:
    request.send_response(302)
    request.send_header("location", "http://localhost:1/keys")
    request.end_headers()


def cut_off(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.send_header("content-length", "1000")
    request.end_headers()
    request.wfile.write(b'{"keys": [')


def no_http(request: BaseHTTPRequestHandler) -> None:
    request.wfile.write(b"hello\r\n\r\n")


def test_keys_come_from_an_address_and_from_where_it_leads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    issuer = Issuer("new")
    with answering(tmp_path, monkeypatch, keys_by(issuer)) as address:
        assert list(keys_at(address).known) == ["new"]


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (leading_to_plain_text, "leads to http://localhost:1/keys: expected https://"),
        (cut_off, "JSON web key set"),
        (no_http, "hello"),
    ],
)
def test_an_address_that_gives_no_keys_is_told(
    answer: Any, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        answering(tmp_path, monkeypatch, answer) as address,
        pytest.raises(BadFile, match=problem),
    ):
        keys_at(address)


def test_a_certificate_without_names_is_enough_where_nothing_more_is_asked(tmp_path: Path) -> None:
    authority, files = trustme.CA(), Files(tmp_path)
    files.keep(authority.issue_cert(*HERE))
    files.trust(authority)
    nameless = trusting(authority, shown=issued(authority, "me"))
    with (
        lw.serving(svc, host="localhost", **files.server(mutual=True)) as target,
        Client(target, options=nameless) as client,
    ):
        assert client.call("echo", "a") == "a"


def test_metrics_are_not_for_everybody_where_only_certificates_let_in(tmp_path: Path) -> None:
    settings = ServerSettings(**Files(tmp_path).server(mutual=True))
    readers = Readers(Order(served=(), settings=settings).line().decode())
    assert asyncio.run(readers.status({})) == 401
    assert asyncio.run(readers.status({"authorization": "Bearer lw_wrong"}, "penguins")) == 401


def test_those_who_might_read_the_access_file_may_after_it_changed(tmp_path: Path) -> None:
    there, link = tmp_path / "kept.json", tmp_path / "access.json"
    link.symlink_to(there)
    run = CliRunner().invoke
    assert run(token_app, ["new", "shop", "--file", str(link)]).exit_code == 0
    assert there.stat().st_mode & 0o777 == 0o600
    there.chmod(0o640)
    assert run(token_app, ["new", "till", "--file", str(link)]).exit_code == 0
    assert there.stat().st_mode & 0o777 == 0o640
    assert link.is_symlink()
    assert "till" in there.read_text()
    long = run(token_app, ["new", "till", "--days", "9999999999", "--file", str(link)])
    assert "36500" in long.output


def test_health_of_a_name_is_told_to_who_shows_a_token(
    access: AccessWriter, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text(access.token("probe", "read") + "\n")
    with lw.serving(svc, access=str(access.path)) as target:
        asked = ["health", "counting", "--target", target]
        shown = CliRunner().invoke(app, [*asked, "--token-file", str(file)])
        assert shown.output == f"counting at {target}: SERVING\n"
        refused = CliRunner().invoke(app, asked)
    far = ["health", "--target", "10.1.2.3:50051", "--token-file", str(file)]
    plain = CliRunner().invoke(app, far)
    assert (plain.exit_code, isinstance(plain.exception, SystemExit)) == (2, True)
    assert "in a shell --tls or --tls-ca" in " ".join(plain.output.split())
    assert refused.exit_code == 1
    assert "in a shell --token-file" in refused.output


@pytest.mark.slow
def test_a_pair_that_does_not_go_together_changes_nothing_for_operators(tmp_path: Path) -> None:
    authority = trustme.CA()
    files = Files(tmp_path)
    first, second = (authority.issue_cert(*HERE) for _ in range(2))
    files.trust(authority)
    kept = files.keep(first)
    ports = ["--host", "localhost", "--port", "0", "--ops-port", "0", *files.flags()]
    with process(served(tmp_path), *ports) as server:
        target = await_event(server, "ops listening")["target"]
        await_event(server, "serving")
        assert shown_at(target, files) == kept
        files.keep_certificate(second)
        await_event(server, "ops: certificates not renewed")
        assert shown_at(target, files) == kept
        renewed = files.keep(second)
        await_that(lambda: shown_at(target, files) == renewed, "renewed")


def served(folder: Path) -> str:
    """Give where a process finds a service."""
    path = folder / "counting.py"
    path.write_text(
        "import learnwire_service as lw\n"
        "svc = lw.Service('counting')\n"
        "@svc.api(input=lw.Text(), output=lw.Text())\n"
        "async def echo(text: str) -> str:\n"
        "    return text\n"
    )
    return f"{path}:svc"


def shown_at(target: str, files: Files) -> int:
    """Shake hands, and give the number of the certificate that is shown."""
    host, _, port = target.rpartition(":")
    context = ssl.create_default_context(cafile=str(files.ca))
    with (
        socket.create_connection((host, int(port)), timeout=PATIENCE) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secure,
    ):
        shown = secure.getpeercert(binary_form=True)
        assert shown is not None
        return x509.load_der_x509_certificate(shown).serial_number


@pytest.mark.slow
def test_whoever_connects_and_says_nothing_is_let_go(tmp_path: Path) -> None:
    files = Files(tmp_path)
    files.keep(trustme.CA().issue_cert(*HERE))
    flags = ["--host", "localhost", "--port", "0", "--ops-port", "0"]
    with ExitStack() as opened:
        silent = []
        for tls in ([], files.flags()):
            server = opened.enter_context(process(served(tmp_path), *flags, *tls))
            for event in ("ops listening", "serving"):
                host, _, port = await_event(server, event)["target"].rpartition(":")
                connection = socket.create_connection((host, int(port)), timeout=PATIENCE)
                silent.append(opened.enter_context(connection))
        slow = opened.enter_context(socket.create_connection(silent[0].getpeername(), PATIENCE))
        slow.sendall(b"GET /livez HTTP/1.1\r\nhost: here\r\nx: ")
        for connection in (*silent, slow):
            while connection.recv(4096):
                """The server says something first."""
