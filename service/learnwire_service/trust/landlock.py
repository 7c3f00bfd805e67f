"""Landlock: a process keeps a few folders, and gives up every other file, TCP and signals.

By the kernel's own calls, since the C library has none for it.
"""

import ctypes
import os
import struct
from collections.abc import Iterable
from pathlib import Path

# The same on all machines.
_CREATE, _ADD_RULE, _RESTRICT = 444, 445, 446
_VERSION_ONLY = 1
_BENEATH = 1
_NO_NEW_PRIVILEGES = 38

_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_WRITE_FILE, _MAKE_FILE, _TRUNCATE = 1 << 1, 1 << 8, 1 << 14
_OF_FILES = _READ_FILE | _WRITE_FILE | _TRUNCATE
# Without folders, links, sockets and devices, which nobody needs to make. Nothing is removed: an
# open file without a name still takes room, and nobody sees how much.
_WRITE = _WRITE_FILE | _MAKE_FILE | _TRUNCATE
# How many rights over files each version of the kernel's interface knows, the first first.
_FILE_RIGHTS = (13, 14, 15, 15, 16)
_TCP_SINCE, _TCP = 4, 0b11
_SCOPES_SINCE, _SCOPES = 6, 0b11

_libc = ctypes.CDLL(None, use_errno=True)


def version() -> int:
    """Tell which version of Landlock's interface the kernel has; 0 where it has none."""
    found: int = _libc.syscall(_CREATE, None, ctypes.c_size_t(0), _VERSION_ONLY)
    return max(found, 0)


def restrict(readable: Iterable[Path], writable: Iterable[Path]) -> None:
    """Keep these files and folders, with all that is below, and nothing else; there is no way back.

    TCP, sockets without a path and signals to others go too, where the kernel's Landlock knows
    them. It binds this thread and those that it starts.

    Args:
        readable: what may be read; what is not there is passed over.
        writable: folders in which files may also be made and written, but not removed.

    Raises:
        OSError: the kernel refuses.
    """
    known = version()
    handled = (1 << _FILE_RIGHTS[min(known, len(_FILE_RIGHTS)) - 1]) - 1
    tcp = _TCP if known >= _TCP_SINCE else 0
    scopes = _SCOPES if known >= _SCOPES_SINCE else 0
    # An older kernel takes what it does not know only as zeros.
    rules = struct.pack("=QQQ", handled, tcp, scopes)
    ruleset = _called(_CREATE, rules, ctypes.c_size_t(len(rules)), 0)
    try:
        for path in readable:
            _allow(ruleset, path, (_READ_FILE | _READ_DIR) & handled)
        for path in writable:
            _allow(ruleset, path, (_READ_FILE | _READ_DIR | _WRITE) & handled)
        if _libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0):
            raise _failed()
        _called(_RESTRICT, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: Path, rights: int) -> None:
    try:
        beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        rights = rights if path.is_dir() else rights & _OF_FILES
        _called(_ADD_RULE, ruleset, _BENEATH, struct.pack("=Qi", rights, beneath), 0)
    finally:
        os.close(beneath)


def _called(number: int, *arguments: object) -> int:
    result: int = _libc.syscall(number, *arguments)
    if result < 0:
        raise _failed()
    return result


def _failed() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, f"Landlock: {os.strerror(number)}")
