import pytest
from learnwire_client.pace import FIRST_ROWS, MAX_ROWS, Pace


def after(rows: int, size: int, seconds: float) -> int:
    pace = Pace()
    pace.learn(rows, size, seconds)
    return pace.rows


@pytest.mark.parametrize(
    ("seconds", "rows"),
    [
        (0.001, MAX_ROWS),
        (0.05, 2 * FIRST_ROWS),
        (0.1, FIRST_ROWS),
        (20, FIRST_ROWS),
    ],
)
def test_a_call_has_the_rows_of_a_tenth_of_a_second_within_bounds(
    seconds: float, rows: int
) -> None:
    assert after(FIRST_ROWS, 1000, seconds) == pytest.approx(rows, abs=1)


def test_a_call_of_wide_rows_stays_below_the_limit_of_a_message() -> None:
    assert after(FIRST_ROWS, 2**18, 0.001) == 3 * FIRST_ROWS
    assert after(FIRST_ROWS, 2**24, 0.001) == FIRST_ROWS


def test_calls_become_shorter_again_when_answers_take_longer() -> None:
    pace = Pace()
    pace.learn(FIRST_ROWS, 1000, 0.001)
    pace.learn(MAX_ROWS, 1000, 0.2)
    assert pace.rows == pytest.approx(MAX_ROWS // 2, abs=1)
