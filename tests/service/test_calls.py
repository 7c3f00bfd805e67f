"""Calls that end as no handler should end one, over a socket."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from learnwire.v1 import prediction_service_pb2 as pb
from learnwire.v1 import prediction_service_pb2_grpc as services
from learnwire_service.common.settings import ServerSettings
from learnwire_service.rpc.calls import Calls, WatchedServer


class Cancelling(services.PredictionServiceServicer):
    """Raises CancelledError where nobody cancelled, as the future of a closed thread does."""

    async def Predict(self, request: pb.PredictRequest, context: Any) -> pb.PredictResponse:
        raise asyncio.CancelledError

    async def PredictMany(
        self, request: pb.PredictManyRequest, context: Any
    ) -> AsyncIterator[pb.PredictManyResponse]:
        yield pb.PredictManyResponse(model="first")
        raise asyncio.CancelledError

    async def PredictStream(
        self, request_iterator: AsyncIterator[pb.PredictStreamRequest], context: Any
    ) -> AsyncIterator[pb.PredictStreamResponse]:
        async for _ in request_iterator:
            await asyncio.create_task(_cancelled())
        yield pb.PredictStreamResponse()


async def _cancelled() -> None:
    raise asyncio.CancelledError


async def _ask(stub: Any, method: str) -> None:
    if method == "Predict":
        await stub.Predict(pb.PredictRequest(), timeout=30)
        return
    requests = [pb.PredictStreamRequest(id="a")]
    many = method == "PredictMany"
    async for _ in (
        stub.PredictMany(pb.PredictManyRequest(), timeout=30)
        if many
        else stub.PredictStream(iter(requests), timeout=30)
    ):
        assert many


@pytest.mark.parametrize("method", ["Predict", "PredictMany", "PredictStream"])
def test_a_caller_is_answered_where_a_handler_is_cancelled_by_nobody(method: str) -> None:
    async def main() -> grpc.aio.AioRpcError:
        server = grpc.aio.server()
        watched: Any = WatchedServer(server, Calls(ServerSettings.model_construct()))
        services.add_PredictionServiceServicer_to_server(Cancelling(), watched)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await _ask(services.PredictionServiceStub(channel), method)
        await server.stop(0)
        return caught.value

    error = asyncio.run(main())
    assert error.code() == grpc.StatusCode.INTERNAL
    assert error.details() == "the server failed on this call; its log tells more"
