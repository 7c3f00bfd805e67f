"""What strangers, other sites' pages and broken clients do to the HTTP port; gRPC goes on."""

import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from learnwire_client import Client

from tests.access import AccessWriter
from tests.certificates import HERE, Files, issued
from tests.conftest import Trained
from tests.end_to_end.web import GENERIC, PENGUINS, details, web_serving

CA = trustme.CA()
SPIFFE = "spiffe://example.org/billing"
ASKED = {"model": "sentiment", "text": {"content": "Fine!"}}
APP = "https://app.example.com"
MANY = 1000


@pytest.fixture(scope="module")
def web(trained: dict[str, Trained]) -> Iterator[tuple[str, httpx.Client]]:
    settings = {"http_hosts": "models.example.com", "http_origins": APP, "max_message_mib": 1}
    with web_serving("sentiment", **settings) as both:
        yield both


def connected(http: httpx.Client) -> socket.socket:
    return socket.create_connection(("127.0.0.1", http.base_url.port or 0), timeout=60)


@pytest.mark.parametrize("host", ["evil.example.com", "localhost.evil.com", "", "x:y:z", "[::1"])
def test_other_names_are_not_answered(web: tuple[str, httpx.Client], host: str) -> None:
    for ask in (web[1].post(f"{GENERIC}/Predict", json=ASKED, headers={"host": host}),):
        assert (ask.status_code, ask.json()["code"]) == (421, "permission_denied")
    assert web[1].get("/openapi.json", headers={"host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost:1", "models.example.com", "10.0.0.7:80", "[::1]:80"])
def test_own_names_and_addresses_are(web: tuple[str, httpx.Client], host: str) -> None:
    answer = web[1].post(f"{GENERIC}/Predict", json=ASKED, headers={"host": host})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "origin", ["https://evil.example.com", "null", "http://localhost:1", "http://["]
)
def test_pages_of_other_sites_are_refused(web: tuple[str, httpx.Client], origin: str) -> None:
    headers = {"origin": origin}
    answer = web[1].post(f"{GENERIC}/Predict", json=ASKED, headers=headers)
    assert answer.status_code == 403
    preflight = {**headers, "access-control-request-method": "POST"}
    asked = web[1].options(f"{GENERIC}/Predict", headers=preflight)
    for one in (answer, asked):
        assert "access-control-allow-origin" not in one.headers


def test_pages_of_named_sites_and_its_own_are_answered(web: tuple[str, httpx.Client]) -> None:
    http = web[1]
    preflight = {
        "origin": APP,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,connect-timeout-ms",
    }
    assert http.options(f"{GENERIC}/Predict", headers=preflight).status_code == 200
    answer = http.post(f"{GENERIC}/Predict", json=ASKED, headers={"origin": APP})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, APP)
    assert "grpc-status" in answer.headers["access-control-expose-headers"]
    own = str(http.base_url).rstrip("/")
    assert http.post(f"{GENERIC}/Predict", json=ASKED, headers={"origin": own}).status_code == 200


def test_forms_of_any_page_are_no_calls(web: tuple[str, httpx.Client]) -> None:
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        answer = web[1].post(
            f"{GENERIC}/Predict", content=json.dumps(ASKED), headers={"content-type": content_type}
        )
        assert answer.status_code == 415


def test_pages_load_nothing_from_elsewhere(web: tuple[str, httpx.Client]) -> None:
    page = web[1].get("/")
    assert page.status_code == 200
    assert page.headers["content-security-policy"].startswith("default-src 'none'; script-src")
    assert "unsafe" not in page.headers["content-security-policy"]
    script = web[1].get("/console.js")
    assert script.headers["content-type"].partition(";")[0].endswith("/javascript")
    assert script.headers["x-content-type-options"] == "nosniff"
    assert web[1].get("/../app.py").status_code == 404
    assert web[1].get("/v2/models/%0A/").status_code == 404
    assert web[1].get("/%2e%2e/app.py").status_code == 405


@pytest.mark.parametrize("told", [b"content-length: 10000000000", b"transfer-encoding: chunked"])
def test_a_huge_upload_is_refused_before_it_is_read(
    web: tuple[str, httpx.Client], told: bytes
) -> None:
    with connected(web[1]) as line:
        line.sendall(
            f"POST {GENERIC}/Predict HTTP/1.1\r\nhost: localhost\r\n".encode()
            + b"content-type: application/json\r\n"
            + told
            + b"\r\n\r\n"
        )
        part = b"x" * 2**16
        chunk = b"10000\r\n" + part + b"\r\n" if told.startswith(b"transfer") else part
        for _ in range(20):
            line.sendall(chunk)
        answer = line.recv(2**16)
        assert answer.startswith(b"HTTP/1.1 429 ")
        # It is cut off when it goes on all the same.
        with pytest.raises(OSError, match=r"reset|Broken pipe"):
            line.sendall(chunk * 2**12)


def test_what_is_no_http_is_told_and_let_go(web: tuple[str, httpx.Client]) -> None:
    for sent in (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: localhost\r\nx: " + b"a" * 2**18 + b"\r\n\r\n",
    ):
        with connected(web[1]) as line:
            line.sendall(sent)
            assert line.recv(2**16).split()[1] in (b"400", b"421")
    assert web[1].post(f"{GENERIC}/Predict", json=ASKED).status_code == 200


@pytest.mark.parametrize("ends", ["content-length: {}", "transfer-encoding: chunked"])
def test_who_would_like_another_protocol_is_answered_in_this_one(
    web: tuple[str, httpx.Client], ends: str
) -> None:
    """As Java's client and `curl --http2` ask; the body is no request of its own."""
    body = json.dumps(ASKED).encode()
    sent = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if "chunked" in ends else body
    with connected(web[1]) as line:
        for _ in range(2):
            line.sendall(
                f"POST {GENERIC}/Predict HTTP/1.1\r\nhost: localhost\r\n"
                "connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AA\r\n"
                f"content-type: application/json\r\n{ends.format(len(body))}\r\n\r\n".encode()
            )
            line.sendall(sent)
            answer = b""
            while not answer.endswith(b"}"):
                answer += line.recv(2**16)
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert b"singleLabel" in answer


@pytest.mark.parametrize(("version", "also"), [("1.1", ", close"), ("1.0", "")])
def test_so_is_who_asks_but_once(web: tuple[str, httpx.Client], version: str, also: str) -> None:
    body = json.dumps(ASKED).encode()
    with connected(web[1]) as line:
        line.sendall(
            f"POST {GENERIC}/Predict HTTP/{version}\r\nhost: localhost\r\n"
            f"connection: Upgrade{also}\r\nupgrade: h2c\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n\r\n".encode()
            + body
        )
        answer = b"".join(iter(lambda: line.recv(2**16), b""))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"singleLabel" in answer


@pytest.mark.parametrize(
    "lines",
    [
        ["content-length: 2", "transfer-encoding: chunked"],
        ["content-length: 2", "content-length: 3"],
        ["transfer-encoding: xchunked"],
        ["transfer-encoding : chunked"],
        ["x: y\ntransfer-encoding: chunked"],
    ],
)
def test_no_request_hides_in_another(web: tuple[str, httpx.Client], lines: list[str]) -> None:
    hidden = f"POST {GENERIC}/Predict HTTP/1.1\r\nhost: localhost\r\n\r\n"
    head = [f"POST {GENERIC}/Predict HTTP/1.1", "host: localhost", *lines]
    with connected(web[1]) as line:
        line.sendall(("\r\n".join(head) + "\r\n\r\n0\r\n\r\n" + hidden).encode())
        answers = b"".join(iter(lambda: line.recv(2**16), b""))
    assert answers.count(b"HTTP/1.1 ") == 1
    assert answers.startswith(b"HTTP/1.1 400 ")


def test_what_is_behind_a_body_is_no_header(web: tuple[str, httpx.Client]) -> None:
    body = json.dumps(ASKED).encode()
    with connected(web[1]) as line:
        line.sendall(
            f"POST {GENERIC}/Predict HTTP/1.1\r\nhost: localhost\r\n".encode()
            + b"content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
            + b"%x\r\n%s\r\n0\r\n" % (len(body), body)
            + b"host: evil.example.com\r\ncontent-type: text/plain\r\norigin: null\r\n\r\n"
        )
        assert line.recv(2**16).startswith(b"HTTP/1.1 200 ")


def test_small_chunks_without_end_are_refused(web: tuple[str, httpx.Client]) -> None:
    with connected(web[1]) as line:
        line.sendall(
            f"POST {GENERIC}/Predict HTTP/1.1\r\nhost: localhost\r\n".encode()
            + b"content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        with pytest.raises(OSError, match=r"reset|Broken pipe"):
            line.sendall(b"1\r\n \r\n" * 2**22)


def test_grpc_goes_on_beside_many_idle_and_half_said_calls(web: tuple[str, httpx.Client]) -> None:
    target, http = web
    half = f"POST {GENERIC}/Predict HTTP/1.1\r\nhost: localhost\r\n".encode()
    slow = half + b"content-type: application/json\r\ncontent-length: 1000000\r\n\r\n{"
    with ExitStack() as stack:
        for number in range(MANY):
            line = stack.enter_context(connected(http))
            line.sendall((b"", half, slow)[number % 3])
        with Client(target) as client:
            told = client.predict("sentiment", "Fine!")
        assert told.label
        answer = http.post(f"{GENERIC}/Predict", json=ASKED)
        assert answer.json()["prediction"]["singleLabel"]["label"] == told.label


def test_roles_and_models_are_those_of_grpc(trained: dict[str, Trained], tmp_path: Path) -> None:
    access = AccessWriter(tmp_path / "access.json")
    tokens = {
        "predicts": access.token("predicts", "predict", models=["penguins"]),
        "reads": access.token("reads", "read"),
        "twice": access.token("twice", "predict", requests_per_second=0.001),
    }
    with web_serving("sentiment", "penguins", access=access.path) as (_, http):

        def ask(path: str, token: str | None, body: Any = ASKED) -> tuple[int, str]:
            headers = {"authorization": f"Bearer {tokens[token]}"} if token else {}
            answer = http.post(path, json=body, headers=headers)
            reason = "" if answer.is_success else details(answer)["ErrorInfo"]["reason"]
            return answer.status_code, reason

        assert ask(f"{GENERIC}/Predict", None) == (401, "TOKEN_MISSING")
        assert ask(f"{GENERIC}/Predict", "reads") == (403, "ROLE_MISSING")
        assert ask(f"{GENERIC}/Predict", "predicts") == (404, "MODEL_NOT_FOUND")
        row = {"island": "Dream", "year": 2007}
        assert ask(f"{PENGUINS}/Predict", "predicts", row) == (200, "")
        own = "/learnwire.models.sentiment.v1.SentimentService"
        unseen = ask(f"{own}/Predict", "predicts", {"text": "Fine!"})
        assert unseen == ask("/learnwire.models.other.v1.OtherService/Predict", "predicts", {})
        assert ask(f"{own}/PredictStream", "predicts", {}) == unseen
        # Nor what its fields are called.
        assert ask(f"{own}/Predict", "predicts", {"txet": "Fine!"}) == unseen
        assert ask(f"{GENERIC}/Predict", "twice")[0] == 200
        assert ask(f"{GENERIC}/Predict", "twice") == (429, "QUOTA_REACHED")


def test_names_of_certificates_have_roles(trained: dict[str, Trained], tmp_path: Path) -> None:
    files = Files(tmp_path)
    files.keep(CA.issue_cert(*HERE))
    files.trust(CA)
    access = AccessWriter(tmp_path / "access.json")
    access.add("billing", "predict", certificate=SPIFFE)
    settings = {**files.server(mutual=True), "access": access.path, "host": "localhost"}
    with web_serving("sentiment", **settings) as (_, plain):
        url = f"https://localhost:{plain.base_url.port}{GENERIC}/Predict"
        found = []
        for certificate in (issued(CA, "billing", SPIFFE), CA.issue_cert("other.example.org")):
            context = ssl.create_default_context()
            CA.configure_trust(context)
            certificate.configure_cert(context)
            with httpx.Client(verify=context) as http:
                found.append(http.post(url, json=ASKED).status_code)
        assert found == [200, 403]
        context = ssl.create_default_context()
        CA.configure_trust(context)
        with httpx.Client(verify=context) as http, pytest.raises(httpx.TransportError):
            http.post(url, json=ASKED)
        with pytest.raises(httpx.TransportError):
            plain.post(f"{GENERIC}/Predict", json=ASKED)
