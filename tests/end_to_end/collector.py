"""A collector of traces: it speaks OTLP, and keeps what it is told."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as pb
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as pb_grpc


@dataclass(frozen=True)
class Span:
    """A span as it came over the wire; ids are hexadecimal."""

    service: str
    name: str
    kind: int
    trace: str
    id: str
    parent: str
    start: int
    end: int
    is_error: bool
    description: str
    facts: dict[str, Any] = field(hash=False)
    links: tuple[str, ...] = ()

    @classmethod
    def of(cls, service: str, span: Any) -> "Span":
        return cls(
            service=service,
            name=span.name,
            kind=span.kind,
            trace=span.trace_id.hex(),
            id=span.span_id.hex(),
            parent=span.parent_span_id.hex(),
            start=span.start_time_unix_nano,
            end=span.end_time_unix_nano,
            is_error=span.status.code == 2,
            description=span.status.message,
            facts=_values(span.attributes),
            links=tuple(link.span_id.hex() for link in span.links),
        )


class Collector(pb_grpc.TraceServiceServicer):
    """Keeps the spans of all who send some."""

    def __init__(self) -> None:
        self.spans: list[Span] = []

    def Export(self, request: Any, context: Any) -> Any:
        for told in request.resource_spans:
            service = _values(told.resource.attributes)["service.name"]
            for scope in told.scope_spans:
                self.spans += [Span.of(service, span) for span in scope.spans]
        return pb.ExportTraceServiceResponse()

    def named(self, name: str, **facts: Any) -> list[Span]:
        """Give the spans of a name, that have these facts of ours."""
        wanted = {f"learnwire.{key}": value for key, value in facts.items()}
        found = [span for span in self.spans if span.name.rpartition("/")[2] == name]
        return [span for span in found if wanted.items() <= span.facts.items()]

    def below(self, span: Span) -> dict[str, Span]:
        """Give the children of a span by their names."""
        return {one.name: one for one in self.spans if one.parent == span.id}


@contextmanager
def collecting() -> Iterator[tuple[Collector, str]]:
    """Collect; give the collector and its endpoint."""
    collector, server = Collector(), grpc.server(ThreadPoolExecutor(2))
    add: Any = pb_grpc.add_TraceServiceServicer_to_server
    add(collector, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield collector, f"http://127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


def _values(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}
