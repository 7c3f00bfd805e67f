"""Settings of a server: flags over environment over file over defaults, said once, here."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import Field, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from .logs import LogFormat, LogLevel
from .memory import resident_bytes
from .model_settings import ModelSettings, OwnSettings
from .network_settings import NetworkSettings
from .request_settings import RequestSettings
from .shares import share_of, shares_of

ENVIRONMENT_PREFIX = "LEARNWIRE_"

_MODELS = "models"


class _Variables(EnvSettingsSource):
    """The environment, which says nothing of single models."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """See pydantic_settings."""
        if field_name == _MODELS:
            return None, field_name, False
        return super().get_field_value(field, field_name)


class ServerSettings(BaseSettings, ModelSettings, RequestSettings, NetworkSettings):
    """How a server listens and what it accepts.

    Each field but `models` is the environment variable `LEARNWIRE_<FIELD>`, the flag `--<field>`
    of `learnwire serve`, and the key `<field>` in the section `serve` of learnwire.yaml.
    Constructing it raises pydantic's ValidationError, which names field and value.
    """

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX, env_ignore_empty=True, frozen=True, extra="forbid"
    )

    sealed_only: bool = Field(
        False,
        description="Serve sealed models only: nothing is unpickled, and no code of a model runs.",
    )
    allow_unpickling: bool = Field(
        False,
        description="Run the code of models that are neither your own nor signed by a trusted key: "
        "pickles, adapters, custom objects.",
    )
    trusted_keys: Path | None = Field(
        None,
        description="Serve only models that one of these keys signed: a file, or a folder of "
        "files, of public keys and certificates, PEM.",
    )
    memory_budget: int | None = Field(
        None,
        ge=1,
        description="Most MiB that models may take together: those not called for longest are "
        "unloaded, and loaded again when they are called. Workers share it.",
    )
    memory_limit: int | None = Field(
        None,
        ge=0,
        description="Most MiB that the server's processes may hold together: near it new streams "
        "are refused, then all new calls. If left out, what their cgroup may hold; 0: any.",
    )
    split: str = Field(
        "",
        description="Which share of the calls that name no version single versions answer, with "
        "commas, as penguins:v2=5%; the default answers the rest.",
    )
    load_timeout: float = Field(
        300.0,
        ge=0,
        allow_inf_nan=False,
        description="How long a version may take to load and to answer its golden examples while "
        "others are served, in seconds; then it is refused, and the process replaced. 0: for ever.",
    )
    watch: bool = Field(
        False,
        description="Follow the store: a newer version of a model that is given by its bare name "
        "takes the place of the older one, and what is deleted is served no longer.",
    )
    remote: str = Field(
        "",
        description="Serve models of a store that others share, such as s3://bucket/models: sealed "
        "versions only, unless --allow-unpickling. With --watch it is looked at once a minute.",
    )
    remote_cache: int = Field(
        10240,
        ge=0,
        description="Most MiB of files from such a store that this machine keeps.",
    )
    access: Path | None = Field(
        None,
        description="File of who may call, and what they may do: see learnwire token new. "
        "It is read again when it changes.",
    )
    jwt_keys: str = Field(
        "",
        description="JSON web key set of the issuer whose web tokens are taken: a file, or an "
        "https:// address.",
    )
    jwt_issuer: str = Field("", description="Who must have made web tokens, their iss.")
    jwt_audience: str = Field("", description="For whom web tokens must be, their aud.")
    jwt_leeway: float = Field(
        30.0,
        ge=0,
        le=600,
        description="By how many seconds clocks may differ, where web tokens begin and expire.",
    )
    log_format: LogFormat = Field(
        "auto", description="Log lines as json, for the console, or auto: console on a terminal."
    )
    log_level: LogLevel = Field(
        "info",
        description="Lines below this level are not written: debug, info, warning, error. Calls "
        "that succeed are info, those that fail warning, or error where the server failed.",
    )
    log_sample: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Which share of the calls that succeed has a line; those that fail all have.",
    )
    models: Mapping[str, OwnSettings] = Field(
        {}, description="Settings of single models, by `name` for all versions, or `name:version`."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        *_: PydanticBaseSettingsSource,
        **__: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """See pydantic_settings."""
        return init_settings, _Variables(settings_cls)

    @model_validator(mode="after")
    def _suits_a_unix_socket(self) -> Self:
        if self.is_unix:
            if "port" in self.model_fields_set:
                raise ValueError(
                    f"host {self.host} is a Unix socket, which has no port: leave --port out"
                )
            if self.workers > 1:
                raise ValueError(
                    f"host {self.host} is a Unix socket, which workers cannot share: serve with "
                    f"--workers 1, or on a port; got {self.workers} workers"
                )
        return self

    @field_validator("split")
    @classmethod
    def _has_shares(cls, split: str) -> str:
        shares_of(split)
        return split

    @model_validator(mode="after")
    def _shares_are_of_versions(self) -> Self:
        for name, own in self.models.items():
            if own.share and ":" not in name:
                raise ValueError(
                    f"models.{name}.share: expected it below a version, as {name}:v2, got it for "
                    "all of them"
                )
        return self

    @model_validator(mode="after")
    def _can_measure_memory(self) -> Self:
        if self.memory_limit and not resident_bytes():
            raise ValueError("memory_limit: this system does not tell what processes hold")
        return self

    @model_validator(mode="after")
    def _knows_whose_web_tokens(self) -> Self:
        said = [bool(one) for one in (self.jwt_keys, self.jwt_issuer, self.jwt_audience)]
        if any(said) and not all(said):
            raise ValueError("web tokens need all three: jwt_keys, jwt_issuer and jwt_audience")
        return self

    @model_validator(mode="after")
    def _has_all_of_tls(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("--tls-cert and --tls-key: expected both or neither")
        if self.tls_client_ca is not None and self.tls_cert is None:
            raise ValueError("--tls-client-ca: expected --tls-cert and --tls-key with it")
        if self.tls_cert is not None and self.is_unix:
            raise ValueError(
                f"host {self.host} is a Unix socket, which no name is certified for: leave "
                "--tls-cert and --tls-key out, or serve on a port"
            )
        return self

    @property
    def asks_who_calls(self) -> bool:
        """Whether callers have to show who they are."""
        return any((self.access, self.jwt_keys, self.tls_client_ca))

    @property
    def shares(self) -> dict[str, float]:
        """The shares of calls that versions answer, by their tags; what these say of it wins."""
        own = {tag: share_of(one.share) for tag, one in self.models.items() if one.share}
        return {**shares_of(self.split), **own}

    def of_model(self, name: str, version: str) -> Self:
        """Give the settings of one version of a model: what it says of itself wins."""
        own: dict[str, Any] = {}
        for key in (name, f"{name}:{version}"):
            if key in self.models:
                own |= self.models[key].model_dump(exclude_unset=True, exclude={"share"})
        return self.model_copy(update=own) if own else self


# Those that are flags, variables, and keys of the file.
FLAGS = {name: one for name, one in ServerSettings.model_fields.items() if name != _MODELS}
