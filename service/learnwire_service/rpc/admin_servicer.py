"""AdminService: finds out which steps are asked for, and has all processes take them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any

from learnwire.v1 import admin_service_pb2 as pb
from learnwire.v1 import admin_service_pb2_grpc, model_service_pb2

from ..common.changes import CarryOut, Do, Problem, Step, loading, updating
from ..common.errors import ChangeRefused, Forbidden, InvalidTag, ModelNotFound, NotInStore
from ..runners.learner import LearnerRunner
from ..runners.registry import Registry
from ..store.store import ModelStore
from ..store.tag import Tag
from .calls import note
from .describe import timestamp, without_paths
from .gate import caller
from .lineup import Failed, Lineup


class AdminServicer(admin_service_pb2_grpc.AdminServiceServicer):
    """Changes what is served.

    Args:
        lineup: what this process serves.
        drain_seconds: how long calls that are running may go on while the server ends.

    Attributes:
        carry_out: has all processes of the server take steps.
        bring: brings a version into the store, where that is filled from elsewhere.
    """

    def __init__(self, lineup: Lineup, drain_seconds: float) -> None:
        self._lineup, self._drain_seconds = lineup, drain_seconds
        self.carry_out: CarryOut = _refuse
        self.bring: Callable[[str], Awaitable[None]] | None = None

    @property
    def _seen(self) -> Registry:
        """The models that exist for the caller."""
        return self._lineup.registry.only(caller().models)

    async def ListLoaded(
        self, request: pb.ListLoadedRequest, context: Any
    ) -> pb.ListLoadedResponse:
        """List what is loaded, and what could not be."""
        seen, identity = self._seen, caller()
        failed = [one for one in self._lineup.failed.values() if identity.sees(one.tag.name)]
        models = [self._loaded(seen, runner) for runner in seen.runners]
        return pb.ListLoadedResponse(models=[*models, *map(_not_loaded, failed)])

    async def LoadModel(self, request: pb.LoadModelRequest, context: Any) -> pb.LoadModelResponse:
        """Load a version beside the others."""
        tag, version = await self._stored(request.model)
        if self._lineup.serves(tag):
            raise ChangeRefused(f"{tag} is loaded already")
        await self._change(loading(tag))
        return pb.LoadModelResponse(version=version)

    async def UnloadModel(
        self, request: pb.UnloadModelRequest, context: Any
    ) -> pb.UnloadModelResponse:
        """Serve a version no longer."""
        runner = self._seen.find(request.model)
        versions = self._seen.versions(runner.manifest.name)
        if len(versions) > 1 and ":" not in request.model:
            raise InvalidTag(f"{len(versions)} versions of {request.model} are loaded: name one")
        await self._change([Step(Do.REMOVE, runner.tag)])
        return pb.UnloadModelResponse(version=runner.manifest.version)

    async def SetDefaultVersion(
        self, request: pb.SetDefaultVersionRequest, context: Any
    ) -> pb.SetDefaultVersionResponse:
        """Have a version answer to its model's bare name."""
        runner = self._seen.find(request.model)
        await self._change([Step(Do.DEFAULT, runner.tag)])
        return pb.SetDefaultVersionResponse(version=runner.manifest.version)

    async def UpdateModel(
        self, request: pb.UpdateModelRequest, context: Any
    ) -> pb.UpdateModelResponse:
        """Serve one version in the place of all others."""
        return pb.UpdateModelResponse(version=await self.update(request.model))

    async def update(self, model: str) -> str:
        """Serve one version in the place of all others; give it.

        Raises:
            ModelNotFound: the store does not have it.
            ChangeRefused: it does not load, or something needs the others.
        """
        tag, version = await self._stored(model)
        await self._change(updating(tag))
        return version

    async def unload(self, model: str) -> None:
        """Serve a version, or all those of a model, no longer.

        Raises:
            ModelNotFound: it is not served.
            ChangeRefused: something needs it.
        """
        runner, seen = self._seen.find(model), self._seen
        name = runner.manifest.name
        default = seen.default(name)
        # The default goes last: the others could not be without it.
        all_of_it = [*(one for one in seen.versions(name) if one is not default), default]
        going = [runner] if ":" in model else all_of_it
        await self._change([Step(Do.REMOVE, one.tag) for one in going])

    async def Drain(self, request: pb.DrainRequest, context: Any) -> pb.DrainResponse:
        """End the server, once the calls that are running have been answered."""
        if caller().models is not None:
            raise Forbidden("some models are hidden from this caller, and would end too")
        await self._take([Step(Do.DRAIN, "")])
        return pb.DrainResponse(drain_seconds=self._drain_seconds)

    async def _change(self, steps: Sequence[Step]) -> None:
        note(model=steps[0].tag)
        await self._take(steps)

    async def _take(self, steps: Sequence[Step]) -> None:
        # A caller who leaves does not leave it half done.
        change = asyncio.ensure_future(self.carry_out(steps))
        if (problem := await asyncio.shield(change)) is not None:
            raise ChangeRefused(without_paths(problem.told))

    async def _stored(self, model: str) -> tuple[str, str]:
        """Find the version that is meant in the store; give its tag, and what it is called."""
        tag = Tag.parse(model)
        if not caller().sees(tag.name):
            raise ModelNotFound(f'the store has no model "{tag.name}"')
        if self.bring is not None:
            await self.bring(model)
        try:
            version = await asyncio.to_thread(ModelStore().find, tag)
        except NotInStore:
            raise ModelNotFound(f'the store has no model "{tag.name}"') from None
        return str(version.manifest.tag), version.manifest.version

    def _loaded(self, seen: Registry, runner: LearnerRunner) -> pb.LoadedModel:
        ready, loading = model_service_pb2.MODEL_STATE_READY, model_service_pb2.MODEL_STATE_LOADING
        since: datetime | None = self._lineup.since.get(runner.tag)
        files = runner.manifest.files.values()
        memory = max(runner.memory_bytes, sum(one.size for one in files))
        return pb.LoadedModel(
            name=runner.manifest.name,
            version=runner.manifest.version,
            default=seen.default(runner.manifest.name) is runner,
            state=ready if runner.is_ready else loading,
            since=timestamp(since) if since else None,
            memory_bytes=0 if runner.is_unloaded else memory,
            share=seen.share(runner),
        )


def _not_loaded(failed: Failed) -> pb.LoadedModel:
    return pb.LoadedModel(
        name=failed.tag.name,
        version=failed.tag.version or "",
        state=model_service_pb2.MODEL_STATE_FAILED,
        since=timestamp(failed.at),
        problem=without_paths(failed.problem),
    )


async def _refuse(steps: Sequence[Step]) -> Problem:
    return Problem("what this server serves cannot be changed")
