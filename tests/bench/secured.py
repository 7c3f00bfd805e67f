"""What TLS and a token cost a call, against plain text that asks for none.

Usage: `python -m tests.bench.secured`, by itself; `make bench` has it too.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import trustme
from rich.progress import Progress

from tests.certificates import Files

from .alone import run_alone
from .contest import BOTH, PLAIN, TLS
from .models import PENGUINS
from .processes import Cores, pinned_pool
from .programme import unary
from .rounds import Samples, run_rounds
from .servers import OPEN, Guard, Program, guarded, started
from .targets import judge_security

ROUNDS = 10
IN_FLIGHT = (1, 16)

_SECONDS, _LONGEST = 1.0, 180.0


def measure_security(cores: Cores, progress: Progress) -> Samples:
    """Ask three servers in turn, each over a connection that is kept, one round after the other."""
    with ExitStack() as stack:
        client = stack.enter_context(pinned_pool(cores.client))
        programs = stack.enter_context(_programs())
        figures = [
            unary(client, name, served, PENGUINS, calls, _SECONDS)
            for name, program in programs.items()
            for served in [stack.enter_context(started(program, cores.contenders))]
            for calls in IN_FLIGHT
        ]
        return run_rounds(dict(figures), progress, rounds=ROUNDS, longest=_LONGEST)


@contextmanager
def _programs() -> Iterator[dict[str, Program]]:
    with TemporaryDirectory() as made:
        authority, files = trustme.CA(), Files(Path(made))
        files.keep(authority.issue_cert("127.0.0.1"))
        roots, access = authority.cert_pem.bytes(), str(files.cert.with_name("access.json"))
        asked = Guard(roots, _token(access))
        yield {
            PLAIN: guarded(PENGUINS.tag, "plain", [], OPEN),
            TLS: guarded(PENGUINS.tag, "tls", files.flags(), Guard(roots)),
            BOTH: guarded(PENGUINS.tag, "both", [*files.flags(), "--access", access], asked),
        }


def _token(access: str) -> str:
    command = [sys.executable, "-m", "learnwire_service", "token", "new", "bench"]
    made = subprocess.run([*command, "--file", access], capture_output=True, text=True, check=True)
    return made.stdout.strip()


if __name__ == "__main__":
    run_alone(measure_security, judge_security)
