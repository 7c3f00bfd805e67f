"""A tiny real server on a real socket, for the client to call."""

import socket
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import Any

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status
from learnwire.v1 import endpoint_service_pb2 as endpoints_pb
from learnwire.v1 import model_service_pb2 as models_pb
from learnwire.v1 import prediction_pb2 as pb
from learnwire.v1 import prediction_service_pb2 as predictions_pb
from learnwire.v1.endpoint_service_pb2_grpc import (
    EndpointServiceServicer,
    add_EndpointServiceServicer_to_server,
)
from learnwire.v1.model_service_pb2_grpc import (
    ModelServiceServicer,
    add_ModelServiceServicer_to_server,
)
from learnwire.v1.prediction_service_pb2_grpc import (
    PredictionServiceServicer,
    add_PredictionServiceServicer_to_server,
)

Predict = Callable[[predictions_pb.PredictRequest, grpc.ServicerContext], pb.Prediction]
PredictMany = Callable[
    [predictions_pb.PredictManyRequest, grpc.ServicerContext],
    Iterator[predictions_pb.PredictManyResponse],
]
PredictStream = Callable[
    [Iterator[predictions_pb.PredictStreamRequest], grpc.ServicerContext],
    Iterator[predictions_pb.PredictStreamResponse],
]
GetModel = Callable[[str], models_pb.Model]
GetStatistics = Callable[[str], models_pb.ModelStatistics]
GetDrift = Callable[[str], models_pb.ModelDrift]
Call = Callable[[endpoints_pb.CallRequest, grpc.ServicerContext], endpoints_pb.Payload]
CallStream = Callable[
    [endpoints_pb.CallStreamRequest, grpc.ServicerContext], Iterator[endpoints_pb.Payload]
]


def single_label(label: str = "yes") -> pb.Prediction:
    value = pb.SingleLabel(label=label, index=1, probabilities=[0.25, 0.75])
    return pb.Prediction(model="m", version="v1", single_label=value)


def passing(delay: float = 0, domain: str = "learnwire", reason: str = "MODEL_NOT_READY") -> Any:
    """Give the status of a server that is loading, which says when to come back."""
    seconds = duration_pb2.Duration()
    seconds.FromNanoseconds(int(delay * 1e9))
    details = [
        error_details_pb2.ErrorInfo(reason=reason, domain=domain),
        error_details_pb2.RetryInfo(retry_delay=seconds),
    ]
    packed = [any_pb2.Any() for _ in details]
    for pack, detail in zip(packed, details, strict=True):
        pack.Pack(detail)
    return rpc_status.to_status(status_pb2.Status(code=14, message="try again", details=packed))


class Predictions(PredictionServiceServicer):
    def __init__(
        self,
        predict: Predict | None = None,
        many: PredictMany | None = None,
        stream: PredictStream | None = None,
    ) -> None:
        self._predict, self._many, self._stream = predict, many, stream

    def Predict(
        self, request: predictions_pb.PredictRequest, context: grpc.ServicerContext
    ) -> predictions_pb.PredictResponse:
        answer = self._predict(request, context) if self._predict else single_label()
        return predictions_pb.PredictResponse(prediction=answer)

    def PredictMany(
        self, request: predictions_pb.PredictManyRequest, context: grpc.ServicerContext
    ) -> Iterator[predictions_pb.PredictManyResponse]:
        assert self._many is not None
        return self._many(request, context)

    def PredictStream(
        self,
        request_iterator: Iterator[predictions_pb.PredictStreamRequest],
        context: grpc.ServicerContext,
    ) -> Iterator[predictions_pb.PredictStreamResponse]:
        if self._stream is None:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "this server has no streams")
        return self._stream(request_iterator, context)


class Models(ModelServiceServicer):
    """Serves the named models, two on a page; without statistics and drift as servers were."""

    def __init__(
        self,
        names: Sequence[str] = (),
        get_model: GetModel | None = None,
        get_statistics: GetStatistics | None = None,
        get_drift: GetDrift | None = None,
    ) -> None:
        self._names, self._get_model, self._get_statistics = names, get_model, get_statistics
        self._get_drift = get_drift

    def ListModels(
        self, request: models_pb.ListModelsRequest, context: grpc.ServicerContext
    ) -> models_pb.ListModelsResponse:
        start = int(request.page_token or 0)
        page = self._names[start : start + 2]
        return models_pb.ListModelsResponse(
            models=[models_pb.ModelSummary(name=name) for name in page],
            next_page_token=str(start + 2) if start + 2 < len(self._names) else "",
        )

    def GetModel(
        self, request: models_pb.GetModelRequest, context: grpc.ServicerContext
    ) -> models_pb.GetModelResponse:
        get = self._get_model or (lambda name: models_pb.Model(name=name))
        return models_pb.GetModelResponse(model=get(request.model))

    def GetModelStatistics(
        self, request: models_pb.GetModelStatisticsRequest, context: grpc.ServicerContext
    ) -> models_pb.GetModelStatisticsResponse:
        if self._get_statistics is None:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")
        statistics = self._get_statistics(request.model)
        return models_pb.GetModelStatisticsResponse(statistics=statistics)

    def GetServerStatistics(
        self, request: models_pb.GetServerStatisticsRequest, context: grpc.ServicerContext
    ) -> models_pb.GetServerStatisticsResponse:
        if self._get_statistics is None:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")
        told = list(map(self._get_statistics, self._names))
        statistics = models_pb.ServerStatistics(processes=2, memory_bytes=5_000_000, models=told)
        statistics.read_time.FromJsonString("2026-10-11T10:12:13Z")
        return models_pb.GetServerStatisticsResponse(statistics=statistics)

    def GetModelDrift(
        self, request: models_pb.GetModelDriftRequest, context: grpc.ServicerContext
    ) -> models_pb.GetModelDriftResponse:
        if self._get_drift is None:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")
        return models_pb.GetModelDriftResponse(drift=self._get_drift(request.model))


class Endpoints(EndpointServiceServicer):
    """Offers what it is given; an endpoint's statistics tell its name."""

    def __init__(
        self,
        endpoints: Sequence[endpoints_pb.Endpoint] = (),
        call: Call | None = None,
        stream: CallStream | None = None,
    ) -> None:
        self._endpoints, self._call, self._stream = endpoints, call, stream

    def ListEndpoints(
        self, request: endpoints_pb.ListEndpointsRequest, context: grpc.ServicerContext
    ) -> endpoints_pb.ListEndpointsResponse:
        return endpoints_pb.ListEndpointsResponse(endpoints=self._endpoints)

    def Call(
        self, request: endpoints_pb.CallRequest, context: grpc.ServicerContext
    ) -> endpoints_pb.CallResponse:
        assert self._call is not None
        return endpoints_pb.CallResponse(output=self._call(request, context))

    def CallStream(
        self, request: endpoints_pb.CallStreamRequest, context: grpc.ServicerContext
    ) -> Iterator[endpoints_pb.CallStreamResponse]:
        if self._stream is None:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "this server has no streams")
        for payload in self._stream(request, context):
            yield endpoints_pb.CallStreamResponse(output=payload)

    def GetEndpointStatistics(
        self, request: endpoints_pb.GetEndpointStatisticsRequest, context: grpc.ServicerContext
    ) -> endpoints_pb.GetEndpointStatisticsResponse:
        statistics = endpoints_pb.EndpointStatistics(endpoint=request.endpoint, answered=3)
        return endpoints_pb.GetEndpointStatisticsResponse(statistics=statistics)


@contextmanager
def serving(
    predict: Predict | None = None,
    many: PredictMany | None = None,
    stream: PredictStream | None = None,
    models: Models | None = None,
    endpoints: Endpoints | None = None,
    credentials: grpc.ServerCredentials | None = None,
    max_bytes: int = 2**26,
) -> Iterator[str]:
    """Serve while inside, and give the target."""
    server = grpc.server(
        ThreadPoolExecutor(8),
        options=[("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", max_bytes)],
    )
    add_PredictionServiceServicer_to_server(Predictions(predict, many, stream), server)
    add_ModelServiceServicer_to_server(models or Models(), server)
    add_EndpointServiceServicer_to_server(endpoints or Endpoints(), server)
    if credentials is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


@contextmanager
def nobody() -> Iterator[str]:
    """Give a target where nobody listens."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{holder.getsockname()[1]}"


@contextmanager
def mute() -> Iterator[str]:
    """Give a target that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


class Proxy:
    """Stands between a client and a server, for one connection, and can fall silent."""

    def __init__(self, listener: socket.socket, target: str) -> None:
        self.target = f"127.0.0.1:{listener.getsockname()[1]}"
        self._silent = Event()
        self._listener = listener
        self._port = int(target.rpartition(":")[2])

    def fall_silent(self) -> None:
        self._silent.set()

    def run(self) -> None:
        near, _ = self._listener.accept()
        far = socket.create_connection(("127.0.0.1", self._port))
        with near, far:
            back = Thread(target=self._pump, args=(far, near))
            back.start()
            self._pump(near, far)
            back.join()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(2**16):
                if not self._silent.is_set():
                    sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxy_to(target: str) -> Iterator[Proxy]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = Proxy(listener, target)
        thread = Thread(target=proxy.run)
        thread.start()
        yield proxy
        thread.join(10)
        assert not thread.is_alive()
