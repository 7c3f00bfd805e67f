"""What to do next about errors of the transport; a Learnwire server tells its own next steps."""

import re

import grpc

from .proxies import proxy_of

_TLS = re.compile(r"tls handshake|ssl handshake|SSL_ERROR|certificate|Hostname Verification", re.I)
_NEXT_STEPS: dict[grpc.StatusCode, str] = {
    grpc.StatusCode.UNAVAILABLE: "is a server up at {target}, "
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
_TLS_STEP = (
    "TLS failed: does the server at {target} speak TLS, with a certificate for that name, "
    "from a root that tls= of the ChannelOptions trusts?"
)
_PROXY_STEP = "the way there leads through the proxy {proxy}; to go without it, set no_proxy={host}"


def next_step(code: grpc.StatusCode, details: str, target: str) -> str:
    """Tell what to try where a call to a target ended without a status of the server.

    Args:
        code: how it ended.
        details: what gRPC says of it.
        target: where it went.
    """
    if code is grpc.StatusCode.CANCELLED and details.startswith(OURS):
        return ""
    step = _NEXT_STEPS.get(code, "").format(target=target)
    if code is not grpc.StatusCode.UNAVAILABLE:
        return step
    if _TLS.search(details):
        step = _TLS_STEP.format(target=target)
    if proxy := proxy_of(target):
        step += "; " + _PROXY_STEP.format(proxy=proxy, host=target.rpartition(":")[0] or target)
    return step
