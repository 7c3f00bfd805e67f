"""The room that large requests share."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from learnwire_service.common.errors import QueueFull
from learnwire_service.rpc.room import Room


def in_a_loop(test: Callable[[Room], Awaitable[None]]) -> None:
    async def main() -> None:
        await test(Room(100))

    asyncio.run(main())


def test_a_request_is_taken_where_there_is_room_for_another_like_it() -> None:
    async def test(room: Room) -> None:
        place = room.place()
        place.take(40)
        place.take(30)
        with pytest.raises(QueueFull, match="the server holds 0 MiB of large requests already"):
            room.place().take(16)
        room.place().take(15)

    in_a_loop(test)


def test_one_that_is_alone_is_always_taken() -> None:
    async def test(room: Room) -> None:
        place = room.place()
        place.take(1000)
        with pytest.raises(QueueFull):
            room.place().take(1)
        place.leave()
        place.leave()
        room.place().take(1000)

    in_a_loop(test)


def test_patient_ones_wait_until_there_is_room() -> None:
    async def test(room: Room) -> None:
        first, second = room.place(), room.place()
        first.take(60)
        waiting = asyncio.create_task(second.take_patiently(30))
        await asyncio.sleep(0)
        first.give_back(10)
        await asyncio.sleep(0)
        assert not waiting.done()
        first.leave()
        await waiting
        assert not room.take(40)

    in_a_loop(test)


def test_what_waits_may_be_cancelled() -> None:
    async def test(room: Room) -> None:
        first = room.place()
        first.take(60)
        waiting = asyncio.create_task(room.place().take_patiently(30))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        first.leave()
        assert room.take(100)

    in_a_loop(test)
