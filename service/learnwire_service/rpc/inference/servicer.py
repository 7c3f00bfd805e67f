"""GRPCInferenceService: convert, ask the runner, convert, as PredictionService does."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from importlib.metadata import version
from typing import Any, NoReturn

import grpc
from learnwire_client.errors import FieldError, Violation

from ...common.bounds import Bounds
from ...common.errors import InvalidInput, InvalidTag, ModelNotFound, NotServed
from ...observe.requests import Requests
from ...runners.learner import LearnerRunner
from ...runners.registry import Registry
from ..admin_servicer import AdminServicer
from ..calls import note, refusing
from ..gate import caller
from ..lot import Lot
from ..permissions import UNSERVED
from ..reading import apart
from ..statistics import call_seconds
from ..status import to_status
from ..streams import answer_in_order
from .asking import ask, warnings_of
from .describe import config, metadata, statistics
from .inputs import Batch, decode_batch
from .messages import SERVICE, handler_types, pb
from .outputs import Answers, Output, asked, outputs_of
from .tensors import raw_of, tensors_of

_EXTENSIONS = ("binary_tensor_data", "model_configuration", "model_repository", "statistics")
_WANTS_FINAL, _FINAL = "triton_enable_empty_final_response", "triton_final_response"
_PROBES = ("ServerLive", "ServerReady", "ModelReady")
# Of requests to load and unload those parameters that change nothing here.
_IDLE = {"unload_dependents"}


class InferenceServicer:
    """Serves the registry's models by the Open Inference Protocol.

    Args:
        registry: the models.
        admin: changes what is served.
        is_ready: tells whether all that the server has can answer.
        requests: counts its calls.
        bounds: the most that a request may hold.
    """

    def __init__(
        self,
        registry: Registry,
        admin: AdminServicer,
        is_ready: Callable[[], bool],
        requests: Requests,
        bounds: Bounds,
    ) -> None:
        self._registry, self._admin, self._is_ready = registry, admin, is_ready
        self._requests, self._bounds = requests, bounds

    def handlers(self) -> dict[str, Any]:
        """Give the handlers of the service's methods, by name; those of probes apart."""
        unserved = {name: refusing(partial(_refuse, name)) for name in UNSERVED}
        names = (method.name for method in SERVICE.methods)
        return unserved | {one: self._handler(one) for one in names if one not in _PROBES}

    def probes(self) -> dict[str, Any]:
        """Give the handlers of the methods that are asked every few seconds, by name."""
        return {name: self._handler(name) for name in _PROBES}

    def _handler(self, name: str) -> Any:
        request, response = handler_types(name)
        make = grpc.unary_unary_rpc_method_handler
        if SERVICE.methods_by_name[name].server_streaming:
            make = grpc.stream_stream_rpc_method_handler
        return make(getattr(self, name), request.FromString, response.SerializeToString)

    @property
    def _seen(self) -> Registry:
        """The models that exist for the caller."""
        return self._registry.only(caller().models)

    async def ServerLive(self, request: Any, context: Any) -> pb.ServerLiveResponse:
        """Tell that the process answers."""
        return pb.ServerLiveResponse(live=True)

    async def ServerReady(self, request: Any, context: Any) -> pb.ServerReadyResponse:
        """Tell whether all models can answer."""
        return pb.ServerReadyResponse(ready=self._is_ready())

    async def ModelReady(
        self, request: pb.ModelReadyRequest, context: Any
    ) -> pb.ModelReadyResponse:
        """Tell whether a model can answer."""
        try:
            is_ready = self._found(request.name, request.version).is_ready
        except (ModelNotFound, InvalidTag):
            is_ready = False
        return pb.ModelReadyResponse(ready=is_ready)

    async def ServerMetadata(self, request: Any, context: Any) -> pb.ServerMetadataResponse:
        """Tell what the server is."""
        return pb.ServerMetadataResponse(
            name="learnwire", version=version("learnwire"), extensions=_EXTENSIONS
        )

    async def ModelMetadata(
        self, request: pb.ModelMetadataRequest, context: Any
    ) -> pb.ModelMetadataResponse:
        """Tell which tensors a model takes and answers."""
        runner = self._found(request.name, request.version)
        return metadata(runner, self._seen.versions(runner.manifest.name))

    async def ModelConfig(
        self, request: pb.ModelConfigRequest, context: Any
    ) -> pb.ModelConfigResponse:
        """Tell the same in the words of Triton's configuration."""
        runner = self._found(request.name, request.version)
        return pb.ModelConfigResponse(config=config(runner, self._bounds))

    async def ModelStatistics(
        self, request: pb.ModelStatisticsRequest, context: Any
    ) -> pb.ModelStatisticsResponse:
        """Tell what became of models' items."""
        only = [self._found(request.name, request.version)] if request.name else None
        # The counts of all workers are read from files.
        told = await asyncio.to_thread(self._statistics, only or self._seen.runners)
        return pb.ModelStatisticsResponse(model_stats=told)

    def _statistics(self, runners: Sequence[LearnerRunner]) -> list[pb.ModelStatistics]:
        calls = self._requests.durations()
        return [statistics(one, call_seconds(one, calls)) for one in runners]

    async def RepositoryIndex(
        self, request: pb.RepositoryIndexRequest, context: Any
    ) -> pb.RepositoryIndexResponse:
        """List the versions that are served."""
        _check_repository(request.repository_name)
        index = pb.RepositoryIndexResponse.ModelIndex
        return pb.RepositoryIndexResponse(
            models=[
                index(
                    name=one.manifest.name,
                    version=one.manifest.version,
                    state="READY" if one.is_ready else "LOADING",
                )
                for one in self._seen.runners
                if one.is_ready or not request.ready
            ]
        )

    async def RepositoryModelLoad(
        self, request: pb.RepositoryModelLoadRequest, context: Any
    ) -> pb.RepositoryModelLoadResponse:
        """Serve the newest version of a model in the place of all others."""
        await self._admin.update(_changed(request))
        return pb.RepositoryModelLoadResponse()

    async def RepositoryModelUnload(
        self, request: pb.RepositoryModelUnloadRequest, context: Any
    ) -> pb.RepositoryModelUnloadResponse:
        """Serve no version of a model any longer."""
        await self._admin.unload(_changed(request))
        return pb.RepositoryModelUnloadResponse()

    async def ModelInfer(
        self, request: pb.ModelInferRequest, context: Any
    ) -> pb.ModelInferResponse:
        """Predict a batch of items."""
        return await self._infer(request, context, Lot(context), patient=False)

    async def ModelStreamInfer(
        self, request_iterator: AsyncIterator[pb.ModelInferRequest], context: Any
    ) -> AsyncIterator[pb.ModelStreamInferResponse]:
        """Predict batch after batch, answered in their order."""
        predict = partial(self._infer, context=context, lot=Lot(context), patient=True)
        async for response in answer_in_order(request_iterator, predict, _reply):
            yield response

    async def _infer(
        self, request: pb.ModelInferRequest, context: Any, lot: Lot, *, patient: bool
    ) -> pb.ModelInferResponse:
        runner = self._seen.ready(_called(request.model_name, request.model_version), lot.point)
        note(model=runner.tag)
        with runner.uses:
            with runner.statistics.misfits():
                outputs = asked(outputs_of(runner.manifest.signature.output), request)
                batch = await apart(self._decoded, request, runner)
            if not patient:
                note(items=len(batch.items))
            answers = await ask(runner, batch, context.time_remaining(), patient=patient)
            return await apart(_response, request, runner, outputs, batch, answers)

    def _decoded(self, request: pb.ModelInferRequest, runner: LearnerRunner) -> Batch:
        try:
            tensors = tensors_of(request, self._bounds.max_elements)
        except FieldError as error:
            raise InvalidInput([error.violation]) from None
        return decode_batch(tensors, runner.manifest.signature.input, self._bounds)

    def _found(self, name: str, version: str) -> LearnerRunner:
        return self._seen.find(_called(name, version))


def _called(name: str, version: str) -> str:
    return f"{name}:{version}" if version else name


def _response(
    request: pb.ModelInferRequest,
    runner: LearnerRunner,
    outputs: Sequence[Output],
    batch: Batch,
    answers: Answers,
) -> pb.ModelInferResponse:
    response = pb.ModelInferResponse(
        model_name=runner.manifest.name, model_version=runner.manifest.version, id=request.id
    )
    for one in outputs:
        array = one.read(answers)
        response.outputs.add(name=one.name, datatype=one.datatype, shape=array.shape)
        response.raw_output_contents.append(raw_of(array))
    if warnings := warnings_of(batch, answers):
        response.parameters["warnings"].string_param = warnings
    return response


def _reply(request: Any, outcome: pb.ModelInferResponse | Exception) -> pb.ModelStreamInferResponse:
    if isinstance(outcome, Exception):
        nothing = pb.ModelInferResponse(id=request.id)
        told = to_status(outcome).message
        return pb.ModelStreamInferResponse(error_message=told, infer_response=nothing)
    if request.parameters[_WANTS_FINAL].bool_param:
        outcome.parameters[_FINAL].bool_param = True
    return pb.ModelStreamInferResponse(infer_response=outcome)


def _check_repository(name: str) -> None:
    if name:
        problem = f'expected "": there is one repository, the store; got "{name[:80]}"'
        raise InvalidInput([Violation("repository_name", problem)], "the request")


def _changed(request: pb.RepositoryModelLoadRequest | pb.RepositoryModelUnloadRequest) -> str:
    """Give the model that is to be changed, which in KServe's messages has the number 1."""
    if request.model_name:
        _check_repository(request.repository_name)
    if strange := request.parameters.keys() - _IDLE:
        problem = "expected none: what a model is, its version in the store says; got"
        names = ", ".join(f'"{name[:80]}"' for name in sorted(strange)[:10])
        raise InvalidInput([Violation("parameters", f"{problem} {names}")], "the request")
    return request.model_name or request.repository_name


def _refuse(name: str) -> NoReturn:
    if "SharedMemory" in name:
        raise NotServed("no memory is shared here: send the tensors in the request")
    raise NotServed(f"{name} is Triton's: settings, logs and traces are the operator's here")
