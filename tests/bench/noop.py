"""The noop server: Learnwire's protos and codec, and the same answer to everything.

Usage: `python -m tests.bench.noop --port 50052`
"""

import argparse
import asyncio
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from learnwire.v1 import prediction_pb2
from learnwire.v1 import prediction_service_pb2 as pb

_ANSWER = pb.PredictResponse(
    prediction=prediction_pb2.Prediction(
        model="bench-penguins",
        version="20260101-000000-abcdef",
        single_label=prediction_pb2.SingleLabel(
            label="Chinstrap", index=1, probabilities=[0.1, 0.8, 0.1]
        ),
    )
)


async def answer(request: pb.PredictRequest, context: Any) -> pb.PredictResponse:
    """Answer a request, which was read for nothing."""
    return _ANSWER


async def serve(port: int) -> None:
    """Serve until the process ends."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    checks = health.aio.HealthServicer()
    await checks.set("", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    handler = grpc.unary_unary_rpc_method_handler(
        answer, pb.PredictRequest.FromString, pb.PredictResponse.SerializeToString
    )
    service = pb.DESCRIPTOR.services_by_name["PredictionService"].full_name
    handlers = grpc.method_handlers_generic_handler(service, {"Predict": handler})
    server.add_generic_rpc_handlers((handlers,))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    asyncio.run(serve(parser.parse_args().port))
