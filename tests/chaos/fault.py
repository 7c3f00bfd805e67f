"""Faults, injected for real: what is done, how calls may fail of it, and when it is over."""

import os
import signal
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from threading import Timer

from cryptography import x509
from learnwire_client import CallError, Client

from tests.certificates import HERE
from tests.client.relay import unchanged

from .models import DAMAGED, MODEL, VERSIONS
from .site import WORKERS, Site, set_clock
from .weather import Weather

_PATIENCE = 60.0
# In the midst of an update.
_MEANWHILE = 0.3
_BLOCK = 2**16
_AN_HOUR, _A_DAY = 3600, 86400

_LOST = frozenset({"UNAVAILABLE"})
_LATE = _LOST | {"DEADLINE_EXCEEDED"}
# A server that ends refuses so what it has not read; who has retries never sees it.
_ENDING = _LOST | {"CANCELLED"}
_HUNG = _LATE | _ENDING | {"INTERNAL"}
_NONE = frozenset[str]()


class Problem(Exception):
    """Raised when the server did otherwise than a fault allows; the message says how."""


@dataclass(frozen=True)
class Fault:
    """A fault.

    Attributes:
        name: what it is.
        inject: does it; runs in a thread of its own, and may take its time.
        codes: how calls may fail because of it.
        seconds: how long it stays.
        lift: ends it.
        is_of_proxy: whether only calls through the proxy are hit.
        skipped: why it cannot be injected here, "" where it can.
    """

    name: str
    inject: Callable[[Site], None]
    codes: frozenset[str] = _NONE
    seconds: float = 0.0
    lift: Callable[[Site], None] = lambda _: None
    is_of_proxy: bool = False
    skipped: Callable[[Site], str] = lambda _: ""


def _signal(number: signal.Signals) -> Callable[[Site], None]:
    def tell(site: Site) -> None:
        worker = site.server.workers[0]
        os.kill(worker, number)
        _await(lambda: worker not in site.server.workers, "the end of a worker")

    return tell


def _hang(site: Site) -> None:
    workers = set(site.server.workers)
    site.hang.touch()
    _await(lambda: not workers <= set(site.server.workers), "the end of a worker that hangs")


def _swap(site: Site) -> None:
    """Have the version that does not serve take the place of the one that does."""
    [new] = {*VERSIONS} - {site.version}
    site.checker.announced = None
    with Client(site.server.target, options=site.options, timeout=_PATIENCE) as operator:
        if operator.update(f"{MODEL}:{new}") != new:
            raise Problem(f"an update to {new} named another version")
    site.checker.announced = site.version = new


def _swap_and_kill(site: Site) -> None:
    """Kill a worker during an update, which may fail; the next one must not."""
    killing = Timer(_MEANWHILE, os.kill, (site.server.workers[-1], signal.SIGKILL))
    killing.start()
    try:
        _swap(site)
    except CallError:
        killing.join()
        _await(site.is_whole, "the worker's replacement")
        _swap(site)
    finally:
        killing.join()


def _load_damaged(site: Site) -> None:
    with Client(site.server.target, options=site.options, timeout=_PATIENCE) as operator:
        try:
            operator.update(f"{MODEL}:{DAMAGED}")
        except CallError:
            return
    raise Problem("a damaged version is served")


def _fill(site: Site) -> None:
    with (site.disk / "rubbish").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(_BLOCK))
        except OSError:
            return


def _fill_and_kill(site: Site) -> None:
    _fill(site)
    _signal(signal.SIGKILL)(site)


def _fill_and_swap(site: Site) -> None:
    """Update while the disk is full: it may be refused, but the old version must serve on."""
    _fill(site)
    with suppress(CallError):
        _swap(site)


def _empty(site: Site) -> None:
    (site.disk / "rubbish").unlink()


def _empty_and_swap(site: Site) -> None:
    """Make room again, and have the update that was refused."""
    _empty(site)
    _await(site.is_whole, "all workers")
    if site.checker.announced is None:
        _swap(site)


def _weather(weather: Callable[[bytes], bytes]) -> Callable[[Site], None]:
    def change(site: Site) -> None:
        site.relay.through = weather

    return change


def _clock(seconds: int) -> Callable[[Site], None]:
    def jump(site: Site) -> None:
        set_clock(site.clock, seconds)

    return jump


def _hang_up(site: Site) -> None:
    told = site.server.told
    before = told["files read again"]
    site.server.process.send_signal(signal.SIGHUP)
    _await(lambda: told["files read again"] == before + WORKERS, "files that are read again")


def _renew(site: Site) -> None:
    number = site.certificate.keep(site.authority.issue_cert(*HERE))
    host, _, port = site.server.target.rpartition(":")

    def shown() -> int:
        pem = ssl.get_server_certificate((host, int(port)))
        return x509.load_pem_x509_certificate(pem.encode()).serial_number

    _await(lambda: shown() == number, "the new certificate")


def _await(holds: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + _PATIENCE
    while not holds():
        if time.monotonic() > end:
            raise Problem(f"there is not, even after {_PATIENCE:.0f} s: {what}")
        time.sleep(0.02)


def _network(name: str, weather: Weather) -> Fault:
    return Fault(
        name,
        _weather(weather),
        _LATE,
        seconds=6,
        lift=_weather(unchanged),
        is_of_proxy=True,
    )


def _disk(
    name: str,
    inject: Callable[[Site], None],
    codes: frozenset[str] = _NONE,
    lift: Callable[[Site], None] = _empty,
) -> Fault:
    return Fault(
        name,
        inject,
        codes,
        seconds=5,
        lift=lift,
        skipped=lambda site: site.disk_problem,
    )


def _jump(name: str, seconds: int) -> Fault:
    return Fault(
        name,
        _clock(seconds),
        seconds=5,
        lift=_clock(0),
        skipped=lambda site: site.clock_problem,
    )


FAULTS = (
    Fault("SIGKILL of a worker", _signal(signal.SIGKILL), _LOST),
    Fault("SIGSTOP of a worker", _signal(signal.SIGSTOP), _LATE),
    Fault("SIGTERM of a worker", _signal(signal.SIGTERM), _ENDING),
    Fault("a model that hangs", _hang, _HUNG),
    Fault("a new version takes over", _swap),
    Fault("a new version takes over, and a worker is killed", _swap_and_kill, _LOST),
    Fault("a version whose files are damaged", _load_damaged),
    _disk("a full disk", _fill),
    _disk("a full disk, and a worker is killed", _fill_and_kill, _LOST),
    _disk("a full disk, and a new version takes over", _fill_and_swap, lift=_empty_and_swap),
    _network("a network that flips bits", Weather(flips=0.02)),
    _network("a network that ends connections", Weather(drops=0.02)),
    _network("a network that is slow", Weather(delay=0.5)),
    _jump("a clock that is an hour late", -_AN_HOUR),
    _jump("a clock that is a day early", _A_DAY),
    Fault("SIGHUP", _hang_up),
    Fault("a certificate is renewed", _renew),
)
