"""What to do next about errors of the transport; a Learnwire server tells its own next steps."""

import re

import grpc

from .proxies import proxy_of

_NEXT_STEPS: dict[grpc.StatusCode, str] = {
    grpc.StatusCode.UNAVAILABLE: "is a Learnwire server up at {target}, "
    "with TLS on both sides or on neither?",
    grpc.StatusCode.DEADLINE_EXCEEDED: "give the call more seconds with timeout=",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "send less, or raise max_message_bytes of the "
    "ChannelOptions here and --max-message-mib of the server at {target}",
    grpc.StatusCode.CANCELLED: "nobody here cancelled it: the server at {target} has more calls "
    "than it can answer, try again later",
    grpc.StatusCode.UNIMPLEMENTED: "is it a Learnwire server that listens at {target}?",
}
# How gRPC begins what it says of a call that was cancelled on this side.
OURS = ("Channel closed", "Locally cancelled")
_TLS = re.compile(r"tls handshake|ssl handshake|SSL_ERROR|certificate|Hostname Verification", re.I)
_TLS_STEP = (
    "TLS failed: does the server at {target} speak TLS, with a certificate for that name, "
    "from a root that tls= of the ChannelOptions trusts?"
)
# Where gRPC says no more than that nobody is there, in its own words.
_NOBODY = {
    re.compile(r"Connection refused|connect failed: .*No such file or directory"): (
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
    if code is grpc.StatusCode.CANCELLED and details.startswith(OURS):
        return details
    if code is not grpc.StatusCode.UNAVAILABLE:
        return _and(details, _NEXT_STEPS.get(code, "").format(target=target))
    nobody = next((said for words, said in _NOBODY.items() if words.search(details)), "")
    step = _TLS_STEP if _TLS.search(details) else _NEXT_STEPS[code]
    problem = nobody.format(target=target) or _and(details, step.format(target=target))
    proxy = proxy_of(target)
    host = target.rpartition(":")[0] or target
    return _and(problem, _PROXY_STEP.format(proxy=proxy, host=host) if proxy else "")


def _and(*clauses: str) -> str:
    return "; ".join(filter(None, clauses))
