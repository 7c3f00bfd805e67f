"""What a call's trace tells of its way through a model's queue."""

import asyncio
from contextvars import copy_context
from typing import Any

import learnwire_service as lw
import pytest
from learnwire_service.observe import tracing
from learnwire_service.observe.spans import CallTrace, Tracer
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

from tests.conftest import Trained

PREDICT = "/learnwire.v1.PredictionService/Predict"
CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
OK = {"code": "OK", "model": "penguins", "items": 1}


class Told(InMemorySpanExporter):
    """Keeps the spans that are made."""

    def __init__(self) -> None:
        super().__init__()
        # Whom nobody has decided for is left out.
        provider = TracerProvider(ParentBased(TraceIdRatioBased(0)), shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self))
        self.tracer = Tracer(provider)

    def begin(self, decision: str) -> CallTrace:
        parent = f"00-{CALLER[0]}-{CALLER[1]}-{decision}"
        return self.tracer.call(PREDICT, [("traceparent", parent), ("some-bin", b"\xff")])

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.get_finished_spans() if span.name == name]


def test_a_call_goes_on_with_its_callers_trace_down_to_the_batch(
    trained: dict[str, Trained],
) -> None:
    told = Told()
    runner = lw.get("penguins").to_runner()

    def call() -> None:
        trace = told.begin("01")
        assert trace.id == CALLER[0]
        runner.predict.run(trained["penguins"].items[0])
        trace.end(0, OK)

    copy_context().run(call)
    [server] = told.named(PREDICT[1:])
    assert server.parent is not None
    assert format(server.parent.span_id, "016x") == CALLER[1]
    facts: Any = server.attributes
    assert (facts["rpc.method"], facts["rpc.grpc.status_code"]) == ("Predict", 0)
    assert (facts["learnwire.model"], facts["learnwire.items"]) == ("penguins", 1)
    stages = [told.named(name)[0] for name in ("queue", "encode", "network", "decode", "batch")]
    assert all(one.parent == server.context for one in stages)
    queue, encode, network, decode, batch = stages
    times = [(one.start_time or 0, one.end_time or 0) for one in stages]
    assert all(start <= end for start, end in times)
    assert (queue.start_time or 0) <= (encode.start_time or 0)
    assert (encode.end_time or 0) <= (network.start_time or 0)
    assert [link.context for link in batch.links] == [server.context]
    assert [link.context for link in network.links] == [batch.context]
    assert decode.end_time == pytest.approx(batch.end_time)


def test_a_batch_has_links_to_all_calls_in_it(trained: dict[str, Trained]) -> None:
    told = Told()
    runner = lw.get("penguins").to_runner(limits=lw.Limits(max_delay=0.2))
    runner.load()

    async def call(item: Any) -> None:
        trace = told.begin("01")
        await runner.predict.async_run(item)
        trace.end(0, OK)

    async def main() -> None:
        await asyncio.gather(*map(call, trained["penguins"].items[:8]))

    asyncio.run(main())
    calls = told.named(PREDICT[1:])
    batches = told.named("batch")
    assert len(calls) == 8
    assert len(batches) < 8
    linked = [link.context for batch in batches for link in batch.links]
    assert sorted(one.span_id for one in linked) == sorted(
        one.context.span_id for one in calls if one.context
    )


def test_who_is_left_out_makes_no_spans(trained: dict[str, Trained]) -> None:
    told = Told()
    runner = lw.get("penguins").to_runner()

    def call() -> None:
        trace = told.begin("00")
        assert trace.id == CALLER[0]
        assert tracing.current() is None
        runner.predict.run(trained["penguins"].items[0])
        trace.end(0, OK)

    copy_context().run(call)
    assert told.get_finished_spans() == ()


@pytest.mark.parametrize(
    ("variables", "asked"),
    [
        ({}, ""),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, "OTEL_TRACES_EXPORTER"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://h"}, "OTEL_EXPORTER_OTLP_ENDPOINT"),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://h"}, ""),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_SDK_DISABLED": "true"}, ""),
        ({"OTEL_SERVICE_NAME": "shop"}, ""),
    ],
)
def test_the_variables_of_the_sdk_say_whether_there_are_traces(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], asked: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert tracing.asked_by() == asked
