"""What to do next about errors of the transport; a Learnwire server tells its own next steps."""

import re

import grpc

from .proxies import proxy_of

# What gRPC says of TLS that fails, in its releases' words, and what to do then.
_OF_TLS = (
    (
        "WRONG_VERSION_NUMBER",
        "the server at {target} speaks no TLS: leave tls= of the ChannelOptions (--tls, --tls-ca) "
        "out, or give the server a certificate, --tls-cert",
    ),
    (
        "certificate (has expired|is not yet valid)",
        "the certificate of the server at {target} is of another time: have it renewed, or set "
        "the clock of this machine",
    ),
    (
        "CERTIFICATE_VERIFY_FAILED",
        "no root that is trusted here stands behind the server at {target}: give the root of its "
        "certificate as tls= of the ChannelOptions (--tls-ca)",
    ),
    (
        "Hostname Verification|not in peer certificate",
        "the certificate of the server at {target} is for other names: connect to one of those",
    ),
    (
        "security handshaker",
        "the roots, the certificate or the key of the ChannelOptions do not read, or do not go "
        "together",
    ),
    (
        "(?i)tls handshake|ssl handshake|SSL_ERROR|certificate",
        "TLS failed: does the server at {target} speak it, with a certificate for that name?",
    ),
    # The server hung up: with TLS it does not say why.
    (
        "last error: .*Socket closed",
        "is a Learnwire server up at {target}, with TLS on both sides or on neither? If it speaks "
        "TLS, give tls= of the ChannelOptions (--tls, --tls-ca); if it asks for a certificate, "
        "certificate= with one that it trusts (--client-cert)",
    ),
)
_NEXT_STEPS: dict[grpc.StatusCode, str] = {
    grpc.StatusCode.UNAVAILABLE: "is a Learnwire server up at {target}, "
    "with TLS on both sides or on neither?",
    grpc.StatusCode.DEADLINE_EXCEEDED: "give the call more seconds with timeout=",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "send less, or raise max_message_bytes of the "
    "ChannelOptions here and --max-message-mib of the server at {target}",
    grpc.StatusCode.CANCELLED: "nobody here cancelled it: the server at {target} ends, or has more "
    "calls than it can answer; it has not read this one, try again later",
    grpc.StatusCode.UNIMPLEMENTED: "is it a Learnwire server that listens at {target}?",
}
# How gRPC begins what it says of a call that was cancelled on this side.
_OURS = ("Channel closed", "Locally cancelled")
_OF_NETWORKS = (
    (
        "TSI_DATA_CORRUPTED",
        "what came from {target} is not what was sent: TLS tells, and the connection was given "
        "up; something on the way changes bytes, and the call may have arrived",
    ),
)
# Where gRPC says more than the code; the first that is found counts.
_BY_DETAILS = {
    grpc.StatusCode.UNAVAILABLE: (*_OF_NETWORKS, *_OF_TLS),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (
        (
            "metadata size",
            "send less metadata, or raise --max-header-kib of the server at {target}",
        ),
    ),
}
# Where gRPC says no more than that nobody is there, in its own words.
_NOBODY = {
    re.compile(r"Connection refused|connect( failed)?: .*No such file or directory"): (
        "no server answers at {target}: start one with `learnwire serve MODEL`, or give the "
        'address of another: Client("HOST:PORT") in Python, --target HOST:PORT in a shell'
    ),
    re.compile(r"hostname lookup error|Domain name not found|DNS resolution failed"): (
        "the name of the host in {target} leads to no address: is it spelt as it should be?"
    ),
}
_PROXY_STEP = "the way there leads through the proxy {proxy}; to go without it, set no_proxy={host}"


def told(code: grpc.StatusCode, details: str, target: str) -> str:
    """Say how a call to a target ended without a status of the server, and what to try.

    Args:
        code: how it ended.
        details: what gRPC says of it.
        target: where it went.
    """
    if code is grpc.StatusCode.CANCELLED and details.startswith(_OURS):
        return details
    steps = (step for said, step in _BY_DETAILS.get(code, ()) if re.search(said, details))
    problem = _and(details, next(steps, _NEXT_STEPS.get(code, "")).format(target=target))
    if code is not grpc.StatusCode.UNAVAILABLE:
        return problem
    nobody = next((said for words, said in _NOBODY.items() if words.search(details)), "")
    proxy = proxy_of(target)
    host = target.rpartition(":")[0] or target
    way = _PROXY_STEP.format(proxy=proxy, host=host) if proxy else ""
    return _and(nobody.format(target=target) or problem, way)


def _and(*clauses: str) -> str:
    return "; ".join(filter(None, clauses))
