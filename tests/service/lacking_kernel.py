"""Runs the command line where the kernel lacks something, by a filter of seccomp's own.

Usage: `python -m tests.service.lacking_kernel landlock save m export.pkl`
"""

import ctypes
import errno
import struct
import sys

from learnwire_service.cli.main import main

LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, ERROR = 0x7FFF0000, 0x00050000
# The call of Landlock that tells its version; prctl(PR_SET_SECCOMP).
CREATE_RULESET, PRCTL, SET_SECCOMP = 444, 157, 22
PROGRAMS = {
    "landlock": [
        (LOAD, 0, 0, 0),
        (EQUAL, 0, 1, CREATE_RULESET),
        (RETURN, 0, 0, ERROR | errno.ENOSYS),
        (RETURN, 0, 0, ALLOW),
    ],
    "seccomp": [
        (LOAD, 0, 0, 0),
        (EQUAL, 0, 3, PRCTL),
        (LOAD, 0, 0, 16),
        (EQUAL, 0, 1, SET_SECCOMP),
        (RETURN, 0, 0, ERROR | errno.EINVAL),
        (RETURN, 0, 0, ALLOW),
    ],
}


def take_away(what: str) -> None:
    """Let this process and its children find no such thing in the kernel."""
    program = b"".join(struct.pack("HBBI", *step) for step in PROGRAMS[what])
    code = ctypes.create_string_buffer(program, len(program))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(38, 1, 0, 0, 0)
    given = struct.pack("HP", len(program) // 8, ctypes.addressof(code))
    assert libc.prctl(SET_SECCOMP, 2, given, 0, 0) == 0


if __name__ == "__main__":
    take_away(sys.argv.pop(1))
    main()
