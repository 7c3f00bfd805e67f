"""Callers who hold on to the HTTP port for as long as it lets them, many at a time."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from .web import PREDICT, call, chunked, head

_MIB = 2**20
# What of an upload may be taken: the largest message, what is left of one that is answered before
# it is read, and what is on its way.
_MOST_TAKEN = 200 * _MIB
_TEN_GB = 10**10
_PAUSE = 0.5
_MANY = "/learnwire.v1.PredictionService/PredictMany"
_WATCH = "/grpc.health.v1.Health/Watch"

# One caller, to the end of their connection.
Siege = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def _drip(writer: asyncio.StreamWriter, data: bytes) -> None:
    while True:
        writer.write(data)
        await writer.drain()
        await asyncio.sleep(_PAUSE)


async def head_bit_by_bit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(head().removesuffix(b"\r\n"))
    await _drip(writer, b"x: y\r\n")


async def body_bit_by_bit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(head("content-length: 1000000"))
    await _drip(writer, b" ")


async def chunks_bit_by_bit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(head("transfer-encoding: chunked"))
    await _drip(writer, b"1\r\n \r\n")


async def read_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Ask for as many answers as there may be, again and again, and leave them where they are."""
    cells = {"island": "Dream", "year": 2007}
    many = {"model": "penguins", "rows": {"rows": [{"cells": cells}] * 1000}}
    writer.transport.pause_reading()  # type: ignore[attr-defined]  # transports of sockets have it
    for body in [json.dumps(many).encode()] * 20:
        writer.write(call(body, path=_MANY))
        await writer.drain()
    await asyncio.Event().wait()


async def watch(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(call(path=_WATCH))
    await reader.read()


async def _upload(
    part: bytes, first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    writer.write(first)
    taken = 0
    while taken < _MOST_TAKEN:
        writer.write(part)
        await writer.drain()
        taken += len(part)
    raise AssertionError(f"an upload is taken for more than {taken} bytes")


_PIECE = b" " * _MIB
_SMALL = b"1\r\n \r\n" * 2**14
SIEGES: Mapping[str, Siege] = {
    one.__name__: one
    for one in (
        say_nothing,
        head_bit_by_bit,
        body_bit_by_bit,
        chunks_bit_by_bit,
        read_nothing,
        watch,
    )
} | {
    "upload": partial(_upload, _PIECE, head(f"content-length: {_TEN_GB}", path=PREDICT)),
    "upload_in_chunks": partial(
        _upload,
        chunked(_PIECE).removesuffix(b"0\r\n\r\n"),
        head("transfer-encoding: chunked", path=PREDICT),
    ),
    "upload_in_small_chunks": partial(
        _upload, _SMALL, head("transfer-encoding: chunked", path=PREDICT)
    ),
    "headers_without_end": partial(_upload, b"x: y\r\n" * 1000, head().removesuffix(b"\r\n")),
}


# How many of each there are at a time.
EACH: Mapping[str, int] = {
    "say_nothing": 1000,
    "head_bit_by_bit": 300,
    "body_bit_by_bit": 300,
    "chunks_bit_by_bit": 100,
    "read_nothing": 20,
    "watch": 50,
    "upload": 4,
    "upload_in_chunks": 4,
    "upload_in_small_chunks": 4,
    "headers_without_end": 4,
}


async def besiege(target: str, seconds: float, each: Mapping[str, int]) -> tuple[list[str], str]:
    """Hold on for so long; as soon as one caller is let go, another one comes.

    Args:
        target: where the server speaks HTTP.
        seconds: how long.
        each: how many of each siege at a time.

    Returns: what was wrong, and how many connections there were.
    """
    host, _, port = target.rpartition(":")
    end = time.monotonic() + seconds
    faults, counts = Counter[str](), Counter[str]()

    async def hold(name: str, number: int) -> None:
        own = (f"127.0.1.{1 + number % 250}", 0)
        while time.monotonic() < end:
            counts[name] += 1
            try:
                async with asyncio.timeout(max(0.1, end - time.monotonic())):
                    reader, writer = await asyncio.open_connection(host, int(port), local_addr=own)
                    try:
                        await SIEGES[name](reader, writer)
                    finally:
                        writer.transport.abort()
            except (OSError, TimeoutError):
                await asyncio.sleep(_PAUSE)
            except AssertionError as error:
                faults[f"{name}: {error}"] += 1

    async with asyncio.TaskGroup() as tasks:
        for name, number in each.items():
            for one in range(number):
                tasks.create_task(hold(name, one))
    told = ", ".join(f"{name} {count}" for name, count in counts.items())
    return [f"{times} times {fault}" for fault, times in faults.items()], told
