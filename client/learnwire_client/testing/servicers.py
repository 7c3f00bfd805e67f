"""The contract's services, answered as a test says; statistics count nothing."""

from collections.abc import Callable, Iterator
from typing import Any

import grpc
from learnwire.v1 import endpoint_service_pb2 as endpoints_pb
from learnwire.v1 import model_service_pb2 as models_pb
from learnwire.v1 import prediction_pb2 as pb
from learnwire.v1 import prediction_service_pb2 as predictions_pb
from learnwire.v1.endpoint_service_pb2_grpc import EndpointServiceServicer
from learnwire.v1.model_service_pb2_grpc import ModelServiceServicer
from learnwire.v1.prediction_service_pb2_grpc import PredictionServiceServicer

from ..answers import encode_prediction
from ..errors import CallError, FieldError
from ..inputs import invalid_input
from ..payloads import encode_payload
from .columns import fill
from .items import input_of, item_of, items_of
from .script import Script, to_status, told

Describe = Callable[[str], models_pb.Model]

# So many items are answered in a chunk.
_ITEMS = 64


class Predictions(PredictionServiceServicer):
    """Answers items as the script says."""

    def __init__(self, script: Script, describe: Describe) -> None:
        self._script, self._describe = script, describe

    def Predict(
        self, request: predictions_pb.PredictRequest, context: grpc.ServicerContext
    ) -> predictions_pb.PredictResponse:
        """See the contract."""
        with told(context):
            return predictions_pb.PredictResponse(prediction=self._answered(request))

    def PredictMany(
        self, request: predictions_pb.PredictManyRequest, context: grpc.ServicerContext
    ) -> Iterator[predictions_pb.PredictManyResponse]:
        """See the contract."""
        with told(context):
            name = self._script.name_of(request.model)
            items = items_of(request)
        model = self._describe(name)
        for first in range(0, len(items), _ITEMS):
            answers = [self._script.of_model(name, item) for item in items[first : first + _ITEMS]]
            chunk = predictions_pb.PredictManyResponse(
                model=name, version=model.version, first_index=first
            )
            fill(chunk, answers, len(model.multi_label.classes))
            yield chunk

    def PredictStream(
        self,
        request_iterator: Iterator[predictions_pb.PredictStreamRequest],
        context: grpc.ServicerContext,
    ) -> Iterator[predictions_pb.PredictStreamResponse]:
        """See the contract."""
        for one in request_iterator:
            response = predictions_pb.PredictStreamResponse()
            for item in one.items:
                self._fill(response.results.add(), item)
            if not (one.items or one.cancelled_ids):
                self._fill(response, one)
            yield response

    def _fill(self, response: Any, one: Any) -> None:
        response.id = one.id
        try:
            response.prediction.CopyFrom(self._answered(one.request))
        except CallError as error:
            response.status.CopyFrom(to_status(error))

    def _answered(self, request: predictions_pb.PredictRequest) -> pb.Prediction:
        name = self._script.name_of(request.model)
        try:
            item = item_of(request)
        except FieldError as error:
            raise invalid_input(str(error), error.violation) from None
        answer = self._script.of_model(name, item)
        if isinstance(answer, CallError):
            raise answer
        message = encode_prediction(answer)
        message.model, message.version = name, self._describe(name).version
        return message


class Models(ModelServiceServicer):
    """Describes the script's models."""

    def __init__(self, script: Script, describe: Describe) -> None:
        self._script, self._describe = script, describe

    def ListModels(
        self, request: models_pb.ListModelsRequest, context: grpc.ServicerContext
    ) -> models_pb.ListModelsResponse:
        """See the contract; all are on one page."""
        models = map(self._describe, sorted(self._script.answers))
        return models_pb.ListModelsResponse(
            models=[
                models_pb.ModelSummary(name=m.name, version=m.version, versions=m.versions)
                for m in models
            ]
        )

    def GetModel(
        self, request: models_pb.GetModelRequest, context: grpc.ServicerContext
    ) -> models_pb.GetModelResponse:
        """See the contract."""
        with told(context):
            name = self._script.name_of(request.model)
        return models_pb.GetModelResponse(model=self._describe(name))

    def GetModelStatistics(
        self, request: models_pb.GetModelStatisticsRequest, context: grpc.ServicerContext
    ) -> models_pb.GetModelStatisticsResponse:
        """See the contract."""
        with told(context):
            model = self._describe(self._script.name_of(request.model))
        statistics = models_pb.ModelStatistics(model=model.name, version=model.version)
        return models_pb.GetModelStatisticsResponse(statistics=statistics)

    def GetServerStatistics(
        self, request: models_pb.GetServerStatisticsRequest, context: grpc.ServicerContext
    ) -> models_pb.GetServerStatisticsResponse:
        """See the contract."""
        models = map(self._describe, sorted(self._script.answers))
        told = [models_pb.ModelStatistics(model=m.name, version=m.version) for m in models]
        statistics = models_pb.ServerStatistics(processes=1, models=told)
        statistics.read_time.GetCurrentTime()
        return models_pb.GetServerStatisticsResponse(statistics=statistics)

    def GetModelDrift(
        self, request: models_pb.GetModelDriftRequest, context: grpc.ServicerContext
    ) -> models_pb.GetModelDriftResponse:
        """See the contract; nothing is counted."""
        with told(context):
            model = self._describe(self._script.name_of(request.model))
        drift = models_pb.ModelDrift(model=model.name, version=model.version)
        return models_pb.GetModelDriftResponse(drift=drift)


class Endpoints(EndpointServiceServicer):
    """Answers calls as the script says."""

    def __init__(self, script: Script) -> None:
        self._script = script

    def ListEndpoints(
        self, request: endpoints_pb.ListEndpointsRequest, context: grpc.ServicerContext
    ) -> endpoints_pb.ListEndpointsResponse:
        """See the contract; only their names are told."""
        names = sorted(self._script.endpoints)
        endpoints = [endpoints_pb.Endpoint(name=name, service="test") for name in names]
        return endpoints_pb.ListEndpointsResponse(endpoints=endpoints)

    def Call(
        self, request: endpoints_pb.CallRequest, context: grpc.ServicerContext
    ) -> endpoints_pb.CallResponse:
        """See the contract."""
        with told(context):
            answer = self._script.of_endpoint(request.endpoint, input_of(request))
            return endpoints_pb.CallResponse(output=self._payload(request.endpoint, answer))

    def CallStream(
        self, request: endpoints_pb.CallStreamRequest, context: grpc.ServicerContext
    ) -> Iterator[endpoints_pb.CallStreamResponse]:
        """See the contract."""
        with told(context):
            for answer in self._script.of_endpoint(request.endpoint, input_of(request)):
                if isinstance(answer, CallError):
                    raise answer
                output = self._payload(request.endpoint, answer)
                yield endpoints_pb.CallStreamResponse(output=output)

    def GetEndpointStatistics(
        self, request: endpoints_pb.GetEndpointStatisticsRequest, context: grpc.ServicerContext
    ) -> endpoints_pb.GetEndpointStatisticsResponse:
        """See the contract."""
        statistics = endpoints_pb.EndpointStatistics(endpoint=request.endpoint)
        return endpoints_pb.GetEndpointStatisticsResponse(statistics=statistics)

    def _payload(self, name: str, answer: object) -> endpoints_pb.Payload:
        try:
            return encode_payload(answer)  # type: ignore[arg-type]  # refused if it is none
        except (FieldError, TypeError) as error:
            raise self._script.failed(name, error) from None
