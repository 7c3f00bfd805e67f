"""Calls with mutated messages: what is sent, and what was wrong with what came back."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any, Self

import grpc
from google.protobuf.message import Message

from .corpus import Corpus, Method
from .mutation import mutated
from .verdict import fault_of

# A call that takes longer hangs.
_HANGS = 60.0
# Their first answer is awaited, and no other comes.
_ENDLESS = {"/grpc.health.v1.Health/Watch"}
_MOST_AT_A_TIME = 8
_MOST_TRIES = 500
_OK = grpc.StatusCode.OK
# What gRPC's asynchronous client says where the server ended a call that it was still writing to.
_ENDED_MEANWHILE = "Internal error from Core"
_OPTIONS = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.use_local_subchannel_pool", 1),
]


@dataclass(frozen=True)
class Made:
    """A call to be made.

    Attributes:
        method: what is called.
        messages: what is sent, in order.
    """

    method: Method
    messages: Sequence[bytes]

    def __str__(self) -> str:
        return f"{self.method.path} {[one.hex() for one in self.messages]}"


def made(corpus: Corpus, seed: int, index: int) -> Made:
    """Make one call: the same of the same seed and index."""
    random = Random(f"{seed}/{index}")
    method = random.choice(corpus.methods)
    count = random.randint(1, _MOST_AT_A_TIME) if method.streams else 1
    words = [] if method.changes else corpus.words
    return Made(method, [mutated(method.seeds, words, random) for _ in range(count)])


class Caller:
    """Makes calls; use it as an asynchronous context manager.

    Args:
        target: the server.
    """

    def __init__(self, target: str) -> None:
        self._channel = grpc.aio.insecure_channel(target, options=_OPTIONS)
        self._plain = grpc.insecure_channel(target, options=_OPTIONS)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._channel.close()
        self._plain.close()

    async def fault(self, call: Made) -> str | None:
        """Make a call, and tell what was wrong with how it ended; None: nothing."""
        asked: Any = self._channel.stream_stream(
            call.method.path, response_deserializer=call.method.response.FromString
        )
        going = asked(timeout=_HANGS)
        sending = asyncio.create_task(_send(going, call.messages))
        answers: list[Message] = []
        try:
            async for answer in going:
                answers.append(answer)
                if call.method.path in _ENDLESS:
                    going.cancel()
                    break
            return fault_of(_OK, "", answers)
        except grpc.aio.AioRpcError as error:
            if error.details() == _ENDED_MEANWHILE:
                return await asyncio.to_thread(self._fault, call)
            return fault_of(error.code(), error.details() or "", answers)
        finally:
            await sending

    def _fault(self, call: Made) -> str | None:
        """Make it without an event loop, where gRPC always knows the status."""
        asked: Any = self._plain.stream_stream(
            call.method.path, response_deserializer=call.method.response.FromString
        )
        answers: list[Message] = []
        try:
            answers.extend(asked(iter(call.messages), timeout=_HANGS))
        except grpc.RpcError as error:
            ended: Any = error
            return fault_of(ended.code(), ended.details() or "", answers)
        return fault_of(_OK, "", answers)

    async def smallest(self, call: Made, tries: int = _MOST_TRIES) -> Made:
        """Give a smaller call that goes wrong as well: without what it goes wrong without."""
        messages = list(call.messages)
        for one in call.messages:
            if await self.fault(Made(call.method, [one])):
                messages = [one]
                break
        for place, message in enumerate(messages):
            step = len(message)
            while step and tries:
                start = 0
                while start < len(messages[place]) and tries:
                    tries -= 1
                    less = messages[place][:start] + messages[place][start + step :]
                    tried = [*messages[:place], less, *messages[place + 1 :]]
                    if await self.fault(Made(call.method, tried)):
                        messages = tried
                    else:
                        start += step
                step //= 2
        return Made(call.method, messages)


async def _send(going: Any, messages: Sequence[bytes]) -> None:
    # The server may end a call before it has read all of it.
    with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError, asyncio.CancelledError):
        for message in messages:
            await going.write(message)
        await going.done_writing()
