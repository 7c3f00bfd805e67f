"""What several processes count together."""

import os
import subprocess
import sys
from math import isnan
from pathlib import Path
from threading import Thread

import pytest
from learnwire_service.observe.counters import Counters, Counts, forget_counts
from learnwire_service.observe.memory import SHARED_FOLDER, mark_dead
from learnwire_service.observe.requests import Requests
from learnwire_service.observe.window import Window

# Counts as a worker does, and tells its number.
COUNT = """
import os
from learnwire_service.observe.counters import Counters

counters = Counters("shop", {"model": "m"})
counters.counts("items", "Items", ["sold", "stolen"])["sold"].inc(3)
for mode in ("livesum", "livemin", "livemax", "min", "max", "mostrecent"):
    counters.gauge(mode, "A gauge", mode).set(VALUE)
counters.histogram("prices", "Prices", [1.0, 10.0]).observe(VALUE)
print(os.getpid())
os.kill(os.getpid(), 9)
"""


def count_elsewhere(value: int) -> int:
    """Count in another process, which is killed then; give its number."""
    script = COUNT.replace("VALUE", str(value))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == -9, done.stderr
    return int(done.stdout)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(SHARED_FOLDER, str(tmp_path))
    return tmp_path


def read() -> Counts:
    return Counters("shop", {"model": "m"}).read()


def test_processes_count_together_and_what_the_dead_counted_stays(folder: Path) -> None:
    first, second = count_elsewhere(2), count_elsewhere(20)
    Counters("shop", {"model": "other"}).counts("items", "Items", ["sold"])["sold"].inc(100)

    def gauges() -> dict[str, float]:
        modes = ("livesum", "livemin", "livemax", "min", "max", "mostrecent")
        return {mode: counts.value(mode) for mode in modes}

    counts = read()
    assert counts.fates("items") == {"sold": 6, "stolen": 0}
    assert counts.distribution("prices").buckets == ((1.0, 0), (10.0, 1), (float("inf"), 1))
    assert counts.distribution("prices").sum == 22
    living = {"livesum": 22.0, "livemin": 2.0, "livemax": 20.0}
    assert gauges() == {**living, "min": 2, "max": 20, "mostrecent": 20}
    mark_dead(str(folder), second)
    counts = read()
    assert counts.fates("items") == {"sold": 6, "stolen": 0}
    living = dict.fromkeys(living, 2.0)
    assert gauges() == {**living, "min": 2, "max": 20, "mostrecent": 20}
    mark_dead(str(folder), first)
    counts = read()
    assert gauges()["livesum"] == 0


def test_counts_of_a_version_are_given_up_also_those_of_the_dead(folder: Path) -> None:
    def counters(model: str, version: str) -> Counters:
        return Counters("shop", {"model": model, "version": version})

    others = [("m", "two"), ("other-m", "one"), ("m-other", "one"), ("m", "one-more"), ("m", "")]
    for model, version in [("m", "one"), *others]:
        counters(model, version).counter("sold", "Sold").inc()
    dead = folder / "123456-m@one-0.live"
    dead.write_bytes((folder / f"{os.getpid()}-m@one-0.live").read_bytes())
    assert counters("m", "one").read().value("sold") == 2
    mark_dead(str(folder), 123456)
    forget_counts("m:one")
    left = {path.stem.partition("-")[2] for path in folder.iterdir()}
    assert "m@one-0" not in left
    assert {"m@two-0", "other-m@one-0", "m-other@one-0", "m@one-more-0"} <= left
    for model, version in others:
        assert counters(model, version).read().value("sold") == 1
    counters("m", "one").counter("sold", "Sold").inc()
    assert counters("m", "one").read().value("sold") == 1


def test_a_file_has_all_its_room_before_it_is_mapped(folder: Path) -> None:
    # Else a disk that is full later would end whoever counts.
    Counters("shop", {"model": "m"}).counter("items", "Items")
    Window("window", 1000)
    for one in map(os.stat, folder.iterdir()):
        assert one.st_blocks * 512 >= one.st_size > 0
    assert len([*folder.iterdir()]) == 2


def test_a_call_is_answered_although_there_is_no_room_to_count_it(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder.rmdir()
    requests = Requests()
    requests.know("/a.B/C")
    requests.begin("/a.B/C")
    requests.end("/a.B/C", None, "OK", 1.0)
    assert caplog.text.count("calls are not counted") == 2


def test_others_files_in_the_folder_are_no_counts(folder: Path) -> None:
    (folder / "window").write_bytes(b"not what is expected")
    count_elsewhere(1)
    assert read().fates("items")["sold"] == 3


def test_more_than_a_file_holds_is_counted_in_another(folder: Path) -> None:
    counters = [Counters("shop", {"model": f"m{i}"}) for i in range(40)]
    ends = [float(end) for end in range(500)]
    for one in counters:
        one.histogram("prices", "Prices", ends).observe(7)
    assert len(list(folder.iterdir())) > 1
    found = [one.read().distribution("prices") for one in counters]
    assert [(one.count, one.sum) for one in found] == [(1, 7)] * 40


def test_threads_lose_no_count() -> None:
    counters = Counters("shop", {})
    counter, gauge = counters.counter("items", "Items"), counters.gauge("now", "Now", "livesum")
    histogram = counters.histogram("prices", "Prices", [1.0, 10.0])
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    def count() -> None:
        for _ in range(20_000):
            counter.inc()
            histogram.observe(2)
            gauge.inc()
            gauge.dec()

    threads = [Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(interval)
    counts = counters.read()
    assert counts.distribution("prices").buckets[1] == (10.0, 80_000)
    assert counts.distribution("prices").sum == 160_000
    assert (counts.value("items"), counts.value("now")) == (80_000, 0)


def test_alone_each_counts_for_itself() -> None:
    Counters("shop", {}).counter("items", "Items").inc()
    other = Counters("shop", {})
    other.counter("items", "Items")
    assert other.read().value("items") == 0


def test_what_the_most_recent_one_forgot_nobody_tells(folder: Path) -> None:
    count_elsewhere(2)
    gauge = Counters("shop", {"model": "m"}).gauge("mostrecent", "A gauge", "mostrecent")
    assert read().value("mostrecent") == 2
    gauge.set(5)
    assert read().value("mostrecent") == 5
    gauge.forget()
    assert isnan(read().value("mostrecent"))
