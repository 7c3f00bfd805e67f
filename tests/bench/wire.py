"""The roads to the servers: requests made beforehand, and how one is sent."""

import json
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import cache, partial
from typing import Any, TypeAlias

import grpc
import httpx
import numpy as np
import pandas as pd
import psutil
from google.protobuf import json_format
from learnwire.v1.prediction_service_pb2 import PredictResponse
from learnwire_client import CallError
from learnwire_client.answers import decode_prediction
from learnwire_client.inputs import predict_request
from numpy.typing import NDArray

from . import inference, own
from .models import Model, single_items
from .processes import BenchError
from .servers import Served, Wire

# A request is bytes, and so is an answer: with neither does the client spend its time.
Ask: TypeAlias = Callable[[bytes], Awaitable[bytes]]

PATIENCE = 120.0

_METHOD = "/learnwire.v1.PredictionService/Predict"
# Learnwire's HTTP port: what its wires are called there, and what is before a message of gRPC-Web.
_KINDS = {"json": "application/json", "grpc-web": "application/grpc-web+proto"}
_HEAD = struct.Struct(">BI")
# So that each channel has a connection of its own.
_OWN_CONNECTION = (("grpc.use_local_subchannel_pool", 1),)


@cache
def requests(wire: Wire, model: Model) -> list[bytes]:
    """Give the bytes that ask for the first items, one by one."""
    if wire == "http":
        return [_http_body(item) for item in single_items(model)]
    if wire == "own":
        return [own.request(model, row) for row in single_items(model)]
    if wire in inference.WIRES:
        return [inference.request(wire, model, row) for row in single_items(model)]
    asked = [predict_request(model.tag, item) for item in single_items(model)]
    if wire == "json":
        return [json_format.MessageToJson(one, indent=None).encode() for one in asked]
    messages = [one.SerializeToString() for one in asked]
    return [_HEAD.pack(0, len(one)) + one for one in messages] if wire == "grpc-web" else messages


@asynccontextmanager
async def connected(served: Served, model: Model, channels: int = 1) -> AsyncIterator[list[Ask]]:
    """Open so many channels; over HTTP it is one pool that has a connection for each caller."""
    async with AsyncExitStack() as stack:
        if served.wire in _KINDS:
            yield [await stack.enter_async_context(_http(served, _METHOD, _KINDS[served.wire]))]
        elif served.wire == "http":
            kind = "application/json" if model.name == "penguins" else "text/plain"
            yield [await stack.enter_async_context(_http(served, f"/{model.name}", kind))]
        elif served.wire == "oip-json":
            road = _http(served, inference.path(model), "application/json")
            yield [await stack.enter_async_context(road)]
        else:
            roads = [_grpc(served, _method(served.wire, model)) for _ in range(channels)]
            yield [await stack.enter_async_context(road) for road in roads]


def probabilities(wire: Wire, model: Model, answer: bytes) -> NDArray[np.float64]:
    """Read an answer."""
    if wire == "http":
        return np.array(json.loads(answer)["probabilities"])
    if wire == "own":
        return np.array(own.read(model, answer).probabilities, np.float64)
    if wire in inference.WIRES:
        return inference.probabilities(wire, answer)
    if wire == "json":
        return np.array(json.loads(answer)["prediction"]["singleLabel"]["probabilities"])
    if wire == "grpc-web":
        answer = answer[_HEAD.size : _HEAD.size + _HEAD.unpack_from(answer)[1]]
    prediction = decode_prediction(PredictResponse.FromString(answer).prediction, _classes)
    return np.array(prediction.probabilities, np.float64)


def _method(wire: Wire, model: Model) -> str:
    if wire in inference.WIRES:
        return inference.METHOD
    return own.method(model) if wire == "own" else _METHOD


def _classes(*_: Any) -> tuple[str, ...]:
    """Give no names: they are not looked at."""
    return ()


@contextmanager
def explained(served: Served) -> Iterator[None]:
    """Turn a failed call into what can leave this process."""
    try:
        yield
    except TimeoutError:
        raise BenchError(f"{served.name} did not answer for {PATIENCE:.0f} s") from None
    except psutil.NoSuchProcess:
        raise BenchError(f"{served.name} has ended; {served.name}.log may tell why") from None
    except (grpc.RpcError, CallError, httpx.HTTPError) as error:
        reason = error.details() if isinstance(error, grpc.aio.AioRpcError) else str(error)
        message = f"a call to {served.name} failed: {reason or type(error).__name__}"
        raise BenchError(message) from None


@asynccontextmanager
async def _grpc(served: Served, method: str) -> AsyncIterator[Ask]:
    async with _channel(served) as channel:
        ask: Any = channel.unary_unary(method)
        token = served.guard.token
        yield partial(ask, metadata=(("authorization", f"Bearer {token}"),)) if token else ask


def _channel(served: Served) -> grpc.aio.Channel:
    roots = served.guard.roots
    if roots is None:
        return grpc.aio.insecure_channel(served.target, _OWN_CONNECTION)
    credentials = grpc.ssl_channel_credentials(roots)
    return grpc.aio.secure_channel(served.target, credentials, _OWN_CONNECTION)


def _http_body(item: Any) -> bytes:
    return (item.to_json() if isinstance(item, pd.Series) else str(item)).encode()


@asynccontextmanager
async def _http(served: Served, path: str, kind: str) -> AsyncIterator[Ask]:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(
        base_url=f"http://{served.target}",
        headers={"content-type": kind},
        limits=limits,
        timeout=PATIENCE,
        trust_env=False,
    ) as client:
        yield partial(_post, client, path)


async def _post(client: httpx.AsyncClient, path: str, body: bytes) -> bytes:
    response = await client.post(path, content=body)
    return response.raise_for_status().content
