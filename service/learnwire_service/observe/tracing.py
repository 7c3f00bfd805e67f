"""Traces without OpenTelemetry: whether they are asked for, and whose a request is.

Where they are off, nothing is imported, and the road of a call has one look at None.
"""

import os
import sys
import threading
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING

from ..common.extras import missing_of

if TYPE_CHECKING:
    from .spans import CallTrace, Tracer

_EXPORTER, _DISABLED = "OTEL_TRACES_EXPORTER", "OTEL_SDK_DISABLED"
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")

_current: ContextVar["CallTrace | None"] = ContextVar("trace", default=None)
_predicting = threading.local()


def asked_by() -> str:
    """Name the environment variable that asks for traces; "" where none does."""
    exporter = os.environ.get(_EXPORTER, "").strip().lower()
    if exporter == "none" or os.environ.get(_DISABLED, "").strip().lower() == "true":
        return ""
    return next((name for name in (_EXPORTER, *_ENDPOINTS) if os.environ.get(name)), "")


def begin() -> None:
    """Make traces from now on in this process, where the environment asks for them.

    Raises:
        ToolMissing: an exporter that it names is not installed.
    """
    if asked_by() and not missing_of("otel"):
        from .spans import begin

        begin()


def end() -> None:
    """Send the traces that are left, within two seconds."""
    if asked_by() and f"{__package__}.spans" in sys.modules:
        from .spans import end

        end()


def tracer() -> "Tracer | None":
    """Give what makes traces of calls; None where nobody has set OpenTelemetry up."""
    if "opentelemetry.trace" not in sys.modules:
        return None
    from .spans import Tracer

    return Tracer.found()


def current() -> "CallTrace | None":
    """Give the trace of the call that is being answered, where it has one."""
    return _current.get()


def enter(trace: "CallTrace") -> None:
    """Let what is done from now on in this context be of a trace."""
    _current.set(trace)


def network_done() -> None:
    """Take in that the network has answered the batch that this thread predicts."""
    _predicting.until = time.monotonic()


def network_end(start: float, end: float) -> float:
    """Tell when the network had answered a batch predicted from `start` to `end`, on that clock."""
    until: float = getattr(_predicting, "until", end)
    return until if start <= until <= end else end
