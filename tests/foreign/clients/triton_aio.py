"""Triton's asyncio clients over gRPC or HTTP, called as their users call them.

Usage: `python triton_aio.py grpc|http CASES HOST:PORT`, in an environment with tritonclient.
"""

import asyncio
import importlib
import sys
from collections.abc import AsyncIterator
from typing import Any

from cases import Case, read_cases, run
from tritonclient.utils import InferenceServerException

KIND = sys.argv[1]
client_of = importlib.import_module(f"tritonclient.{KIND}.aio")
SPARE = "spare"


def inputs_of(case: Case) -> list[Any]:
    found = []
    for name, datatype, array in case.inputs:
        one = client_of.InferInput(name, list(array.shape), datatype)
        one.set_data_from_numpy(array)
        found.append(one)
    return found


def answers_of(case: Case, result: Any) -> dict[str, Any]:
    return {one.name: result.as_numpy(one.name) for one in case.outputs}


async def refused(call: Any, *words: str) -> None:
    problem = "it was not refused"
    try:
        await call
    except InferenceServerException as error:
        problem = str(error)
    assert all(word in problem for word in words), problem


async def readiness(client: Any, cases: list[Case]) -> None:
    assert await client.is_server_live()
    assert await client.is_server_ready()
    assert await client.is_model_ready(cases[0].model)
    assert not await client.is_model_ready("nobody")


async def descriptions(client: Any, cases: list[Case]) -> None:
    as_json = {"as_json": True} if KIND == "grpc" else {}
    assert (await client.get_server_metadata(**as_json))["name"] == "learnwire"
    for case in cases:
        assert (await client.get_model_metadata(case.model, **as_json))["name"] == case.model
        told = await client.get_model_config(case.model, **as_json)
        assert told.get("config", told)["name"] == case.model
    told = await client.get_inference_statistics(cases[0].model, **as_json)
    assert told["model_stats"][0]["name"] == cases[0].model
    told = await client.get_model_repository_index(**as_json)
    told = told["models"] if isinstance(told, dict) else told
    assert {one["name"] for one in told} >= {case.model for case in cases}


async def infer(client: Any, cases: list[Case]) -> None:
    calls = [client.infer(case.model, inputs_of(case)) for case in cases]
    for case, result in zip(cases, await asyncio.gather(*calls), strict=True):
        case.check(answers_of(case, result))
    await refused(client.infer("nobody", inputs_of(cases[0])), "nobody")


async def stream_infer(client: Any, cases: list[Case]) -> None:
    async def asked() -> AsyncIterator[dict[str, Any]]:
        for number, case in enumerate(cases):
            yield {
                "model_name": case.model,
                "inputs": inputs_of(case),
                "request_id": str(number),
            }

    seen = set[str]()
    async for result, error in client.stream_infer(asked()):
        assert error is None, error
        response = result.get_response()
        case = cases[int(response.id)]
        case.check(answers_of(case, result))
        seen.add(response.id)
    assert len(seen) == len(cases)


async def load_and_unload(client: Any, cases: list[Case]) -> None:
    await client.unload_model(SPARE)
    assert not await client.is_model_ready(SPARE)
    await client.load_model(SPARE)
    assert await client.is_model_ready(SPARE)


async def shared_memory_is_refused(client: Any, cases: list[Case]) -> None:
    await refused(client.get_system_shared_memory_status(), "memory")
    await refused(client.register_system_shared_memory("region", "/key", 64), "memory")


CHECKS = [
    *(readiness, descriptions, infer, load_and_unload, shared_memory_is_refused),
    *((stream_infer,) if KIND == "grpc" else ()),
]


def in_a_loop(check: Any) -> Any:
    """Make a check that has a loop and a client of its own."""

    def call(target: str, cases: list[Case]) -> None:
        async def whole() -> None:
            async with client_of.InferenceServerClient(target) as client:
                await check(client, cases)

        asyncio.run(whole())

    call.__name__ = check.__name__
    return call


if __name__ == "__main__":
    run(map(in_a_loop, CHECKS), sys.argv[3], read_cases(sys.argv[2]))
