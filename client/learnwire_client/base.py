"""What both clients have in common."""

from types import EllipsisType
from typing import TypeAlias

from learnwire.v1 import model_service_pb2 as pb

from .channel import ChannelOptions
from .descriptions import decode_model
from .exchange import Exchange
from .fitting import Fitted
from .job import Errors, Job
from .model import Model

Timeout: TypeAlias = float | EllipsisType | None

DEFAULT_OPTIONS = ChannelOptions()


class BaseClient:
    """Knows the server, the time that calls have, and the classes of models seen before."""

    def __init__(self, target: str, timeout: float | None, options: ChannelOptions) -> None:
        self._target = target
        self._timeout = timeout
        self._max_bytes = options.max_message_bytes
        self._names: dict[str, tuple[str, ...]] = {}

    def _seconds(self, timeout: Timeout) -> float | None:
        return self._timeout if isinstance(timeout, EllipsisType) else timeout

    def _classes_of(self, tag: str) -> tuple[str, ...]:
        return self._names.get(tag, ())

    def _job(self, model: str, values: object, errors: Errors, progress: bool) -> Job:
        return Job.of(model, values, errors=errors, progress=progress, max_bytes=self._max_bytes)

    def _exchange(
        self, model: str, ordered: bool, timeout: Timeout, fit: Fitted | None
    ) -> Exchange:
        return Exchange(
            model,
            ordered=ordered,
            seconds=self._seconds(timeout),
            max_bytes=self._max_bytes,
            classes_of=self._classes_of,
            fit=fit,
        )

    def _described(self, message: pb.Model) -> Model:
        model = decode_model(message)
        self._names[model.tag] = model.output.names
        return model
