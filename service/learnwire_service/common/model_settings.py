"""Settings of a model: how it is loaded, and how its items wait and make batches."""

from pydantic import BaseModel, ConfigDict, Field, field_validator

from .choices import DeviceSetting, OnMismatch, OnUnloaded, PrecisionSetting
from .limits import DEFAULT_LIMITS, Limits
from .shares import share_of


class ModelSettings(BaseModel):
    """How models are loaded and asked; see ServerSettings.

    A server's hold for all models, and those of a model, as far as they are set, for it alone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_batch_size: int = Field(
        DEFAULT_LIMITS.max_batch_size, ge=1, description="Most items that a model gets at once."
    )
    max_queue: int = Field(
        DEFAULT_LIMITS.max_queue,
        ge=1,
        description="Most items that wait for a model; further calls are refused.",
    )
    max_wait: float = Field(
        1.0,
        gt=0,
        description="How long an item may wait for a model, in seconds, by what is known of its "
        "speed; calls that would wait longer, or beyond their deadline, are refused.",
    )
    max_delay: float = Field(
        DEFAULT_LIMITS.max_delay,
        ge=0,
        allow_inf_nan=False,
        description="How long an idle model waits for more items to come, in seconds.",
    )
    model_timeout: float = Field(
        60.0,
        ge=0,
        allow_inf_nan=False,
        description="How long a model may take for one batch, in seconds; then the batch fails, "
        "and the process is replaced. 0: for ever.",
    )
    on_mismatch: OnMismatch = Field(
        "refuse",
        description="What to do with a model that answers its golden examples differently.",
    )
    allow_unverified: bool = Field(
        False, description="Serve models too of which no example was answered when they were saved."
    )
    on_unloaded: OnUnloaded = Field(
        "wait",
        description="What becomes of a call of a model that memory_budget had unloaded: it waits "
        "until the model is loaded again, or is told to try again.",
    )
    device: DeviceSetting = Field(
        "cpu",
        description="Where torch modules run: cpu, cuda, or auto, cuda where there is one. "
        "Learners stay on the cpu.",
    )
    precision: PrecisionSetting = Field(
        "fp32", description="What torch modules compute in; their answers stay float32."
    )

    @property
    def limits(self) -> Limits:
        """What bounds each model's batches and queue."""
        return Limits(
            max_batch_size=self.max_batch_size,
            max_queue=self.max_queue,
            max_wait=self.max_wait,
            max_delay=self.max_delay,
        )


class OwnSettings(ModelSettings):
    """What a single model, or a version of it, has of its own."""

    share: str = Field(
        "",
        description="Of a version: which share of the calls that name no version it answers, as "
        "5%; see split.",
    )

    @field_validator("share")
    @classmethod
    def _is_a_share(cls, share: str) -> str:
        if share:
            share_of(share)
        return share
