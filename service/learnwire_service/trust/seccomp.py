"""Seccomp: a process gives up calls of the kernel, by a small filter of the kernel's own machine.

Landlock looks after what is opened by a path. This looks after what has none: other processes,
the network, memory that no limit counts, and the marks of files (mode, owner, times).
"""

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

# Calls, and their numbers on x86_64 and on aarch64; None where there is none.
_FORBIDDEN: tuple[tuple[str, int, int | None], ...] = (
    # The network. What this process may say goes through a pipe.
    *(("socket", 41, 198), ("socketpair", 53, 199), ("connect", 42, 203), ("bind", 49, 200)),
    *(("listen", 50, 201), ("accept", 43, 202), ("accept4", 288, 242)),
    *(("sendto", 44, 206), ("sendmsg", 46, 211), ("sendmmsg", 307, 269)),
    # Other programs and processes.
    *(("execve", 59, 221), ("execveat", 322, 281), ("fork", 57, None), ("vfork", 58, None)),
    *(("ptrace", 101, 117), ("kcmp", 312, 272)),
    *(("process_vm_readv", 310, 270), ("process_vm_writev", 311, 271)),
    *(("tkill", 200, 130), ("rt_sigqueueinfo", 129, 138), ("rt_tgsigqueueinfo", 297, 240)),
    *(("setpriority", 141, 140), ("ioprio_set", 251, 30), ("sched_setscheduler", 144, 119)),
    *(("sched_setparam", 142, 118), ("sched_setattr", 314, 274)),
    *(("migrate_pages", 256, 238), ("move_pages", 279, 239)),
    *(("setpgid", 109, 154), ("setsid", 112, 157), ("personality", 135, 92)),
    # Memory and objects of the kernel that no limit counts.
    *(("memfd_create", 319, 279), ("shmget", 29, 194), ("shmat", 30, 196), ("shmctl", 31, 195)),
    *(("semget", 64, 190), ("msgget", 68, 186), ("mq_open", 240, 180), ("mq_unlink", 241, 181)),
    *(("keyctl", 250, 219), ("add_key", 248, 217), ("request_key", 249, 218)),
    *(("bpf", 321, 280), ("perf_event_open", 298, 241), ("userfaultfd", 323, 282)),
    *(("vmsplice", 278, 75), ("modify_ldt", 154, None), ("seccomp", 317, 277)),
    # What Landlock does not look after, or not in each kernel.
    *(("truncate", 76, 45), ("chmod", 90, None), ("fchmod", 91, 52), ("fchmodat", 268, 53)),
    *(("chown", 92, None), ("lchown", 94, None), ("fchown", 93, 55), ("fchownat", 260, 54)),
    *(("setxattr", 188, 5), ("lsetxattr", 189, 6), ("fsetxattr", 190, 7)),
    *(("removexattr", 197, 14), ("lremovexattr", 198, 15), ("fremovexattr", 199, 16)),
    *(("utime", 132, None), ("utimes", 235, None), ("futimesat", 261, None)),
    *(("utimensat", 280, 88), ("fallocate", 285, 47)),
    *(("inotify_init", 253, None), ("inotify_init1", 294, 26), ("fanotify_init", 300, 262)),
    *(("name_to_handle_at", 303, 264), ("open_by_handle_at", 304, 265)),
    # What changes the machine, which needs privileges that are gone as well.
    *(("mount", 165, 40), ("umount2", 166, 39), ("pivot_root", 155, 41), ("chroot", 161, 51)),
    *(("unshare", 272, 97), ("setns", 308, 268), ("syslog", 103, 116), ("acct", 163, 89)),
    *(("quotactl", 179, 60), ("swapon", 167, 224), ("swapoff", 168, 225), ("reboot", 169, 142)),
    *(("init_module", 175, 105), ("finit_module", 313, 273), ("delete_module", 176, 106)),
    *(("kexec_load", 246, 104), ("kexec_file_load", 320, 294)),
    *(("iopl", 172, None), ("ioperm", 173, None)),
)
# What kernels have added since has the same number on all machines. It is said not to be there, as
# on an older kernel, so that the C library does without; but for looking and waiting.
_NEWER = 424
_HARMLESS = {"faccessat2": 439, "epoll_pwait2": 441, "futex_waitv": 449}


class _Case(NamedTuple):
    """A call that depends on an argument: whether that, behind a mask, is one value."""

    call: tuple[int | None, int | None]
    argument: int
    mask: int
    value: int
    forbidden: bool


_ALL = 0xFFFFFFFF
_THREAD = 0x10000
_TRUNCATED = os.O_TRUNC | os.O_ACCMODE
_KILL, _TGKILL, _CLONE = (62, 129), (234, 131), (56, 220)
_OPEN, _OPENAT, _IOCTL = (2, None), (257, 56), (16, 29)
# A file that has no name, so that nobody sees it grow.
_NAMELESS = 0x400000
# Of what ioctl asks, the kind: that which terminals began. Others change the marks of files.
_KIND, _PLAIN = 0xFF00, 0x5400
_PRCTL, _PRLIMIT, _AFFINITY, _FCNTL = (157, 167), (302, 261), (203, 122), (72, 25)
_PARENT_DEATH_SIGNAL = 1
# Whom a file's signals go to, and which; and a lease, for which others wait at a file.
_SET_OWNER, _SET_SIGNAL, _SET_OWNER_EX, _SET_LEASE = 8, 10, 15, 1024


def _cases(own: int) -> Iterator[_Case]:
    """Give the cases of the process of that number."""
    # abort() and raise() send themselves a signal.
    yield _Case(_KILL, 0, _ALL, own, forbidden=False)
    yield _Case(_TGKILL, 0, _ALL, own, forbidden=False)
    yield _Case(_CLONE, 0, _THREAD, _THREAD, forbidden=False)
    yield _Case(_PRLIMIT, 0, _ALL, 0, forbidden=False)
    yield _Case(_AFFINITY, 0, _ALL, 0, forbidden=False)
    # It empties what may only be read; older kinds of Landlock pass over that.
    yield _Case(_OPEN, 1, _TRUNCATED, os.O_TRUNC, forbidden=True)
    yield _Case(_OPENAT, 2, _TRUNCATED, os.O_TRUNC, forbidden=True)
    yield _Case(_OPEN, 1, _NAMELESS, _NAMELESS, forbidden=True)
    yield _Case(_OPENAT, 2, _NAMELESS, _NAMELESS, forbidden=True)
    yield _Case(_IOCTL, 1, _KIND, _PLAIN, forbidden=False)
    yield _Case(_PRCTL, 0, _ALL, _PARENT_DEATH_SIGNAL, forbidden=True)
    for command in (_SET_OWNER, _SET_SIGNAL, _SET_OWNER_EX, _SET_LEASE):
        yield _Case(_FCNTL, 1, _ALL, command, forbidden=True)


# The machines that have numbers above, and what the kernel calls them.
_MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_FILTER, _NO_NEW_PRIVILEGES, _SET_SECCOMP = 2, 38, 22
# Instructions: load a word, jump, mask, return.
_LOAD, _EQUAL, _AT_LEAST, _AND, _RETURN = 0x20, 0x15, 0x35, 0x54, 0x06
_ALLOW, _KILL_PROCESS, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER_AT, _MACHINE_AT, _ARGUMENTS_AT = 0, 4, 16

_libc = ctypes.CDLL(None, use_errno=True)


def lack() -> str:
    """Say why there is no filter here; empty where there is one."""
    if platform.machine() not in _MACHINES:
        return f"calls of the kernel have no numbers here for {platform.machine()}"
    # With no filter given the kernel complains of the address, where it has them at all.
    _libc.prctl(_SET_SECCOMP, _FILTER, None, 0, 0)
    return "" if ctypes.get_errno() == errno.EFAULT else "the kernel has no seccomp filters"


def restrict() -> None:
    """Give up the network, other processes and the marks of files; there is no way back.

    Threads may be started. It binds this thread and those that it starts.

    Raises:
        OSError: the kernel refuses.
    """
    program = b"".join(_program(platform.machine(), os.getpid()))
    code = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: how many instructions, and where.
    given = struct.pack("HP", len(program) // 8, ctypes.addressof(code))
    if _libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) or _libc.prctl(
        _SET_SECCOMP, _FILTER, given, 0, 0
    ):
        number = ctypes.get_errno()
        raise OSError(number, f"seccomp: {os.strerror(number)}")


def _program(machine: str, own: int) -> Iterator[bytes]:
    column = list(_MACHINES).index(machine)
    yield _step(_LOAD, _MACHINE_AT)
    yield from _unless(_EQUAL, _MACHINES[machine], _KILL_PROCESS)
    yield _step(_LOAD, _NUMBER_AT)
    for number in _HARMLESS.values():
        yield from _when(_EQUAL, number, _ALLOW)
    yield from _when(_AT_LEAST, _NEWER, _ERROR | errno.ENOSYS)
    for number in _present(numbers[column] for _, *numbers in _FORBIDDEN):
        yield from _when(_EQUAL, number, _ERROR | errno.EPERM)
    for case in _cases(own):
        for number in _present([case.call[column]]):
            yield from _looked_at(number, case)
    yield _step(_RETURN, _ALLOW)


def _present(numbers: Iterable[int | None]) -> Iterator[int]:
    return (number for number in numbers if number is not None)


def _looked_at(number: int, case: _Case) -> Iterator[bytes]:
    judge = _when if case.forbidden else _unless
    inside = [
        _step(_LOAD, _ARGUMENTS_AT + 8 * case.argument),
        _step(_AND, case.mask),
        *judge(_EQUAL, case.value, _ERROR | errno.EPERM),
        _step(_LOAD, _NUMBER_AT),
    ]
    yield _step(_EQUAL, number, otherwise=len(inside))
    yield from inside


def _when(test: int, value: int, result: int) -> Iterator[bytes]:
    yield _step(test, value, otherwise=1)
    yield _step(_RETURN, result)


def _unless(test: int, value: int, result: int) -> Iterator[bytes]:
    yield _step(test, value, then=1)
    yield _step(_RETURN, result)


def _step(code: int, value: int, *, then: int = 0, otherwise: int = 0) -> bytes:
    """Give an instruction; a jump passes over so many others."""
    return struct.pack("HBBI", code, then, otherwise, value)
