"""How much is measured: the quick benchmark, or the full one."""

from dataclasses import dataclass

from .models import (
    LONG_TEXT,
    MIXED_TEXT,
    PENGUINS,
    POINTS,
    RESNET,
    SENTIMENT,
    SHORT_TEXT,
    TEXT,
    UNET,
    Learner,
    Model,
)


@dataclass(frozen=True)
class Scope:
    """What one benchmark measures.

    Attributes:
        name: what it is called here.
        command: what runs it.
        models: the models.
        in_flight: how many calls are in flight at a time.
        full: whether open loops, streams, workers, footprints and BentoML are measured too.
        rounds: how often all is measured.
        longest: in how many seconds the last round must end.
    """

    name: str
    command: str
    models: tuple[Model, ...]
    in_flight: tuple[int, ...]
    full: bool
    rounds: int
    longest: float

    @property
    def learners(self) -> tuple[Learner, ...]:
        """The models' learners, each once."""
        return tuple(dict.fromkeys(model.learner for model in self.models))


SCOPES = (
    Scope(
        name="quick",
        command="make bench-quick",
        models=(PENGUINS, TEXT, RESNET),
        in_flight=(1, 16),
        full=False,
        rounds=5,
        # With setting up and the memory row it stays below a quarter of an hour.
        longest=9 * 60.0,
    ),
    Scope(
        name="full",
        command="make bench",
        models=(PENGUINS, TEXT, SHORT_TEXT, LONG_TEXT, MIXED_TEXT, SENTIMENT, RESNET, POINTS, UNET),
        in_flight=(1, 4, 16, 64),
        full=True,
        rounds=3,
        # With what comes before and after them it stays below an hour.
        longest=45 * 60.0,
    ),
)
