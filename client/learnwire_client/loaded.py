"""What a server has loaded."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from learnwire.v1 import admin_service_pb2 as pb
from learnwire.v1 import model_service_pb2

_STATES = {
    model_service_pb2.MODEL_STATE_LOADING: "loading",
    model_service_pb2.MODEL_STATE_READY: "ready",
    model_service_pb2.MODEL_STATE_FAILED: "failed",
}


@dataclass(frozen=True)
class LoadedModel:
    """A version that a server has loaded, or could not load.

    Attributes:
        tag: its name and version.
        default: whether it answers to the model's bare name.
        state: "ready", "loading" or "failed"; "" where this client does not know it.
        since: since when; None where that is not told.
        memory_bytes: about how much memory it takes in each worker.
        problem: why it could not be loaded; "" where it is loaded.
        share: which share of the calls that name no version it answers, from 0 to 1.
        message: all this as it came, as learnwire.v1.LoadedModel.
    """

    tag: str
    default: bool
    state: str
    since: datetime | None
    memory_bytes: int
    problem: str
    share: float
    message: pb.LoadedModel = field(compare=False, repr=False)

    @classmethod
    def decode(cls, message: pb.LoadedModel) -> "LoadedModel":
        """Decode one from the wire."""
        return cls(
            tag=f"{message.name}:{message.version}",
            default=message.default,
            state=_STATES.get(message.state, ""),
            since=message.since.ToDatetime(UTC) if message.HasField("since") else None,
            memory_bytes=message.memory_bytes,
            problem=message.problem,
            share=message.share,
            message=message,
        )
