"""The jail: what code in it cannot do, shown by code that does it everywhere else."""

import json
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest
from learnwire_service import LearnwireError, UnloadableModel
from learnwire_service.common.errors import CodeStopped
from learnwire_service.trust.jail import Jail, jailed
from learnwire_service.trust.rights import Limits, lack

from . import code_cell

pytestmark = pytest.mark.skipif(lack() != "", reason=f"no jail here: {lack()}")

# Each leaves a mark where there is no jail: outside, or at a listener.
DEEDS = {
    "writes a file": "open(outside + '/mark', 'w').write('x')",
    "appends to a file": "open(outside + '/victim', 'a').write('x')",
    "empties a file": "os.truncate(outside + '/victim', 0)",
    "removes a file": "os.remove(outside + '/victim')",
    "renames a file": "os.rename(outside + '/victim', outside + '/mark')",
    "lets all read a file": "os.chmod(outside + '/victim', 0o777)",
    "gives a file away": "os.chown(outside + '/victim', 12345, 12345)",
    "dates a file back": "os.utime(outside + '/victim', (0, 0))",
    "makes a folder": "os.mkdir(outside + '/mark')",
    "makes a link": "os.symlink('/', outside + '/mark')",
    "makes a pipe": "os.mkfifo(outside + '/mark')",
    "tells what a file holds": (
        "text = open(outside + '/victim').read(); sys.stdout.write(text); raise OSError(text)"
    ),
    "tells the environment": (
        "text = os.environ['SECRET']; sys.stdout.write(text); raise OSError(text)"
    ),
    "connects by TCP": "socket.create_connection(('127.0.0.1', tcp))",
    "sends by UDP": ("socket.socket(type=socket.SOCK_DGRAM).sendto(b'secret', ('127.0.0.1', udp))"),
    "connects to a socket's file": "socket.socket(socket.AF_UNIX).connect(outside + '/socket')",
    "starts a shell": "assert os.system(f'touch {outside}/mark') == 0",
    "starts a program": "subprocess.run(['touch', outside + '/mark'], check=True)",
    "becomes a program": "os.execv('/bin/touch', ['touch', outside + '/mark'])",
    "spawns a program": (
        "os.posix_spawn('/bin/touch', ['touch', outside + '/mark'], {}); os.wait()"
    ),
    "forks": (
        "number = os.fork()\n"
        "if number == 0:\n    os.mkdir(outside + '/mark'); os._exit(0)\n"
        "os.waitpid(number, 0)"
    ),
    "clones itself": (
        "number = ctypes.CDLL(None).syscall(56, 17, 0, 0, 0, 0)\n"
        "if number == 0:\n    os.mkdir(outside + '/mark'); os._exit(0)\n"
        "assert number > 0; os.waitpid(number, 0)"
    ),
    "kills another": "os.kill(bystander, 9)",
    "interrupts another": "os.kill(bystander, 2)",
    "slows another down": "os.setpriority(os.PRIO_PROCESS, bystander, 19)",
    "limits another": "resource.prlimit(bystander, resource.RLIMIT_NOFILE, (3, 3))",
}
# These leave no mark, and are what another deed would begin with.
REFUSED = {
    "reads the passwords": "open('/etc/passwd').read()",
    "lists the root": "os.listdir('/')",
    "looks at other processes": "open(f'/proc/{os.getppid()}/environ').read()",
    "reads the store": "os.listdir(hidden)",
    "makes a pair of sockets": "socket.socketpair()",
    "waits for callers": "socket.create_server(('127.0.0.1', 0))",
    "hides memory": "os.memfd_create('x')",
    "shares memory": "os.open('/dev/shm/x', os.O_CREAT | os.O_RDWR)",
    "makes a folder in its own": "os.mkdir('x', dir_fd=os.open(out, os.O_RDONLY))",
    "makes a link in its own": "os.symlink('/etc/passwd', out + '/recipe.json')",
    "makes a pipe in its own": "os.mkfifo(out + '/recipe.json')",
    "empties a library": "os.open(os.__file__, os.O_RDONLY | os.O_TRUNC)",
    "writes to a library": "open(os.__file__, 'a')",
    "allows itself more": (
        "resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))"
    ),
    "outlives its parent": "assert ctypes.CDLL(None).prctl(1, 0, 0, 0, 0) == 0, 'not permitted'",
    "removes a file of its own": "open(out + '/x', 'w').close(); os.remove(out + '/x')",
    "renames a file of its own": "open(out + '/x', 'w').close(); os.rename(out + '/x', out + '/y')",
    "writes a file without a name": "os.open(out, os.O_TMPFILE | os.O_RDWR)",
    "takes room beyond a file's end": (
        "file = os.open(out + '/x', os.O_CREAT | os.O_RDWR)\n"
        "length = ctypes.c_long(2**20)\n"
        "assert ctypes.CDLL(None).fallocate(file, 1, length, length) == 0, 'not permitted'"
    ),
    "marks a library": (
        "import fcntl\nfcntl.ioctl(os.open(os.__file__, os.O_RDONLY), 0x40086602, bytes(8))"
    ),
    "keeps others from a library": (
        "import fcntl\nfcntl.fcntl(os.open(os.__file__, os.O_RDONLY), 1024, fcntl.F_RDLCK)"
    ),
    "asks for a ring": "assert ctypes.CDLL(None).syscall(425, 8, 0) >= 0, 'not permitted'",
    "moves to another root": "os.chroot(out)",
    "watches another": "assert ctypes.CDLL(None).ptrace(16, os.getppid()) == 0, 'not permitted'",
    "has signals sent": "__import__('fcntl').fcntl(0, 8, os.getppid())",
}
IMPORTS = "import ctypes, os, resource, socket, subprocess, sys\n"
LIMITS = Limits(seconds=60, memory=2**28, disk=2**26)


class World(NamedTuple):
    """What a deed would leave its mark on."""

    outside: Path
    names: dict[str, Any]
    bystander: "subprocess.Popen[bytes]"
    state: Callable[[], object]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "victim").write_text("secret")
    monkeypatch.setenv("SECRET", "secret")
    tcp, unix = socket.create_server(("127.0.0.1", 0)), socket.socket(socket.AF_UNIX)
    udp = socket.socket(type=socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))
    unix.bind(str(outside / "socket"))
    unix.listen()
    bystander = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    with tcp, unix, udp, bystander:
        names = {
            "outside": str(outside),
            "hidden": str(tmp_path / "store"),
            "tcp": tcp.getsockname()[1],
            "udp": udp.getsockname()[1],
            "bystander": bystander.pid,
        }

        def state() -> object:
            for one in (tcp, unix, udp):
                one.setblocking(False)
            return (
                sorted((path.name, _facts(path)) for path in outside.iterdir()),
                [
                    _called(lambda: tcp.accept()[0].close()),
                    _called(lambda: unix.accept()[0].close()),
                    _called(lambda: udp.recv(99)),
                ],
                bystander.poll() or _facts_of(bystander.pid),
            )

        yield World(outside, names, bystander, state)
        bystander.kill()


def _facts(path: Path) -> tuple[object, ...]:
    found = path.lstat()
    return found.st_mode, found.st_uid, found.st_size, found.st_mtime


def _facts_of(process: int) -> tuple[object, ...]:
    limits = resource.prlimit(process, resource.RLIMIT_NOFILE)
    return os.getpriority(os.PRIO_PROCESS, process), limits


def _called(receive: Callable[[], object]) -> bool:
    try:
        receive()
    except BlockingIOError:
        return False
    return True


@pytest.fixture
def jail(tmp_path: Path) -> Iterator[Jail]:
    (tmp_path / "store").mkdir()
    with jailed(tmp_path, LIMITS, [tmp_path / "store"]) as made:
        yield made


def run(jail: Jail, code: str, **names: object) -> Any:
    names = {"out": str(jail.out), "temporary": str(jail.temporary), **names}
    order = {"task": "run", "code": IMPORTS + code, "names": names}
    return json.loads(jail.run(code_cell.__name__, order, lambda name, doing: None))


@pytest.mark.slow  # the test of all at once is quick
@pytest.mark.parametrize("deed", DEEDS)
def test_what_is_done_elsewhere_is_not_done_in_the_jail(
    deed: str, world: World, jail: Jail
) -> None:
    before = world.state()
    with pytest.raises(LearnwireError) as refused:
        run(jail, DEEDS[deed], **world.names)
    assert "secret" not in str(refused.value)
    assert world.state() == before

    code = IMPORTS + "".join(f"{name} = {value!r}\n" for name, value in world.names.items())
    done = subprocess.run([sys.executable, "-c", code + DEEDS[deed]], capture_output=True)
    if deed in ("kills another", "interrupts another"):
        world.bystander.wait()
    if os.geteuid() == 0 or deed != "gives a file away":
        assert world.state() != before or done.stdout == b"secret"


@pytest.mark.slow  # so it is for these
@pytest.mark.parametrize("deed", REFUSED)
def test_the_kernel_refuses_it_in_the_jail(deed: str, world: World, jail: Jail) -> None:
    told = "Permission denied|not permitted|not allowed|not implemented"
    with pytest.raises(LearnwireError, match=told):
        run(jail, REFUSED[deed], **world.names)


def test_all_at_once_from_a_thread_of_its_own_do_nothing(world: World, jail: Jail) -> None:
    before = world.state()
    deeds = list({**DEEDS, **REFUSED}.values())
    code = """
import threading
done = []
def act():
    for deed in deeds:
        try:
            exec(deed)
        except BaseException:
            pass
        else:
            done.append(deed)
thread = threading.Thread(target=act)
thread.start()
thread.join()
answer = done
"""
    assert run(jail, code, deeds=deeds, **world.names) == []
    assert world.state() == before


def test_it_computes_starts_threads_and_writes_files_of_its_own(jail: Jail) -> None:
    code = """
import threading
thread = threading.Thread(target=lambda: open(out + '/recipe.json', 'w').write('{}'))
thread.start()
thread.join()
open(temporary + '/x', 'wb').write(b'x')
answer = [sum(range(10)), os.listdir(out), len(os.environ.get('SECRET', ''))]
"""
    assert run(jail, code) == [45, ["recipe.json"], 0]


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("data = []\nwhile True: data.append(bytearray(2**24))", "MemoryError"),
        (
            "import mmap\ndata = []\nwhile True: data.append(mmap.mmap(-1, 2**24))",
            "OSError: .*Cannot allocate memory",
        ),
        ("while True: pass", "took more than 1 s and was ended; --max-seconds allows more"),
        ("import time; time.sleep(10**6)", "took more than 1 s"),
        (
            "import threading\n"
            "threading.stack_size(2**15)\n"
            "wait = threading.Event().wait\n"
            "while True: threading.Thread(target=wait).start()",
            "threads and was ended|can't start new thread",
        ),
        (
            "with open(out + '/network.onnx', 'wb') as file:\n"
            "    while True: file.write(bytes(2**20))",
            "File too large|it wrote more than",
        ),
        (
            "number = 0\n"
            "while True:\n"
            "    number += 1\n"
            "    open(f'{temporary}/{number}', 'w').close()",
            "it wrote more than 200 files",
        ),
        (
            "for number in range(100):\n"
            "    with open(f'{out}/{number}', 'wb') as file: file.truncate(2**25)\n"
            "while True: pass",
            "it wrote more than 200 files or 67108864 bytes and was ended",
        ),
        ("os.abort()", "was ended by signal 6, before it said what came of it"),
        ("ctypes.string_at(0)", "was ended by signal 11"),
        ("os._exit(0)", "ended with exit code 0, before it said"),
        ("sys.exit(0)", "SystemExit: 0"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("def f(): f()\nf()", "RecursionError"),
        ("os.closerange(3, 20)\nwhile True: pass", "fell silent"),
    ],
)
def test_what_has_no_end_of_its_own_is_ended(code: str, told: str, tmp_path: Path) -> None:
    limits = LIMITS._replace(seconds=1) if "1 s" in told else LIMITS
    with jailed(tmp_path, limits, []) as jail, pytest.raises(LearnwireError, match=told):
        run(jail, code)
    assert list(tmp_path.iterdir()) == []
    assert psutil.Process().children() == []


CHANNEL = "channel = cell._channel.fileno()\n"


@pytest.mark.parametrize(
    "code",
    [
        r"os.write(channel, b'garbage\n')",
        r"os.write(channel, b'\xff\x00\n')",
        r"os.write(channel, b'[' * 10**6 + b'\n')",
        r"os.write(channel, b'null\n')",
        r"os.write(channel, b'{\"result\": [1]}\n')",
        r"os.write(channel, b'{\"error\": [\"NotServable\"]}\n')",
        r"os.write(channel, b'{\"stage\": 1}\n')",
        r"os.write(channel, b'{\"stage\": [\"m\", \"x\"]}\n' * 2000)",
        r"while True: os.write(channel, b'x' * 2**16)",
    ],
)
def test_what_it_says_is_not_believed(code: str, jail: Jail) -> None:
    with pytest.raises(CodeStopped, match="the process that read it said"):
        run(jail, CHANNEL + code + "\nwhile True: pass")


def test_nothing_it_says_is_obeyed_by_a_terminal_or_forges_a_line(
    jail: Jail, caplog: pytest.LogCaptureFixture
) -> None:
    code = r"""
cell.say('warning', 'one\nroot logged in\x1b[2J')
from learnwire_service import UnloadableModel
raise UnloadableModel('two\nlearnwire: all is well\x1b]0;x\x07\u202e' + 'x' * 10**5)
"""
    with pytest.raises(UnloadableModel) as told:
        run(jail, code)
    assert str(told.value).startswith("two learnwire: all is well ]0;x  xxx")
    assert len(str(told.value)) == 4000
    assert caplog.messages == ["one root logged in [2J"]


@pytest.mark.parametrize("kind", ["CodeStopped", "SystemExit", "Iterable", "LearnwireError", "x"])
def test_it_raises_no_error_of_its_choice(kind: str, jail: Jail) -> None:
    with pytest.raises(LearnwireError) as told:
        run(jail, f"cell.say('error', [{kind!r}, 'said']); os._exit(0)")
    assert (type(told.value).__name__, str(told.value)) == ("NotServable", "said")


@pytest.mark.parametrize("name", ["manifest.json", "custom_objects.pkl", "x.py", "..x", "a b"])
def test_only_files_of_known_names_are_taken(name: str, jail: Jail, tmp_path: Path) -> None:
    run(jail, f"open(out + '/{name}', 'w').close()")
    taken = tmp_path / "taken"
    taken.mkdir()
    with pytest.raises(CodeStopped, match=r"it left .*, which is no part of a version"):
        jail.take(lambda file: file == "recipe.json", taken)
    assert list(taken.iterdir()) == []


def test_a_second_name_of_a_file_is_not_taken(jail: Jail, tmp_path: Path) -> None:
    run(jail, "open(out + '/a', 'w').close(); os.link(out + '/a', out + '/b')")
    with pytest.raises(CodeStopped, match="no part of a version"):
        jail.take(lambda file: True, tmp_path)


def test_what_is_taken_is_its_owners_to_read(jail: Jail, tmp_path: Path) -> None:
    run(jail, "os.umask(0); os.close(os.open(out + '/a', os.O_CREAT, 0o4002))")
    jail.take(lambda file: True, tmp_path)
    assert (tmp_path / "a").stat().st_mode & 0o7777 == 0o600


def test_a_folder_of_the_path_that_holds_a_secret_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "place" / "store"
    store.mkdir(parents=True)
    (tmp_path / "place" / "helper.py").write_text("answer = 'from the path'\n")
    monkeypatch.syspath_prepend(tmp_path / "place")
    code = "import helper; answer = helper.answer"
    with jailed(tmp_path, LIMITS, []) as jail:
        assert run(jail, code) == "from the path"
    with jailed(tmp_path, LIMITS, [store]) as jail, pytest.raises(LearnwireError):
        run(jail, code)
