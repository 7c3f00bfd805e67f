import sys
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count, islice
from threading import Event, Semaphore
from typing import Any

import grpc
import numpy as np
import pandas as pd
import pytest
from learnwire.v1 import model_service_pb2 as models_pb
from learnwire.v1 import prediction_pb2 as pb
from learnwire.v1.prediction_service_pb2 import PredictManyRequest, PredictManyResponse
from learnwire_client import (
    ChannelOptions,
    Client,
    InvalidInput,
    MultiLabel,
    NotFound,
    Regression,
    ServerFailed,
    Unavailable,
    pace,
)
from learnwire_client.arrays import encode_array
from learnwire_client.convoy import IN_FLIGHT
from learnwire_client.pace import FIRST_ROWS, MAX_ROWS
from learnwire_client.parts import MAX_ITEMS

from tests.client.echo import chunk, double, numbers, refusing, told
from tests.client.serving import Models, passing, serving

ONCE = ChannelOptions(retries=0)
WINDOW = IN_FLIGHT * MAX_ITEMS
LENGTHS = [0, 1, MAX_ITEMS - 1, MAX_ITEMS, MAX_ITEMS + 1, WINDOW + 1, 10_000]


def rows(length: int) -> list[dict[str, int]]:
    return [{"x": i} for i in range(length)]


VALUES: dict[str, Callable[[int], Any]] = {
    "rows": rows,
    "frame": lambda length: pd.DataFrame({"x": np.arange(length)}),
    "texts": lambda length: map(str, range(length)),
    "ndarray": lambda length: np.arange(2 * length).reshape(length, 2) // 2,
}


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """A client of a server that doubles."""
    with serving(many=double) as target, Client(target) as connected:
        yield connected


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("kind", VALUES)
def test_every_value_is_answered_in_order(kind: str, length: int, client: Client) -> None:
    answers = client.predict_many("m", VALUES[kind](length))
    assert [told(answer) for answer in answers] == [2 * i for i in range(length)]


def test_the_answers_say_who_gave_them(client: Client) -> None:
    [answer] = client.predict_many("m", [{"x": 1}])
    assert isinstance(answer, Regression)
    assert (answer.model, answer.version) == ("m", "v1")


@pytest.mark.parametrize("values", [[], pd.DataFrame({"x": []}), [{"x": b""}]])
def test_nothing_is_asked_where_nothing_can_be_sent(values: Any) -> None:
    def many(request: object, context: object) -> Iterator[PredictManyResponse]:
        raise AssertionError("not to be called")

    with serving(many=many) as target, Client(target) as client:
        assert all(isinstance(a, InvalidInput) for a in client.predict_many("m", values))


def test_failed_items_are_errors_in_their_places_and_know_their_index(client: Client) -> None:
    bad: dict[int, tuple[dict[str, Any], str]] = {
        0: ({"x": []}, "the input has no form on the wire"),
        MAX_ITEMS - 1: ({"x": -1}, "negative -1"),
        MAX_ITEMS: ({"x": b""}, "the input has no form on the wire"),
        MAX_ITEMS + 9: ({"x": -2}, "negative -2"),
        3 * MAX_ITEMS + 1: ({"x": {}}, "the input has no form on the wire"),
    }
    length = 3 * MAX_ITEMS + 2
    values = [bad[i][0] if i in bad else {"x": i} for i in range(length)]
    answers = list(client.predict_many("m", values))
    assert [told(a) for a in answers] == [bad[i][1] if i in bad else 2 * i for i in range(length)]
    failed = {i: a for i, a in enumerate(answers) if isinstance(a, InvalidInput)}
    assert [error.index for error in failed.values()] == list(failed) == list(bad)
    assert str(failed[MAX_ITEMS - 1]) == f"item {MAX_ITEMS - 1}: negative -1"


def test_failed_rows_of_a_frame_are_errors_in_their_places(client: Client) -> None:
    frame = pd.DataFrame({"x": range(2 * FIRST_ROWS)}, dtype=object)
    frame.loc[FIRST_ROWS - 1, "x"], frame.loc[FIRST_ROWS + 1, "x"] = b"", -1
    answers = list(client.predict_many("m", frame))
    assert {i: told(a) for i, a in enumerate(answers) if isinstance(a, InvalidInput)} == {
        FIRST_ROWS - 1: "the input has no form on the wire",
        FIRST_ROWS + 1: "negative -1",
    }
    assert len(answers) == 2 * FIRST_ROWS


@pytest.mark.parametrize("bad", [-1, b""], ids=["refused by the server", "not sent"])
def test_the_first_failed_item_raises_where_that_is_asked_for(bad: Any, client: Client) -> None:
    values: list[Any] = [*rows(100), {"x": bad}, *rows(100)]
    answers = client.predict_many("m", values, errors="raise")
    assert [a.label[0] for a in islice(answers, 100)] == [2 * i for i in range(100)]
    with pytest.raises(InvalidInput, match="item 100: ") as caught:
        next(answers)
    assert caught.value.index == 100


def test_another_word_for_errors_is_refused_at_once(client: Client) -> None:
    with pytest.raises(ValueError, match="ignore"):
        client.predict_many("m", [], errors="ignore")  # type: ignore[call-overload]  # the point


def test_an_endless_source_is_read_no_further_than_the_window(client: Client) -> None:
    read = count()
    answers = client.predict_many("m", ({"x": next(read)} for _ in count()))
    assert next(read) == 0
    assert told(next(answers)) == 2
    assert next(read) <= WINDOW + MAX_ITEMS + 3
    assert [told(a) for a in islice(answers, 1000)][-1] > 2000
    assert next(read) <= 1000 + 3 * WINDOW
    answers.close()


def test_what_the_source_raises_comes_after_the_answers_to_what_it_gave(client: Client) -> None:
    def source() -> Iterator[dict[str, int]]:
        yield from rows(WINDOW + 5)
        raise OSError("the file is gone")

    answers = client.predict_many("m", source())
    assert [told(a) for a in islice(answers, WINDOW + 5)] == [2 * i for i in range(WINDOW + 5)]
    with pytest.raises(OSError, match="gone"):
        next(answers)


@pytest.mark.parametrize("length", [2_000, 20_000])
@pytest.mark.parametrize("kind", ["texts", "frame"])
def test_memory_is_bounded_by_the_window_and_not_by_the_length(
    kind: str, length: int, client: Client
) -> None:
    frame = pd.DataFrame({"x": np.arange(length), "text": "x" * 1000})
    texts = (f"{i} {'x' * 1000}" for i in range(length))
    tracemalloc.start()
    try:
        answers = client.predict_many("m", frame if kind == "frame" else texts)
        assert sum(1 for _ in answers) == length
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # The client and the server, which share this process, hold a window each.
    assert peak < 12 * 2**20


def test_a_call_refused_as_a_whole_raises_behind_the_answers_before_it() -> None:
    number = 2 * MAX_ITEMS + 5
    many = refusing(number, grpc.StatusCode.UNAVAILABLE)
    with serving(many=many) as target, Client(target, options=ONCE) as client:
        answers = client.predict_many("m", rows(1000))
        good = [told(next(answers)) for _ in range(2 * MAX_ITEMS)]
        assert good == [2 * i for i in range(2 * MAX_ITEMS)]
        with pytest.raises(Unavailable, match="refused") as caught:
            next(answers)
        assert caught.value.index == 2 * MAX_ITEMS
        assert list(answers) == []


def test_a_call_that_was_unavailable_is_tried_again() -> None:
    calls = count()

    def many(
        request: PredictManyRequest, context: grpc.ServicerContext
    ) -> Iterator[PredictManyResponse]:
        if next(calls) == 2:
            context.abort_with_status(passing())
        yield from double(request, context)

    with serving(many=many) as target, Client(target) as client:
        answers = list(client.predict_many("m", rows(5 * MAX_ITEMS)))
    assert [told(a) for a in answers] == [2 * i for i in range(5 * MAX_ITEMS)]
    assert next(calls) == 6


@pytest.mark.parametrize("limit", [2**12, 2**20])
def test_a_server_with_a_small_limit_takes_every_call(limit: int) -> None:
    texts = [f"{i} {'x' * (limit // (2 + i % 9))}" for i in range(50)]
    options = ChannelOptions() if limit >= 2**20 else ChannelOptions(max_message_bytes=limit)
    with (
        serving(many=double, max_bytes=limit) as target,
        Client(target, options=options) as client,
    ):
        assert [told(a) for a in client.predict_many("m", texts)] == [2 * i for i in range(50)]
        frame = pd.DataFrame({"x": range(50), "text": texts})
        assert [told(a) for a in client.predict_many("m", frame)] == [2 * i for i in range(50)]


@pytest.mark.parametrize(("seconds", "grows"), [(60, True), (0, False)])
def test_a_frames_calls_grow_where_the_first_were_answered_fast_enough(
    seconds: float, grows: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "_SECONDS", seconds)
    lengths: list[int] = []

    def many(request: PredictManyRequest, context: object) -> Iterator[PredictManyResponse]:
        lengths.append(len(numbers(request)))
        yield from double(request, context)

    length = (IN_FLIGHT + 1) * FIRST_ROWS
    with serving(many=many) as target, Client(target) as client:
        frame = pd.DataFrame({"x": np.arange(length + MAX_ROWS)})
        answers = [told(answer) for answer in client.predict_many("m", frame)]
    assert answers == [2 * i for i in range(length + MAX_ROWS)]
    assert max(lengths) == (MAX_ROWS if grows else FIRST_ROWS)


def test_answers_come_while_later_ones_are_still_in_the_making() -> None:
    first_is_here = Event()

    def many(request: PredictManyRequest, context: object) -> Iterator[PredictManyResponse]:
        yield chunk(0, [1])
        assert first_is_here.wait(60)
        yield chunk(1, [2])

    with serving(many=many) as target, Client(target) as client:
        answers = client.predict_many("m", rows(2))
        assert told(next(answers)) == 1
        first_is_here.set()
        assert [told(a) for a in answers] == [2]


def test_some_calls_are_under_way_at_a_time_and_no_more() -> None:
    began, go_on = Semaphore(0), Event()

    def many(
        request: PredictManyRequest, context: grpc.ServicerContext
    ) -> Iterator[PredictManyResponse]:
        began.release()
        assert go_on.wait(60)
        yield from double(request, context)

    with (
        serving(many=many) as target,
        Client(target) as client,
        ThreadPoolExecutor(1) as thread,
    ):
        answers = client.predict_many("m", rows(10 * MAX_ITEMS))
        first = thread.submit(next, answers)
        assert all(began.acquire(timeout=60) for _ in range(IN_FLIGHT))
        assert not began.acquire(blocking=False)
        go_on.set()
        assert told(first.result(60)) == 0
        assert [told(a) for a in answers][-1] == 2 * (10 * MAX_ITEMS - 1)


def test_a_caller_who_takes_long_over_the_answers_uses_up_no_calls_time() -> None:
    ended = Semaphore(0)

    def many(
        request: PredictManyRequest, context: grpc.ServicerContext
    ) -> Iterator[PredictManyResponse]:
        context.add_callback(ended.release)
        # More than fits in the buffers on the way: it must be read to get to its end.
        for i, _ in enumerate(numbers(request)):
            warnings = [pb.ItemWarnings(index=i, warnings=["x" * 2**16])]
            yield chunk(i, [i], warnings=warnings)

    with serving(many=many) as target, Client(target) as client:
        answers = client.predict_many("m", rows(IN_FLIGHT * MAX_ITEMS))
        next(answers)
        assert all(ended.acquire(timeout=60) for _ in range(IN_FLIGHT))
        assert all(isinstance(answer, Regression) for answer in answers)


@pytest.mark.parametrize("leave", ["close", "del"])
def test_leaving_the_answers_early_cancels_all_calls_under_way(leave: str) -> None:
    began, over = Semaphore(0), Semaphore(0)

    def many(
        request: PredictManyRequest, context: grpc.ServicerContext
    ) -> Iterator[PredictManyResponse]:
        this_is_over = Event()
        context.add_callback(this_is_over.set)
        context.add_callback(over.release)
        began.release()
        yield chunk(0, [1])
        this_is_over.wait(60)

    with serving(many=many) as target, Client(target, timeout=None) as client:
        answers = client.predict_many("m", rows(10 * MAX_ITEMS))
        next(answers)
        assert all(began.acquire(timeout=60) for _ in range(IN_FLIGHT))
        if leave == "close":
            answers.close()
        del answers
        assert all(over.acquire(timeout=60) for _ in range(IN_FLIGHT))
        assert not began.acquire(blocking=False)


def test_an_answer_that_cannot_be_read_cancels_the_call() -> None:
    cancelled = Event()

    def many(
        request: PredictManyRequest, context: grpc.ServicerContext
    ) -> Iterator[PredictManyResponse]:
        context.add_callback(cancelled.set)
        yield chunk(99, [1])
        assert cancelled.wait(60)

    with serving(many=many) as target, Client(target, timeout=None) as client:
        with pytest.raises(ServerFailed) as caught:
            list(client.predict_many("m", rows(1)))
        assert cancelled.wait(60)
        assert caught.value.code is grpc.StatusCode.INTERNAL


def test_a_failure_after_the_last_answer_is_not_hidden() -> None:
    def many(request: object, context: grpc.ServicerContext) -> Iterator[PredictManyResponse]:
        yield chunk(0, [1])
        context.abort(grpc.StatusCode.NOT_FOUND, "late")

    with serving(many=many) as target, Client(target) as client:
        answers = client.predict_many("m", rows(1))
        next(answers)
        with pytest.raises(NotFound, match="late"):
            next(answers)


@pytest.mark.parametrize(
    "chunks",
    [
        [],
        [chunk(0, [1])],
        [chunk(0, [1, 2, 3])],
        [chunk(0, [1]), chunk(0, [2])],
        [chunk(1, [2]), chunk(0, [1])],
        [chunk(0, [1, 2]), chunk(2, [3])],
    ],
    ids=["none", "too few", "too many", "repeated", "out of order", "one chunk more"],
)
def test_answers_that_do_not_match_the_values_are_a_failure_of_the_server(
    chunks: list[PredictManyResponse],
) -> None:
    with (
        serving(many=lambda request, context: iter(chunks)) as target,
        Client(target) as client,
        pytest.raises(ServerFailed, match="cannot be read"),
    ):
        list(client.predict_many("m", rows(2)))


def test_the_classes_of_label_sets_are_asked_for_once_for_each_version() -> None:
    asked: list[str] = []

    def get_model(name: str) -> models_pb.Model:
        asked.append(name)
        return models_pb.Model(multi_label=models_pb.MultiLabelOutput(classes=["cat", "dog"]))

    def many(request: PredictManyRequest, context: object) -> Iterator[PredictManyResponse]:
        for i in range(len(request.texts.contents)):
            columns = pb.MultiLabelColumns(
                masks=encode_array(np.array([[False, True]])),
                probabilities=encode_array(np.zeros((1, 2), np.float32)),
            )
            yield PredictManyResponse(
                model="m", version=request.model, first_index=i, multi_labels=columns
            )

    with serving(many=many, models=Models((), get_model)) as target, Client(target) as client:
        for version in ("v1", "v1", "v2"):
            answers = list(client.predict_many(version, ["a", "b"]))
            assert all(isinstance(answer, MultiLabel) for answer in answers)
            assert [a.label for a in answers if isinstance(a, MultiLabel)] == [("dog",)] * 2
    assert asked == ["m:v1", "m:v2"]


def test_a_bar_shows_the_progress_and_the_total(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(list(client.predict_many("m", rows(70), progress=True))) == 70
    assert "70/70" in capsys.readouterr().err


def test_a_bar_without_a_total_counts(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(list(client.predict_many("m", iter(rows(70)), progress=True))) == 70
    assert "70 items" in capsys.readouterr().err


def test_nothing_is_shown_where_nothing_was_asked_for(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    list(client.predict_many("m", rows(70)))
    assert capsys.readouterr().err == ""


def test_without_tqdm_a_bar_is_refused_at_once_with_what_to_install(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with pytest.raises(ImportError, match=r"pip install 'learnwire\[progress\]'"):
        client.predict_many("m", rows(1), progress=True)
