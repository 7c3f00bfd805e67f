"""Many callers at once: no wrong answer, no hang, nothing in the log that is not a log line."""

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from learnwire_client import Client

from tests.conftest import Trained

SECONDS = 20
THREADS = 8


def test_eight_threads_on_three_models_get_only_right_answers(
    target: str, trained: dict[str, Trained], capfd: pytest.CaptureFixture[str]
) -> None:
    expected = {
        name: [(item, one.predict(item)) for item in one.items[:40]]
        for name, one in trained.items()
    }
    stop = threading.Event()

    def call(seed: int) -> tuple[int, list[str]]:
        names = itertools.islice(itertools.cycle(expected), seed, None)
        calls = 0
        wrong: list[str] = []
        with Client(target) as client:
            for name in names:
                if stop.is_set():
                    return calls, wrong
                item, (label, _, probabilities) = expected[name][calls % len(expected[name])]
                answer = client.predict(name, item, timeout=60)
                calls += 1
                close = answer.probabilities == pytest.approx(probabilities, abs=1e-5)
                if not close or (answer.label != label and max(probabilities) > 0.5001):
                    wrong.append(f"{name}: {answer} instead of {probabilities}")
        raise AssertionError("the names never end")

    capfd.readouterr()
    with ThreadPoolExecutor(THREADS) as threads:
        running = [threads.submit(call, seed) for seed in range(THREADS)]
        stop.wait(SECONDS)
        stop.set()
        results = [future.result(timeout=120) for future in running]
    printed = capfd.readouterr()
    assert [wrong for _, wrong in results if wrong] == []
    assert all(calls > 0 for calls, _ in results)
    assert printed.out == ""
    assert printed.err == ""
