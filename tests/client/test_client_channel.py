from threading import Event
from typing import Any

import grpc
import pytest
import trustme
from learnwire.v1 import prediction_pb2 as pb
from learnwire_client import (
    CallError,
    ChannelOptions,
    Client,
    ResourceExhausted,
    Unavailable,
)

from tests.client.serving import mute, nobody, proxy_to, serving, single_label

CA = trustme.CA()
ROOTS = CA.cert_pem.bytes()


def identity(ca: trustme.CA, name: str) -> tuple[bytes, bytes]:
    """Give a private key and its certificate chain."""
    certificate = ca.issue_cert(name)
    return (
        certificate.private_key_pem.bytes(),
        b"".join(pem.bytes() for pem in certificate.cert_chain_pems),
    )


SERVER_IDENTITY = identity(CA, "127.0.0.1")
SERVER_TLS = grpc.ssl_server_credentials([SERVER_IDENTITY])


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"tls": b"no certificate"}, "tls"),
        ({"tls": True, "certificate": b"x", "private_key": b"x"}, "certificate"),
        ({"tls": True, "certificate": ROOTS}, "private_key"),
        ({"tls": True, "private_key": ROOTS}, "certificate"),
        ({"certificate": ROOTS, "private_key": ROOTS}, "tls"),
        ({"keepalive": 0}, "keepalive"),
        ({"keepalive": -1.5}, "-1.5"),
        ({"keepalive": float("nan")}, "keepalive"),
        ({"max_message_bytes": 0}, "max_message_bytes"),
        ({"max_message_bytes": 2**31}, str(2**31)),
        ({"retries": -1}, "retries"),
        ({"retries": 5}, "5"),
    ],
)
def test_a_bad_option_is_refused_by_name_and_value(options: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        ChannelOptions(**options)


def test_the_private_key_is_not_shown() -> None:
    key, certificate = SERVER_IDENTITY
    options = ChannelOptions(tls=True, certificate=certificate, private_key=key)
    assert "PRIVATE KEY" not in repr(options)


def test_tls_reaches_a_server_whose_root_is_trusted() -> None:
    options = ChannelOptions(tls=ROOTS)
    with serving(credentials=SERVER_TLS) as target, Client(target, options=options) as client:
        assert client.predict("m", "text").label == "yes"


def test_a_message_above_the_limit_is_not_sent() -> None:
    options = ChannelOptions(max_message_bytes=1000)
    with (
        serving() as target,
        Client(target, options=options) as client,
        pytest.raises(ResourceExhausted, match="1000"),
    ):
        client.predict("m", "a" * 1001)


def test_an_answer_above_the_limit_is_refused() -> None:
    options = ChannelOptions(max_message_bytes=1000)
    with (
        serving(lambda request, context: single_label("a" * 1001)) as target,
        Client(target, options=options) as client,
        pytest.raises(ResourceExhausted, match="1000"),
    ):
        client.predict("m", "text")


def test_messages_above_grpcs_own_limit_of_4_mebibytes_pass() -> None:
    label = "a" * 5 * 2**20
    with (
        serving(lambda request, context: single_label(request.text.content)) as target,
        Client(target) as client,
    ):
        assert client.predict("m", label).label == label


def test_keepalive_gives_up_a_connection_that_fell_silent() -> None:
    options = ChannelOptions(keepalive=0.2, retries=0)
    with (
        serving() as target,
        proxy_to(target) as proxy,
        Client(proxy.target, timeout=60, options=options) as client,
    ):
        client.predict("m", "text")
        proxy.fall_silent()
        with pytest.raises(Unavailable):
            client.predict("m", "text")


def test_keepalive_leaves_a_slow_answer_alone() -> None:
    def predict(request: object, context: grpc.ServicerContext) -> pb.Prediction:
        Event().wait(1)  # the answer is slow: longer than keepalive and its ping together
        return single_label()

    options = ChannelOptions(keepalive=0.3, retries=0)
    with serving(predict) as target, Client(target, options=options) as client:
        assert client.predict("m", "text").label == "yes"


@pytest.mark.timeout(60)  # a call that does not end is a failure
@pytest.mark.parametrize("somewhere", [nobody, mute], ids=["nobody listens", "nobody speaks"])
def test_a_call_to_where_no_server_is_ends_within_its_timeout(somewhere: Any) -> None:
    with somewhere() as target, Client(target, timeout=3) as client, pytest.raises(CallError):
        client.predict("m", "text")
