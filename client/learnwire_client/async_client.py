"""The client for asyncio: the same calls, awaited."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from functools import partial
from threading import Event
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, overload

from learnwire.v1.admin_service_pb2_grpc import AdminServiceStub
from learnwire.v1.endpoint_service_pb2_grpc import EndpointServiceStub
from learnwire.v1.model_service_pb2 import (
    GetModelDriftRequest,
    GetModelRequest,
    GetModelStatisticsRequest,
    GetServerStatisticsRequest,
    ListModelsRequest,
)
from learnwire.v1.model_service_pb2_grpc import ModelServiceStub
from learnwire.v1.prediction_service_pb2_grpc import PredictionServiceStub

from .answer_frames import AnswerFrame, PandasFrameOrSeries
from .answers import Answer, decode_prediction
from .async_admin import AsyncAdminCalls
from .async_calls import AsyncEndpointCalls
from .async_coalescing import async_coalescing
from .async_flight import AsyncFlight, fly
from .async_retries import async_retrying
from .async_source import check_async_values
from .async_stream import stream
from .async_tracing import async_traced
from .authorization import authorized, token_for
from .base import DEFAULT_OPTIONS, Timeout
from .channel import ChannelOptions, check_count, open_async_channels
from .descriptions import decode_server_statistics, decode_statistics, decode_summary
from .drift import ModelDrift, decode_drift
from .fitting import Fitted, fitted, opened
from .frames import Frame
from .inputs import AsyncValues, Value, predict_request
from .job import Errors, Job
from .learner import AsyncRemoteLearner
from .model import Model, ModelSummary
from .prediction import AnyPrediction
from .proxies import check_target
from .statistics import ModelStatistics, ServerStatistics
from .status import async_call_errors
from .turns import in_turn

if TYPE_CHECKING:
    import grpc
    import pandas as pd
    from learnwire.v1.admin_service_pb2_grpc import AdminServiceAsyncStub
    from learnwire.v1.endpoint_service_pb2_grpc import EndpointServiceAsyncStub
    from learnwire.v1.model_service_pb2_grpc import ModelServiceAsyncStub
    from learnwire.v1.prediction_service_pb2_grpc import PredictionServiceAsyncStub


class _Connection:
    """The channels of one event loop, and the stubs on them."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        channels: "Sequence[grpc.aio.Channel]",
        options: ChannelOptions,
        token: str | None,
        coalesce: bool,
    ) -> None:
        self.loop, self.channels, self.closed = loop, channels, Event()
        ours = [authorized(one, token) for one in channels]
        channel = in_turn([async_coalescing(one) for one in ours] if coalesce else ours)
        channel = async_traced(async_retrying(channel, options, self.closed))
        self.predictions = PredictionServiceStub(channel)
        self.models = ModelServiceStub(channel)
        self.endpoints = EndpointServiceStub(channel)
        self.admin = AdminServiceStub(channel)


class AsyncClient(AsyncEndpointCalls, AsyncAdminCalls):
    """Calls a Learnwire server from an event loop; many tasks share one client.

    Its methods take, give and raise what those of `Client` do. Cancelling a task that
    awaits one cancels the call, and the server stops working on it.

    It may be made anywhere, at a module's level too. It opens its connections when it is first
    asked, and belongs to that event loop from then on; once that loop has been closed, as after
    asyncio.run, it opens anew in the next.

    Usage:
        async with AsyncClient("localhost:50051") as client:
            label, index, probabilities = await client.predict("imdb", "What a film!")

    Args:
        target: where the server is, `host:port` or any other gRPC target.
        timeout: seconds for each call, its retries included; None waits for ever.
        options: TLS, keep-alive, limits and retries.
        channels: how many connections to open, between which calls take turns. One stays with
            one worker of a server: give several for each where it has more than one.
        coalesce: whether calls of `predict` that are under way at the same time share a stream;
            see `Client`.

    Raises:
        RuntimeError: it is asked in one event loop while it belongs to another.
        ValueError: there are to be no channels, or the target has no port.
    """

    def __init__(
        self,
        target: str,
        *,
        timeout: float | None = 30,
        options: ChannelOptions = DEFAULT_OPTIONS,
        channels: int = 1,
        coalesce: bool = True,
    ) -> None:
        super().__init__(target, timeout, options)
        self._options, self._coalesce = options, coalesce
        self._open = partial(open_async_channels, target, options, channels)
        check_count(channels)
        check_target(target)
        self._token = token_for(target, options)
        self._connection: _Connection | None = None

    @property
    def _predictions(self) -> "PredictionServiceAsyncStub":
        return self._connected().predictions

    @property
    def _models(self) -> "ModelServiceAsyncStub":
        return self._connected().models

    @property
    def _endpoints(self) -> "EndpointServiceAsyncStub":
        return self._connected().endpoints

    @property
    def _admin(self) -> "AdminServiceAsyncStub":
        return self._connected().admin

    def _connected(self) -> "_Connection":
        """Give the connection of the running event loop, which gRPC binds channels to."""
        loop, connection = asyncio.get_running_loop(), self._connection
        if connection is None or (connection.loop is not loop and connection.loop.is_closed()):
            connection = self._connection = _Connection(
                loop, self._open(), self._options, self._token, self._coalesce
            )
        if connection.loop is not loop:
            raise RuntimeError(
                f"this AsyncClient of {self._target} belongs to another event loop, where it was "
                "first asked; make one for each event loop"
            )
        return connection

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections; calls under way end with a CallError."""
        connection = self._connected()
        connection.closed.set()
        await asyncio.gather(*(channel.close() for channel in connection.channels))

    async def predict(self, model: str, value: Value, *, timeout: Timeout = ...) -> AnyPrediction:
        """Predict one item; see `Client.predict`."""
        request = predict_request(model, value)
        with async_call_errors(self._target):
            response = await self._predictions.Predict(request, timeout=self._seconds(timeout))
            return decode_prediction(response.prediction, self._classes_of)

    @overload
    def predict_many(
        self,
        model: str,
        values: AsyncValues,
        *,
        errors: Literal["return"] = ...,
        progress: bool = ...,
        timeout: Timeout = ...,
    ) -> AsyncGenerator[Answer, None]: ...

    @overload
    def predict_many(
        self,
        model: str,
        values: AsyncValues,
        *,
        errors: Literal["raise"],
        progress: bool = ...,
        timeout: Timeout = ...,
    ) -> AsyncGenerator[AnyPrediction, None]: ...

    def predict_many(
        self,
        model: str,
        values: AsyncValues,
        *,
        errors: Errors = "return",
        progress: bool = False,
        timeout: Timeout = ...,
    ) -> AsyncGenerator[Any, None]:
        """Predict many items of one kind; see `Client.predict_many`.

        An asynchronous generator of values is read in a task of its own. One that is not
        asynchronous may block: a thread reads it.

        Usage: `async for answer in client.predict_many("penguins", frame): ...`
        """
        check_async_values(values)
        job = self._job(model, values, errors, progress)
        return self._fit_and_fly(job, timeout)

    @overload
    def predict_stream(
        self,
        model: str,
        values: AsyncValues,
        *,
        ordered: Literal[True] = ...,
        timeout: Timeout = ...,
    ) -> AsyncGenerator[Answer, None]: ...

    @overload
    def predict_stream(
        self, model: str, values: AsyncValues, *, ordered: Literal[False], timeout: Timeout = ...
    ) -> AsyncGenerator[tuple[int, Answer], None]: ...

    def predict_stream(
        self, model: str, values: AsyncValues, *, ordered: bool = True, timeout: Timeout = ...
    ) -> AsyncGenerator[Any, None]:
        """Predict items as they come, each sent and answered at once; see `Client.predict_stream`.

        The values may come out of an asynchronous generator, as for `predict_many`.

        Usage: `async for answer in client.predict_stream("imdb", lines()): ...`
        """
        check_async_values(values)
        values = opened(values)
        if isinstance(values, Frame):
            return self._fit_and_stream(model, values, ordered, timeout)
        return self._stream(model, values, ordered, timeout)

    @overload
    async def predict_frame(
        self,
        model: str,
        frame: PandasFrameOrSeries,
        *,
        progress: bool = ...,
        timeout: Timeout = ...,
    ) -> "pd.DataFrame": ...

    @overload
    async def predict_frame(
        self, model: str, frame: Any, *, progress: bool = ..., timeout: Timeout = ...
    ) -> Any: ...

    async def predict_frame(
        self, model: str, frame: Any, *, progress: bool = False, timeout: Timeout = ...
    ) -> Any:
        """Predict the rows of a frame as a frame; see `Client.predict_frame`."""
        described = await self.model(model, timeout=timeout)
        answers = AnswerFrame(described, frame)
        job = self._job(described.tag, frame, "return", progress).fitted(described)
        async for some in self._fly(job, timeout):
            answers.add_all(some)
        return answers.build()

    def learner(self, model: str) -> AsyncRemoteLearner:
        """Return what replaces a local Learner, with the same `predict`, awaited."""
        return AsyncRemoteLearner(self, model)

    async def models(self, *, timeout: Timeout = ...) -> list[ModelSummary]:
        """List the served models by name; the timeout is for each page of them."""
        models: list[ModelSummary] = []
        request = ListModelsRequest()
        while True:
            with async_call_errors(self._target):
                page = await self._models.ListModels(request, timeout=self._seconds(timeout))
            models += map(decode_summary, page.models)
            if not page.next_page_token:
                return models
            request.page_token = page.next_page_token

    async def model(self, name: str, *, timeout: Timeout = ...) -> Model:
        """Describe a model: what it takes, what it answers, where it comes from."""
        request = GetModelRequest(model=name)
        with async_call_errors(self._target):
            response = await self._models.GetModel(request, timeout=self._seconds(timeout))
            return self._described(response.model)

    async def statistics(self, model: str, *, timeout: Timeout = ...) -> ModelStatistics:
        """Tell how a model's queue and batches have been; see `Client.statistics`."""
        request = GetModelStatisticsRequest(model=model)
        with async_call_errors(self._target):
            seconds = self._seconds(timeout)
            response = await self._models.GetModelStatistics(request, timeout=seconds)
            return decode_statistics(response.statistics)

    async def server_statistics(self, *, timeout: Timeout = ...) -> ServerStatistics:
        """Tell how the server and all its models are; see `Client.server_statistics`."""
        with async_call_errors(self._target):
            seconds = self._seconds(timeout)
            response = await self._models.GetServerStatistics(
                GetServerStatisticsRequest(), timeout=seconds
            )
            return decode_server_statistics(response.statistics)

    async def drift(self, model: str, *, timeout: Timeout = ...) -> ModelDrift:
        """Tell how what a model is asked and answers differ from training; see `Client.drift`."""
        request = GetModelDriftRequest(model=model)
        with async_call_errors(self._target):
            response = await self._models.GetModelDrift(request, timeout=self._seconds(timeout))
            return decode_drift(response.drift)

    async def _learn_classes(self, tag: str) -> None:
        if tag not in self._names:
            self._names[tag] = (await self.model(tag)).output.names

    async def _fit_and_fly(self, job: Job, timeout: Timeout) -> AsyncGenerator[Any, None]:
        if job.is_of_frame:
            job = job.fitted(await self.model(job.model, timeout=timeout))
        async with aclosing(self._fly(job, timeout)) as flight:
            async for answers in flight:
                for answer in answers:
                    yield answer

    def _fly(self, job: Job, timeout: Timeout) -> AsyncGenerator[Iterable[Any], None]:
        start = partial(
            AsyncFlight,
            method=self._predictions.PredictMany,
            seconds=self._seconds(timeout),
            target=self._target,
            classes_of=self._classes_of,
            learn_classes=self._learn_classes,
        )
        return fly(job, start)

    async def _fit_and_stream(
        self, model: str, frame: Frame, ordered: bool, timeout: Timeout
    ) -> AsyncGenerator[Any, None]:
        fit = fitted(frame, await self.model(model, timeout=timeout))
        async with aclosing(self._stream(model, fit.frame, ordered, timeout, fit)) as answers:
            async for answer in answers:
                yield answer

    def _stream(
        self,
        model: str,
        values: Any,
        ordered: bool,
        timeout: Timeout,
        fit: Fitted | None = None,
    ) -> AsyncGenerator[Any, None]:
        exchange = self._exchange(model, ordered, timeout, fit)
        return stream(exchange, values, self._predictions.PredictStream, self._target)
