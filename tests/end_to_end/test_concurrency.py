"""Many callers at once: no wrong answer, no hang, nothing in the log that is not a log line."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest
from learnwire_client import Client

from tests.conftest import Trained

THREADS = 8


@pytest.mark.parametrize("count", [60, pytest.param(600, marks=pytest.mark.slow)])
def test_eight_threads_on_three_models_get_only_right_answers(
    count: int, target: str, trained: dict[str, Trained], capfd: pytest.CaptureFixture[str]
) -> None:
    expected = {
        name: [(item, one.predict(item)) for item in one.items[:40]]
        for name, one in trained.items()
    }

    def call(seed: int) -> list[str]:
        names = itertools.islice(itertools.cycle(expected), seed, seed + count)
        wrong: list[str] = []
        with Client(target) as client:
            for calls, name in enumerate(names):
                item, (label, _, probabilities) = expected[name][calls % len(expected[name])]
                answer = client.predict(name, item, timeout=60)
                close = answer.probabilities == pytest.approx(probabilities, abs=1e-5)
                if not close or (answer.label != label and max(probabilities) > 0.5001):
                    wrong.append(f"{name}: {answer} instead of {probabilities}")
        return wrong

    capfd.readouterr()
    with ThreadPoolExecutor(THREADS) as threads:
        results = list(threads.map(call, range(THREADS)))
    printed = capfd.readouterr()
    assert [wrong for wrong in results if wrong] == []
    assert printed.out == ""
    # Another test of this process may have had the log written; a learner's bar is no line of it.
    assert [line for line in printed.err.splitlines() if '"event": "call"' not in line] == []
