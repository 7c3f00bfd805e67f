"""The limit of open files, which each connection counts for."""

import os
import resource

from .logs import get_logger

_LOW, _ENOUGH = 1024, 65536
# For what is opened beside connections: models, logs, a user's own.
_RESERVED = 32

_log = get_logger()


def raise_limit() -> None:
    """Let this process open as many files as it may, or enough."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(_number(hard), _ENOUGH)
    if wanted > _number(soft):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def connections_allowed() -> int:
    """Give how many connections this process has room for; where they are few, the log tells.

    A connection beyond them has to be refused: where no file can be opened, nothing accepts it,
    and its client would wait until its deadline.
    """
    limit = _number(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    room = max(1, limit - _open_now() - _RESERVED)
    if limit < _LOW:
        _log.warning(
            f"this process may open {limit} files only, so it takes {room} connections and "
            "refuses more; raise the limit: ulimit -n 65536, LimitNOFILE= of systemd, --ulimit "
            "nofile= of docker"
        )
    return room


def _number(limit: int) -> int:
    return _ENOUGH if limit == resource.RLIM_INFINITY else limit


def _open_now() -> int:
    return len(os.listdir("/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"))
