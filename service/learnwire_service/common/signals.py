"""The signals that a server obeys."""

import signal


def stopping() -> list[signal.Signals]:
    """List the signals at which a server drains, and ends at once when it gets another."""
    return [signal.SIGTERM, signal.SIGINT]


def rereading() -> list[signal.Signals]:
    """List the signals at which it reads files again: none where nohup has SIGHUP ignored."""
    hangs_up = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
    return [signal.SIGHUP] if hangs_up else []


def obeyed() -> list[signal.Signals]:
    """List all of them."""
    return [*stopping(), *rereading()]
