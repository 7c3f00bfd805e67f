"""The jail: a fresh interpreter that gives up its rights, reads what nobody trusts, and says data.

Nothing that comes out of it is believed: lines of JSON within bounds, and files of known names.
"""

import json
import mimetypes
import os
import selectors
import shutil
import stat
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

from ..common import errors
from ..common.errors import CodeStopped, LearnwireError, NotServable, plain
from ..common.logs import get_logger
from ..common.stages import Stage
from ..common.threads import THREADS
from ..store.private import PRIVATE_FILE
from .rights import Limits, lack

_log = get_logger()

# Seconds between two looks at what it takes.
_LOOKS = 0.05
# Seconds in which it ends, once it says no more.
_PATIENCE = 2.0
_MOST_FILES, _MOST_THREADS = 200, 1024
_MOST_SAID, _MOST_LINES = 64 * 2**20, 1000
# What is handed on of the environment: no secrets.
_ENVIRONMENT = ("LANG", "LC_ALL", "TZ", THREADS, "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
# What libraries read when they are imported.
_SYSTEM = (
    *("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache"),
    *("/usr/share/zoneinfo", "/etc/localtime", "/dev/null", "/dev/urandom"),
    *("/proc/cpuinfo", "/sys/devices/system/cpu", "/sys/fs/cgroup/cpu.max"),
    *map(str, mimetypes.knownfiles),
)


@dataclass
class Jail:
    """Runs a module's tasks without rights, within limits that hold for all of them together.

    Usage: `jail.run("package.cell", {"task": "seal"}, stage)`; see `jailed` to make one.

    Attributes:
        out: the folder that it leaves files in; beside `temporary`, the only one it writes to.
        temporary: for what it does not leave.
    """

    out: Path
    temporary: Path
    limits: Limits
    hidden: Sequence[Path]
    _ends: float = field(init=False)

    def __post_init__(self) -> None:
        self._ends = time.monotonic() + self.limits.seconds

    def run(
        self, module: str, order: Mapping[str, Any], stage: Stage, readable: Sequence[Path] = ()
    ) -> str:
        """Run a module of ours as a process of its own; give the result that it says.

        Args:
            module: it reads its order, gives up its rights, and says what comes of it; see
                `cell.py`.
            order: JSON data for it.
            stage: told of the stages that it goes through.
            readable: what it may read beside Python's libraries.

        Raises:
            LearnwireError: what it raised.
            CodeStopped: it took more than it may, died, or said what it should not.
        """
        paths = [*libraries(self.hidden), *map(str, readable)]
        said = {
            **order,
            "readable": paths,
            "writable": [str(self.out), str(self.temporary)],
            "limits": self.limits,
        }
        with _process(module, self._environment()) as process:
            assert process.stdin is not None  # noqa: S101 - it was asked for
            assert process.stdout is not None  # noqa: S101 - it was asked for
            with suppress(BrokenPipeError), process.stdin as stream:
                stream.write(json.dumps(said).encode() + b"\n")
            listener = _Listener(stage)
            for data in self._chunks(process, process.stdout):
                listener.hear(data)
            listener.hear(b"", whole=True)
            if listener.result is None:
                raise CodeStopped(
                    f"the process that read it {_end_of(process)}, before it said what came of it"
                )
            return listener.result

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        here = str(self.temporary)
        fonts = _fonts()
        return {
            **kept,
            **dict.fromkeys(("HOME", "TMPDIR", "LEARNWIRE_HOME"), here),
            # No folder, so there is no cache of networks to write to.
            "LEARNWIRE_CACHE": os.devnull,
            "MPLCONFIGDIR": str(fonts if fonts.is_dir() else here),
            "TORCHINDUCTOR_CACHE_DIR": here,
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "PYTHONDONTWRITEBYTECODE": "1",
            # Each thread's own heap would count against the memory.
            "MALLOC_ARENA_MAX": "2",
        }

    def _chunks(self, process: "subprocess.Popen[bytes]", said: IO[bytes]) -> Iterator[bytes]:
        with selectors.DefaultSelector() as selector:
            selector.register(said, selectors.EVENT_READ)
            while True:
                if selector.select(_LOOKS):
                    data = os.read(said.fileno(), 2**16)
                    if not data:
                        return
                    yield data
                self._check(process.pid)

    def _check(self, pid: int) -> None:
        if time.monotonic() > self._ends:
            raise CodeStopped(
                f"it took more than {self.limits.seconds:g} s and was ended; --max-seconds allows "
                "more"
            )
        files = [one.stat(follow_symlinks=False) for one in self._files()]
        if len(files) > _MOST_FILES or sum(map(_room, files)) > self.limits.disk:
            raise CodeStopped(
                f"it wrote more than {_MOST_FILES} files or {self.limits.disk} bytes and was ended"
            )
        if _threads(pid) > _MOST_THREADS:
            raise CodeStopped(f"it started more than {_MOST_THREADS} threads and was ended")

    def _files(self) -> Iterator["os.DirEntry[str]"]:
        for folder in (self.out, self.temporary):
            with os.scandir(folder) as entries:
                yield from entries

    def take(self, known: Callable[[str], bool], directory: Path) -> None:
        """Move what was left in `out` to a directory.

        Args:
            known: tells whether a file of that name is wanted.
            directory: where the files go.

        Raises:
            CodeStopped: something is no file, or of another name.
        """
        for entry in sorted(os.scandir(self.out), key=lambda one: one.name):
            found = entry.stat(follow_symlinks=False)
            if not known(entry.name) or not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
                raise CodeStopped(f"it left {plain(entry.name)!r}, which is no part of a version")
            # It may have left one that its owner may not read.
            os.chmod(entry.path, PRIVATE_FILE)
            os.replace(entry.path, directory / entry.name)


@contextmanager
def jailed(directory: Path, limits: Limits, hidden: Sequence[Path]) -> Iterator[Jail]:
    """Give a jail below a directory; it is gone afterwards, with what was left in it.

    Args:
        directory: where its folders are made.
        limits: what all its tasks may take.
        hidden: folders that nothing of may be read, whatever Python's path says.

    Raises:
        NotServable: the kernel cannot take rights away; the message says the way out.
    """
    if lacking := lack():
        raise NotServable(
            f"unpickling may run code, and here it cannot be kept from doing harm: {lacking}; "
            "where you trust who made it, --allow-unpickling reads it all the same"
        )
    cell = directory / uuid4().hex
    out, temporary = cell / "out", cell / "temporary"
    for folder in (cell, out, temporary):
        folder.mkdir(mode=0o700)
    try:
        yield Jail(out, temporary, limits, [*hidden, Path.home()])
    finally:
        shutil.rmtree(cell)


def libraries(hidden: Sequence[Path]) -> list[str]:
    """Give the folders and files that Python and its packages are read from.

    A folder of Python's path that holds one of `hidden` is none.
    """
    secret = [path.resolve() for path in hidden]
    paths = [*sys.path, *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib"))]
    found = [Path(path).resolve() for path in paths if path]
    kept = [path for path in found if not any(one.is_relative_to(path) for one in secret)]
    own = [Path(sysconfig.get_config_var("LIBDIR") or ""), _fonts()]
    return [*_SYSTEM, *dict.fromkeys(str(path) for path in [*kept, *own] if path.is_absolute())]


def _fonts() -> Path:
    """Give the folder of matplotlib's list of fonts, which else is made anew each time."""
    own = os.environ.get("MPLCONFIGDIR")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return Path(own) if own else cache / "matplotlib"


@contextmanager
def _process(module: str, environment: Mapping[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """Start it in a session of its own, and see to its end."""
    process = subprocess.Popen(  # noqa: S603 - ourselves
        [sys.executable, "-P", "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=dict(environment),
        cwd="/",
        start_new_session=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def _end_of(process: "subprocess.Popen[bytes]") -> str:
    try:
        code = process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        return "fell silent"
    return f"ended with exit code {code}" if code >= 0 else f"was ended by signal {-code}"


def _room(file: os.stat_result) -> int:
    """Give what a file takes, be it promised or written: holes count too."""
    return max(file.st_size, 512 * file.st_blocks)


def _threads(pid: int) -> int:
    try:
        return len(os.listdir(f"/proc/{pid}/task"))
    except OSError:
        return 0


class _Listener:
    """Understands the lines that a process in the jail says, and believes none."""

    def __init__(self, stage: Stage) -> None:
        self.result: str | None = None
        self._stage = stage
        self._rest = bytearray()
        self._bytes = self._lines = 0

    def hear(self, data: bytes, *, whole: bool = False) -> None:
        """Take the next bytes; `whole` says that no more will come."""
        self._bytes += len(data)
        self._rest += data
        lines = list[bytearray]()
        if whole or b"\n" in data:
            *lines, self._rest = self._rest.split(b"\n")
        self._lines += len(lines)
        if self._bytes > _MOST_SAID or self._lines > _MOST_LINES:
            raise CodeStopped("the process that read it said more than it should, and was ended")
        for line in lines:
            self._understand(line)

    def _understand(self, line: bytearray) -> None:
        try:
            said = json.loads(line)
        except (ValueError, RecursionError):
            said = None
        match said:
            case {"stage": [str(name), str(doing)]}:
                self._stage(plain(name), plain(doing))
            case {"warning": str(text)}:
                _log.warning(plain(text))
            case {"error": [str(kind), str(text)]}:
                raise _error(kind)(plain(text))
            case {"result": str(text)}:
                self.result = text
            case _:
                raise CodeStopped("the process that read it said what nobody understands")


def _error(kind: str) -> type[LearnwireError]:
    found = getattr(errors, kind, None)
    known = (
        errors.UnloadableModel,
        errors.InvalidInput,
        errors.CorruptModel,
        errors.GoldenMismatch,
    )
    return found if found in known else NotServable
