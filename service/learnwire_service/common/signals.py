"""The signals that end a server."""

import signal


def stopping() -> list[signal.Signals]:
    """List the signals at which a server drains; SIGHUP not where nohup has it ignored."""
    hangs_up = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
    return [signal.SIGTERM, signal.SIGINT, *([signal.SIGHUP] if hangs_up else [])]
