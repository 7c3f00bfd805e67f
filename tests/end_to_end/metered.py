"""A server with a port for those who operate it, and a generator of load that counts its calls."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import grpc
import httpx
from learnwire.v1 import endpoint_service_pb2 as calls_pb
from learnwire.v1 import endpoint_service_pb2_grpc as calls_grpc
from learnwire.v1 import io_pb2, model_service_pb2, model_service_pb2_grpc
from learnwire.v1 import prediction_service_pb2 as pb
from learnwire.v1 import prediction_service_pb2_grpc as pb_grpc
from learnwire_client.rows import encode_row
from prometheus_client.parser import text_string_to_metric_families

from tests.end_to_end.test_workers import OWN_CONNECTION, PATIENCE, Supervised, supervised

SERVICE = """
import asyncio
import learnwire_service as lw

svc = lw.Service("shop")

@svc.api(input=lw.Text(), output=lw.Text())
async def sell(what: str) -> str:
    if what == "fail":
        raise RuntimeError("out of stock")
    if what == "wait":
        await asyncio.sleep(3600)
    if what == "hold":
        sum(range(10**8))  # nothing else runs in the process meanwhile
    return what
"""
PREDICT = "/learnwire.v1.PredictionService/Predict"
PREDICT_STREAM = "/learnwire.v1.PredictionService/PredictStream"
LIST = "/learnwire.v1.ModelService/ListModels"
CALL = "/learnwire.v1.EndpointService/Call"
# Method, model and code, as metrics have them.
Seen = Counter[tuple[str, str, str]]
Samples = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


class Metered(Supervised):
    """A running server that is operated over HTTP."""

    def get(self, path: str, **headers: str) -> httpx.Response:
        target = self.await_events("ops listening")[0]["target"]
        return httpx.get(f"http://{target}{path}", headers=headers, timeout=PATIENCE)

    def samples(self) -> Samples:
        """Read all that the metrics tell, as Prometheus does."""
        families = text_string_to_metric_families(self.get("/metrics").text)
        return {
            (one.name, frozenset(one.labels.items())): one.value
            for family in families
            for one in family.samples
        }

    def value(self, name: str, **labels: str) -> float:
        """Sum the samples of a name that have these labels."""
        wanted = frozenset(labels.items())
        return sum(v for (own, has), v in self.samples().items() if own == name and wanted <= has)

    def counted(self) -> Seen:
        """Tell how many calls of each kind are counted."""
        seen: Seen = Counter()
        for (name, labels), value in self.samples().items():
            if name == "learnwire_requests_total" and value:
                own = dict(labels)
                seen[own["method"], own["model"], own["code"]] += int(value)
        return seen


@contextmanager
def metered(folder: Path, *arguments: str) -> Iterator[Metered]:
    """Serve the penguins and the shop, and whom it operates."""
    service = folder / "shop.py"
    service.write_text(SERVICE)
    everything = ("penguins", f"{service}:svc", "--port", "0", "--ops-port", "0", *arguments)
    with supervised(folder / "log", *everything) as running:
        yield Metered(running.process, running.log)


class Load:
    """Makes calls of all kinds, over connections of their own, and counts them as it sees them.

    Attributes:
        channels: the connections.
        seen: the calls that have ended.
    """

    def __init__(self, target: str, row: Any, connections: int) -> None:
        self._target, self._row, self._connections = target, row, connections
        self._stack = AsyncExitStack()
        self.channels: list[grpc.aio.Channel] = []
        self.seen: Seen = Counter()

    async def __aenter__(self) -> "Load":
        for _ in range(self._connections):
            channel = grpc.aio.insecure_channel(self._target, OWN_CONNECTION)
            self.channels.append(await self._stack.enter_async_context(channel))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def mixture(self) -> None:
        """Make all kinds of calls that end by themselves, over each connection."""
        row = encode_row(self._row)
        wrong = io_pb2.TabularRow()
        for channel in self.channels:
            stub = pb_grpc.PredictionServiceStub(channel)
            for model, item, label in (
                *[("penguins", row, "penguins")] * 4,
                ("penguins", wrong, "penguins"),
                ("nobody", row, "other"),
                ("", row, "penguins"),
            ):
                request = pb.PredictRequest(model=model, row=item)
                await self._count(PREDICT, label, stub.Predict(request))
            request = pb.PredictRequest(model="penguins", row=row)
            requests = [pb.PredictStreamRequest(id=str(i), request=request) for i in range(3)]
            await self._count(PREDICT_STREAM, "penguins", _all(stub.PredictStream(iter(requests))))
            models = model_service_pb2_grpc.ModelServiceStub(channel)
            for size in (1, -1):
                page = model_service_pb2.ListModelsRequest(page_size=size)
                await self._count(LIST, "", models.ListModels(page))
            for what in ("sold", "fail"):
                await self.sell(channel, what)
            strange: Any = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
            await self._count("other", "", strange(b""))

    async def predict_until(self, over: asyncio.Event) -> None:
        """Predict over each connection, one call after the other."""

        async def keep_on(channel: grpc.aio.Channel) -> None:
            stub = pb_grpc.PredictionServiceStub(channel)
            request = pb.PredictRequest(model="penguins", row=encode_row(self._row))
            while not over.is_set():
                await self._count(PREDICT, "penguins", stub.Predict(request))

        await asyncio.gather(*map(keep_on, self.channels))

    def waiting(self, timeout: float | None = None) -> list["asyncio.Task[None]"]:
        """Make a call over each connection that ends only when it is cancelled or late."""
        calls = (self.sell(channel, "wait", timeout) for channel in self.channels)
        return [asyncio.create_task(call) for call in calls]

    async def sell(
        self, channel: grpc.aio.Channel, what: str, timeout: float | None = None
    ) -> None:
        """Call the endpoint; a task of it that is cancelled cancels the call."""
        stub = calls_grpc.EndpointServiceStub(channel)
        payload = calls_pb.Payload(text=io_pb2.Text(content=what))
        request = calls_pb.CallRequest(endpoint="sell", input=payload)
        await self._count(CALL, "", stub.Call(request, timeout=timeout))

    async def _count(self, method: str, model: str, call: Awaitable[Any]) -> None:
        code = grpc.StatusCode.OK
        try:
            await call
        except grpc.aio.AioRpcError as error:
            code = error.code()
        except asyncio.CancelledError:
            code = grpc.StatusCode.CANCELLED
        self.seen[method, model, code.name] += 1


async def _all(answers: Any) -> None:
    async for _ in answers:
        pass


async def until(condition: Callable[[], bool], what: str) -> None:
    """Wait in an event loop until a condition holds."""
    end = time.monotonic() + PATIENCE
    while not await asyncio.to_thread(condition):
        assert time.monotonic() < end, f"still not: {what}"
