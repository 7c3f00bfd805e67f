"""The client: calls to a Learnwire server in Python values."""

from collections.abc import Generator, Iterable
from contextlib import closing
from functools import partial
from threading import Event, Thread
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

from .admin import AdminCalls
from .answer_frames import AnswerFrame, PandasFrameOrSeries
from .answers import Answer, decode_prediction
from .authorization import authorized, token_for
from .base import DEFAULT_OPTIONS, Timeout
from .calls import EndpointCalls
from .channel import ChannelOptions, open_channels
from .coalescing import coalescing
from .descriptions import decode_server_statistics, decode_statistics, decode_summary
from .drift import ModelDrift, decode_drift
from .fitting import Fitted, fitted, opened
from .flight import Flight, fly
from .frames import Frame
from .inputs import Value, Values, predict_request
from .job import Errors, Job
from .learner import RemoteLearner
from .model import Model, ModelSummary
from .prediction import AnyPrediction
from .proxies import check_target
from .retries import retrying
from .source import check_values
from .statistics import ModelStatistics, ServerStatistics
from .status import call_errors
from .stream import stream
from .tracing import traced
from .turns import in_turn

if TYPE_CHECKING:
    import pandas as pd

# Whoever interrupts a program waits no longer than so many seconds for connections to close.
_CLOSING_SECONDS = 1.0


class Client(EndpointCalls, AdminCalls):
    """Calls a Learnwire server; one client serves many threads.

    Every call raises a CallError when it has no answer, and takes a timeout in
    seconds: `...`, the default, is the client's, and None waits for ever. `model`
    is `name`, `name:latest`, `name:version`, `name:` and a unique prefix of a
    version, or "" where a single model is served.

    Usage:
        with Client("localhost:50051") as client:
            label, index, probabilities = client.predict("imdb", "What a film!")

    Args:
        target: where the server is, `host:port` or any other gRPC target.
        timeout: seconds for each call, its retries included; None waits for ever.
        options: TLS, keep-alive, limits and retries.
        channels: how many connections to open, between which calls take turns. One stays with
            one worker of a server: give several for each where it has more than one.
        coalesce: whether calls of `predict` that are under way at the same time share a stream,
            which takes both sides less time. Nothing else changes: each has its own answer,
            error, timeout and retries. In the server's log they are one call.

    Raises:
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
        check_target(target)
        token = token_for(target, options)
        self._channels = open_channels(target, options, channels)
        self._closed = Event()
        ours = [authorized(one, token) for one in self._channels]
        channel = in_turn([coalescing(one) for one in ours] if coalesce else ours)
        channel = traced(retrying(channel, options, self._closed))
        self._predictions = PredictionServiceStub(channel)
        self._models = ModelServiceStub(channel)
        self._endpoints = EndpointServiceStub(channel)
        self._admin = AdminServiceStub(channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None or issubclass(kind, Exception):
            self.close()
            return
        # An interrupt may have kept gRPC from starting the thread that closing then waits for.
        closing = Thread(target=self.close, daemon=True)
        closing.start()
        closing.join(_CLOSING_SECONDS)

    def close(self) -> None:
        """Close all connections; calls under way end with a CallError."""
        self._closed.set()
        for channel in self._channels:
            channel.close()

    def predict(self, model: str, value: Value, *, timeout: Timeout = ...) -> AnyPrediction:
        """Predict one item.

        Args:
            model: the model's name.
            value: a str for a text, a mapping or pandas Series for a row, an array, tensor or
                list of numbers; a Path, which is read here, the bytes of a file, a PIL image or
                pixels for an image; or a tuple of these for a model with several inputs.
            timeout: seconds for this call.

        Raises:
            CallError: there is no answer; a value that has no form on the wire is
                InvalidInput just as one that the server refuses.
            TypeError: the value is of none of these types.
        """
        request = predict_request(model, value)
        with call_errors(self._target):
            response = self._predictions.Predict(request, self._seconds(timeout))
            return decode_prediction(response.prediction, self._classes_of)

    @overload
    def predict_many(
        self,
        model: str,
        values: Values,
        *,
        errors: Literal["return"] = ...,
        progress: bool = ...,
        timeout: Timeout = ...,
    ) -> Generator[Answer, None, None]: ...

    @overload
    def predict_many(
        self,
        model: str,
        values: Values,
        *,
        errors: Literal["raise"],
        progress: bool = ...,
        timeout: Timeout = ...,
    ) -> Generator[AnyPrediction, None, None]: ...

    def predict_many(
        self,
        model: str,
        values: Values,
        *,
        errors: Errors = "return",
        progress: bool = False,
        timeout: Timeout = ...,
    ) -> Generator[Any, None, None]:
        """Predict many items of one kind, however many there are.

        They are read, sent and answered bit by bit, a few calls at a time: memory
        stays flat, the first answers come early, and `values` may never end, or take
        long: what there is goes after a moment, 20 ms. The first call begins with the
        first answer asked for. Closing the generator, or letting go of it, cancels
        what is under way, and closes `values` where they come out of a generator.

        Usage:
            for answer in client.predict_many("penguins", frame, progress=True):
                print(answer.label)

        Args:
            model: the model's name. Each call asks for it anew: while a server
                changes its versions, `name:version` gets all answers from one.
            values: any iterable of values such as `predict` takes, all texts, all
                rows or all arrays; an array of them along its first axis; or a frame of
                rows, of pandas, polars or pyarrow, of which the columns that the model does
                not have are left out. A generator, or another iterator, is read in a thread
                of its own.
            errors: "return" gives in the place of an item that failed its CallError,
                "raise" raises the first one. Either way its `index` tells the item.
                An item of a type or kind that cannot be sent fails as InvalidInput.
            progress: whether to show a bar, which needs tqdm: `pip install learnwire[progress]`.
            timeout: seconds for each call, which carries some dozens of items, or some
                hundreds of rows of a frame, more where they are answered fast.

        Returns:
            The answers in the order of the values.

        Raises:
            CallError: a call as a whole failed. As is what reading the values raises, it
                is raised in its place, after the answers to the items before.
            InvalidInput: a frame has columns without names as str, or several of one name,
                that are not left out.
            TypeError: at once, for a single value, or what holds none.
            ImportError: at once, where there is no tqdm for the bar.
        """
        check_values(values)
        job = self._job(model, values, errors, progress)
        return self._fit_and_fly(job, timeout)

    def predict_runs(
        self, model: Model, values: Values, *, progress: bool = False, timeout: Timeout = ...
    ) -> Generator[Iterable[Answer], None, None]:
        """Predict as `predict_many`, and give as many answers at a time as have come together.

        For programs that keep columns: a run of answers out of columns is a `Chunk`, and they are
        made objects only where it is iterated.

        Args:
            model: what `Client.model` describes; that version answers all.
            values: as for `predict_many`.
            progress: see `predict_many`.
            timeout: see `predict_many`.
        """
        check_values(values)
        job = self._job(model.tag, values, "return", progress).fitted(model)
        return self._fly(job, timeout)

    @overload
    def predict_stream(
        self, model: str, values: Values, *, ordered: Literal[True] = ..., timeout: Timeout = ...
    ) -> Generator[Answer, None, None]: ...

    @overload
    def predict_stream(
        self, model: str, values: Values, *, ordered: Literal[False], timeout: Timeout = ...
    ) -> Generator[tuple[int, Answer], None, None]: ...

    def predict_stream(
        self, model: str, values: Values, *, ordered: bool = True, timeout: Timeout = ...
    ) -> Generator[Any, None, None]:
        """Predict items as they come, each sent and answered at once.

        For live sources: where all items are there already, `predict_many` is faster. The call
        begins with the first answer asked for. No more than 64 items are read ahead of the
        answers, so that a slow reader holds `values` back. Closing the generator, or letting go
        of it, cancels the call, and closes `values` where they come out of a generator.

        The call is tried again as that of `predict` is while nothing has been answered, with the
        same items: see `ChannelOptions.retries`. `values` are read only once.

        Usage:
            for answer in client.predict_stream("imdb", lines):
                print(answer.label)

        Args:
            model: the model's name.
            values: any iterable of values such as `predict` takes, read in a thread of its own,
                or a frame of rows, as for `predict_many`. They may never end.
            ordered: whether answers come in the order of the values. If not, each comes as
                soon as it is ready, as `(index, answer)` with the index of its value.
            timeout: seconds that the server may take for the next answer.

        Returns:
            The answers. In the place of an item that failed stands its CallError, whose
            `index` tells the item.

        Raises:
            CallError: the stream as a whole failed; its `index` is that of the first item left
                without an answer. As is what reading the values raises, it is raised behind
                the answers to the items before.
            InvalidInput: as for `predict_many`.
            TypeError: at once, as for `predict_many`.
        """
        check_values(values)
        values = opened(values)
        if isinstance(values, Frame):
            return self._fit_and_stream(model, values, ordered, timeout)
        return self._stream(model, values, ordered, timeout)

    @overload
    def predict_frame(
        self,
        model: str,
        frame: PandasFrameOrSeries,
        *,
        progress: bool = ...,
        timeout: Timeout = ...,
    ) -> "pd.DataFrame": ...

    @overload
    def predict_frame(
        self, model: str, frame: Any, *, progress: bool = ..., timeout: Timeout = ...
    ) -> Any: ...

    def predict_frame(
        self, model: str, frame: Any, *, progress: bool = False, timeout: Timeout = ...
    ) -> Any:
        """Predict the rows of a frame, or the items of a column, and answer as a frame.

        Frames are those of pandas, polars and pyarrow, and are answered in their own kind. All
        rows are answered by the version that the model has at the start.

        Usage: `frame.join(client.predict_frame("penguins", frame))`

        Args:
            model: the model's name.
            frame: the rows, or a Series (pyarrow: an Array) of texts. Columns that the model
                does not have are left out.
            progress: whether to show a bar, which needs tqdm: `pip install learnwire[progress]`.
            timeout: seconds for each call.

        Returns:
            One row for each of the frame's, with its index where it is pandas'. The columns of
            a model with one label are `label` (string) and `p_<class>` (float32, its
            probability) for each class; with several labels `is_<class>` (boolean)
            and `p_<class>` for each class; with numbers the names of the targets
            (float32). Then come `warnings` and `error` (string), null
            where there are none. In a row that failed all but `error` is null, or NaN in pandas.

        Raises:
            CallError: a call as a whole failed, or no row could be answered: the error of the
                first row then.
            TypeError: this is no such frame, or the model answers arrays.
        """
        described = self.model(model, timeout=timeout)
        answers = AnswerFrame(described, frame)
        for some in self.predict_runs(described, frame, progress=progress, timeout=timeout):
            answers.add_all(some)
        return answers.build()

    def learner(self, model: str) -> RemoteLearner:
        """Return what replaces a local Learner, with the same `predict`."""
        return RemoteLearner(self, model)

    def models(self, *, timeout: Timeout = ...) -> list[ModelSummary]:
        """List the served models by name; the timeout is for each page of them."""
        models: list[ModelSummary] = []
        request = ListModelsRequest()
        while True:
            with call_errors(self._target):
                page = self._models.ListModels(request, self._seconds(timeout))
            models += map(decode_summary, page.models)
            if not page.next_page_token:
                return models
            request.page_token = page.next_page_token

    def model(self, name: str, *, timeout: Timeout = ...) -> Model:
        """Describe a model: what it takes, what it answers, where it comes from."""
        request = GetModelRequest(model=name)
        with call_errors(self._target):
            return self._described(self._models.GetModel(request, self._seconds(timeout)).model)

    def statistics(self, model: str, *, timeout: Timeout = ...) -> ModelStatistics:
        """Tell how a model's queue and batches have been since the server loaded it.

        Usage: `client.statistics("penguins").queue_wait_seconds.p99`
        """
        request = GetModelStatisticsRequest(model=model)
        with call_errors(self._target):
            response = self._models.GetModelStatistics(request, self._seconds(timeout))
            return decode_statistics(response.statistics)

    def server_statistics(self, *, timeout: Timeout = ...) -> ServerStatistics:
        """Tell how the server is, and how the queues and batches of all its models have been.

        Usage: `client.server_statistics().memory_bytes`
        """
        with call_errors(self._target):
            seconds = self._seconds(timeout)
            response = self._models.GetServerStatistics(GetServerStatisticsRequest(), seconds)
            return decode_server_statistics(response.statistics)

    def drift(self, model: str, *, timeout: Timeout = ...) -> ModelDrift:
        """Tell how what a model is asked and what it answers differ from what training saw.

        Usage: `client.drift("penguins").sentences`
        """
        request = GetModelDriftRequest(model=model)
        with call_errors(self._target):
            response = self._models.GetModelDrift(request, self._seconds(timeout))
            return decode_drift(response.drift)

    def _classes_of(self, tag: str) -> tuple[str, ...]:
        if tag not in self._names:
            self._names[tag] = self.model(tag).output.names
        return self._names[tag]

    def _fit_and_fly(self, job: Job, timeout: Timeout) -> Generator[Any, None, None]:
        if job.is_of_frame:
            job = job.fitted(self.model(job.model, timeout=timeout))
        with closing(self._fly(job, timeout)) as flight:
            for answers in flight:
                yield from answers

    def _fly(self, job: Job, timeout: Timeout) -> Generator[Iterable[Any], None, None]:
        start = partial(
            Flight,
            method=self._predictions.PredictMany,
            seconds=self._seconds(timeout),
            target=self._target,
            classes_of=self._classes_of,
        )
        return fly(job, start)

    def _fit_and_stream(
        self, model: str, frame: Frame, ordered: bool, timeout: Timeout
    ) -> Generator[Any, None, None]:
        fit = fitted(frame, self.model(model, timeout=timeout))
        yield from self._stream(model, fit.frame, ordered, timeout, fit)

    def _stream(
        self,
        model: str,
        values: Any,
        ordered: bool,
        timeout: Timeout,
        fit: Fitted | None = None,
    ) -> Generator[Any, None, None]:
        exchange = self._exchange(model, ordered, timeout, fit)
        return stream(exchange, values, self._predictions.PredictStream, self._target)
