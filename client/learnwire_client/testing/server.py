"""The server that a test starts."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

import grpc
from grpc_health.v1.health import HealthServicer
from grpc_health.v1.health_pb2 import HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server
from learnwire.v1 import model_service_pb2 as pb
from learnwire.v1.endpoint_service_pb2_grpc import add_EndpointServiceServicer_to_server
from learnwire.v1.model_service_pb2_grpc import add_ModelServiceServicer_to_server
from learnwire.v1.prediction_service_pb2_grpc import add_PredictionServiceServicer_to_server

from ..model import Model
from .descriptions import described
from .script import Said, Script
from .servicers import Endpoints, Models, Predictions

_THREADS = 16
_MAX_BYTES = 2**26


class FakeServer:
    """Answers on a port of this machine, while inside, what a test says; it loads no model.

    It speaks the whole contract over a real socket, so that Client, AsyncClient and stubs of
    any language can call it.

    Usage:
        with FakeServer({"imdb": SingleLabel.of("positive")}) as server:
            with Client(server.target) as client:
                assert client.predict("imdb", "What a film!").label == "positive"

    A client tries again what is answered Unavailable: in tests of failures give it
    `ChannelOptions(retries=0)`, which sees the first answer, at once.

    Args:
        answers: by the names of models what each of their items is answered: a prediction, a
            CallError, or a function that is given the item (a str, a dict, an array or a tuple
            of arrays) and returns or raises one of these.
        models: by their names the descriptions of those that need one, such as
            `client.model("imdb")` of a real server. Others tell as much as their answer does:
            a kind, and classes.
        endpoints: by the names of endpoints what a call is answered: a value, a CallError, or
            a function that is given the input, or a dict of inputs by name. A streaming one
            answers an iterable of values.

    Attributes:
        target: where it listens, for a client.
        answers: as given; a test may change them at any time.
        endpoints: as given; likewise.
        asked: names of models and endpoints, each with what it was asked, in order.
    """

    def __init__(
        self,
        answers: Mapping[str, Said] | None = None,
        *,
        models: "Mapping[str, Model | pb.Model] | None" = None,
        endpoints: Mapping[str, Said] | None = None,
    ) -> None:
        self._script = Script(answers or {}, endpoints or {})
        self._models = dict(models or {})
        self.target = ""
        self.answers, self.endpoints = self._script.answers, self._script.endpoints
        self.asked = self._script.asked

    def __enter__(self) -> Self:
        self._server = grpc.server(
            ThreadPoolExecutor(_THREADS),
            options=[("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", _MAX_BYTES)],
        )
        add_PredictionServiceServicer_to_server(
            Predictions(self._script, self._describe), self._server
        )
        add_ModelServiceServicer_to_server(Models(self._script, self._describe), self._server)
        add_EndpointServiceServicer_to_server(Endpoints(self._script), self._server)
        add_HealthServicer_to_server(self._health(), self._server)
        self.target = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop, and raise what a function of the test raised, where nothing else was."""
        self._server.stop(None).wait()
        if kind is None and self._script.failures:
            raise self._script.failures[0]

    def _describe(self, name: str) -> pb.Model:
        return described(name, self.answers[name], self._models.get(name))

    def _health(self) -> Any:
        health = HealthServicer()
        for name in ("", *self.answers):
            health.set(name, HealthCheckResponse.SERVING)
        return health
