"""KServe's clients over gRPC or REST, with binary data and without.

Usage: `python kserve_clients.py grpc|http CASES HOST:PORT`, in an environment with kserve.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import httpx
from cases import Case, read_cases, run
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest
from kserve.inference_client import RESTConfig

KIND = sys.argv[1]
TARGET = sys.argv[3]
URL = f"http://{TARGET}"


class Asked:
    """Either client, called in the same way."""

    def __init__(self) -> None:
        self.client: Any = (
            InferenceGRPCClient(TARGET)
            if KIND == "grpc"
            else InferenceRESTClient(RESTConfig(protocol="v2"))
        )
        self._base = () if KIND == "grpc" else (URL,)

    async def infer(self, case: Case, *, binary_data: bool, model: str | None = None) -> Any:
        name = model or case.model
        request = InferRequest(model_name=name, infer_inputs=inputs_of(case, binary_data))
        more = {} if KIND == "grpc" else {"model_name": name}
        return await self.client.infer(*self._base, request, **more)

    async def tells(self, question: str, *arguments: str) -> bool:
        return bool(await getattr(self.client, question)(*self._base, *arguments))


def inputs_of(case: Case, binary_data: bool) -> list[Any]:
    found = []
    for name, datatype, array in case.inputs:
        one = InferInput(name=name, shape=list(array.shape), datatype=datatype)
        one.set_data_from_numpy(array, binary_data=binary_data)
        found.append(one)
    return found


def check(case: Case, response: Any) -> None:
    assert response.model_name == case.model
    case.check({one.name: one.as_numpy() for one in response.outputs})


async def readiness(asked: Asked, cases: list[Case]) -> None:
    assert await asked.tells("is_server_live")
    assert await asked.tells("is_server_ready")
    assert await asked.tells("is_model_ready", cases[0].model)
    assert not await asked.tells("is_model_ready", "nobody")


async def infer_binary_data(asked: Asked, cases: list[Case]) -> None:
    for case in cases:
        check(case, await asked.infer(case, binary_data=True))


async def infer_typed_contents(asked: Asked, cases: list[Case]) -> None:
    for case in cases:
        # Files of images are no UTF-8, which these contents have to be in kserve.
        if not any(map(is_file, case.inputs)):
            check(case, await asked.infer(case, binary_data=False))


def is_file(tensor: Any) -> bool:
    return bool(tensor.name == "array" and tensor.datatype == "BYTES")


async def an_unknown_model(asked: Asked, cases: list[Case]) -> None:
    code: Any = None
    problem: str | None = None
    try:
        await asked.infer(cases[0], binary_data=True, model="nobody")
    except grpc.RpcError as error:
        code, problem = error.code(), error.details()
    except httpx.HTTPStatusError as error:
        code, problem = error.response.status_code, str(error)
    assert code in (grpc.StatusCode.NOT_FOUND, 404)
    assert "nobody" in (problem or "")


CHECKS = (readiness, infer_binary_data, infer_typed_contents, an_unknown_model)


def in_a_loop(check: Callable[[Asked, list[Case]], Awaitable[None]]) -> Any:
    """Make a check that has a loop and a client of its own."""

    def call(cases: list[Case]) -> None:
        async def whole() -> None:
            asked = Asked()
            try:
                await check(asked, cases)
            finally:
                await asked.client.close()

        asyncio.run(whole())

    call.__name__ = check.__name__
    return call


if __name__ == "__main__":
    run(map(in_a_loop, CHECKS), read_cases(sys.argv[2]))
