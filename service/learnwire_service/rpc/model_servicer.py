"""ModelService: what is served here."""

import asyncio
from typing import Any

from learnwire.v1 import model_service_pb2 as pb
from learnwire.v1 import model_service_pb2_grpc
from learnwire_client.errors import Violation

from ..common.errors import InvalidInput
from ..observe.requests import Requests
from ..runners.registry import Registry
from . import describe
from .drift import model_drift
from .gate import caller
from .pressure import Pressure
from .statistics import model_statistics, server_statistics

_DEFAULT_PAGE, _MAX_PAGE = 50, 1000


class ModelServicer(model_service_pb2_grpc.ModelServiceServicer):
    """Describes the registry's models, and tells how calls of them were."""

    def __init__(
        self,
        registry: Registry,
        requests: Requests,
        pressure: Pressure | None = None,
        *,
        max_text_chars: int,
    ) -> None:
        self._registry, self._requests, self._pressure = registry, requests, pressure
        self._max_text_chars = max_text_chars

    @property
    def _seen(self) -> Registry:
        """The models that exist for the caller."""
        return self._registry.only(caller().models)

    async def ListModels(
        self, request: pb.ListModelsRequest, context: Any
    ) -> pb.ListModelsResponse:
        """List the served models, a page of them; a page's token is the last name before it."""
        if request.page_size < 0:
            problem = f"expected 0 or more, got {request.page_size}"
            raise InvalidInput([Violation("page_size", problem)])
        seen = self._seen
        names = seen.names
        if request.page_token and request.page_token not in names:
            problem = "expected the next_page_token of an earlier answer, got another"
            raise InvalidInput([Violation("page_token", problem)])
        rest = [name for name in names if name > request.page_token]
        page = rest[: min(request.page_size or _DEFAULT_PAGE, _MAX_PAGE)]
        return pb.ListModelsResponse(
            models=[describe.summary(seen.default(name), seen.versions(name)) for name in page],
            next_page_token=page[-1] if len(page) < len(rest) else "",
        )

    async def GetModel(self, request: pb.GetModelRequest, context: Any) -> pb.GetModelResponse:
        """Describe one model."""
        runner = self._seen.find(request.model)
        versions = self._seen.versions(runner.manifest.name)
        message = describe.model(runner, versions, max_text_chars=self._max_text_chars)
        return pb.GetModelResponse(model=message)

    async def GetModelStatistics(
        self, request: pb.GetModelStatisticsRequest, context: Any
    ) -> pb.GetModelStatisticsResponse:
        """Tell how one model's queue and batches have been."""
        runner = self._seen.find(request.model)
        # The counts of all workers are read from files.
        statistics = await asyncio.to_thread(model_statistics, runner, self._requests)
        return pb.GetModelStatisticsResponse(statistics=statistics)

    async def GetServerStatistics(
        self, request: pb.GetServerStatisticsRequest, context: Any
    ) -> pb.GetServerStatisticsResponse:
        """Tell how the server is, and how the queues and batches of its models have been."""
        seen = self._seen
        # As above.
        statistics = await asyncio.to_thread(
            server_statistics, seen, self._requests, self._pressure
        )
        return pb.GetServerStatisticsResponse(statistics=statistics)

    async def GetModelDrift(
        self, request: pb.GetModelDriftRequest, context: Any
    ) -> pb.GetModelDriftResponse:
        """Tell how what one model is asked and answers differ from training."""
        runner = self._seen.find(request.model)
        # As above.
        return pb.GetModelDriftResponse(drift=await asyncio.to_thread(model_drift, runner))
