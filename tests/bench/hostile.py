"""What one caller's large messages do to everybody else: health's latency, and the memory.

Usage: `python -m tests.bench.hostile localhost:50051 PID`, beside a server of the demo's models.
"""

import io
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import grpc
import numpy as np
import psutil
import rich
from grpc_health.v1 import health_pb2, health_pb2_grpc
from learnwire.v1 import io_pb2
from learnwire.v1 import prediction_service_pb2 as pb
from learnwire_client.inputs import predict_request
from PIL import Image

from examples.demo import data

_TRIES = 10
_UNLIMITED = [("grpc.max_send_message_length", -1)]


def main(target: str, pid: int) -> None:
    """Send each message ten times, and tell the median of the worst latencies of health."""
    process = psutil.Process(pid)
    rich.print("| message | code | seconds | health, worst, median of ten | resident, most |")
    rich.print("|---|---|---:|---:|---:|")
    for name, request in _messages():
        found = [_send(target, request, process) for _ in range(_TRIES)]
        codes = "/".join(sorted({one.code for one in found}))
        seconds = statistics.median(one.seconds for one in found)
        worst = statistics.median(max(one.latencies) for one in found)
        resident = max(max(one.resident) for one in found) / 1e6
        rich.print(
            f"| {name} | {codes} | {seconds:.2f} | {worst * 1e3:.0f} ms | {resident:.0f} MB |"
        )


def _messages() -> Iterator[tuple[str, pb.PredictRequest]]:
    row = dict(data.penguins().drop(columns=["species", "valid"]).iloc[0])
    for count in (4_000, 100_000, 400_000):
        wide = predict_request("penguins", row | {f"extra{i}": 1.0 for i in range(count)})
        yield f"a row of {count:,} extra columns", wide
    strings = io_pb2.NdArray(
        shape=[3_000_000], data_type=io_pb2.DATA_TYPE_STRING, data=b"\0" * 12_000_000
    )
    yield "3,000,000 strings", pb.PredictRequest(model="digits", array=strings)
    for count in (260_000, 3_000_000):
        numbers = pb.PredictRequest(model="digits", array=io_pb2.NdArray(shape=[1, count]))
        numbers.array.values.extend([1.0] * count)
        yield f"{count:,} plain numbers", numbers
    for side in (1_400, 3_000, 4_000, 7_000):
        yield (
            f"pixels, {side:,} x {side:,}",
            predict_request("digits", np.zeros((side, side), np.uint8)),
        )
    file = io.BytesIO()
    Image.new("L", (9_000, 9_000)).save(file, "PNG")
    yield "a PNG of 9,000 x 9,000", predict_request("digits", np.frombuffer(file.getvalue(), "u1"))
    reviews = " ".join(data.reviews()["text"])
    for text in (
        reviews[:100_000],
        "!?" * 50_000,
        "AB" * 50_000,
        "AB" * 49_999 + "a",
        "a" * 100_000,
    ):
        yield f"{text[:8]!r}..., {len(text):,} characters", predict_request("sentiment", text)


@dataclass
class _Sent:
    """What became of a message: its code, how long it took, and what was seen meanwhile."""

    code: str = ""
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    resident: list[float] = field(default_factory=list)


def _send(target: str, request: pb.PredictRequest, process: psutil.Process) -> _Sent:
    data_sent, over, sent = request.SerializeToString(), threading.Event(), _Sent()
    watching = threading.Thread(target=_watch, args=(target, process, over, sent))
    with grpc.insecure_channel(target, _UNLIMITED) as channel:
        call: Any = channel.unary_unary("/learnwire.v1.PredictionService/Predict")
        grpc.channel_ready_future(channel).result(10)
        watching.start()
        began = time.perf_counter()
        sent.code = call.future(data_sent, timeout=60).code().name  # once it has ended
        sent.seconds = time.perf_counter() - began
    time.sleep(0.2)
    over.set()
    watching.join()
    return sent


def _watch(target: str, process: psutil.Process, over: threading.Event, sent: _Sent) -> None:
    with grpc.insecure_channel(target, [("grpc.use_local_subchannel_pool", 1)]) as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)
        while not over.is_set():
            began = time.perf_counter()
            health.Check(health_pb2.HealthCheckRequest(), timeout=60)
            sent.latencies.append(time.perf_counter() - began)
            sent.resident.append(process.memory_info().rss)
            time.sleep(0.005)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
