"""Settings of a server: flags over environment variables over defaults, said once, here."""

from dataclasses import fields
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from .bounds import DEFAULT_BOUNDS, Bounds
from .defaults import HOST, PORT
from .limits import DEFAULT_LIMITS, Limits
from .logs import LogFormat

UNIX = "unix:"
ENVIRONMENT_PREFIX = "LEARNWIRE_"

OnMismatch = Literal["refuse", "warn"]
# What becomes of a null in a category where training had none.
Nulls = Literal["refuse", "allow"]
# What becomes of a category that training did not have.
UnknownCategories = Literal["warn", "refuse"]
DeviceSetting = Literal["cpu", "cuda", "auto"]
PrecisionSetting = Literal["fp32", "fp16", "bf16"]


class ServerSettings(BaseSettings):
    """How a server listens and what it accepts.

    Each field is the environment variable `LEARNWIRE_<FIELD>` and the flag
    `--<field>` of `learnwire serve`. Constructing it raises pydantic's
    ValidationError, which names field and value.
    """

    model_config = SettingsConfigDict(env_prefix=ENVIRONMENT_PREFIX, frozen=True, extra="forbid")

    host: str = Field(
        HOST,
        description="Address to listen on; 0.0.0.0 is all, which needs tls_cert or insecure, "
        "unix:/path.sock a Unix socket.",
    )
    port: int = Field(PORT, ge=0, le=65535, description="Port to listen on; 0 picks a free one.")
    ops_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="HTTP port for those who operate the server: /livez, /readyz and /metrics; "
        "none by default.",
    )
    tls_cert: Path | None = Field(
        None,
        description="The server's certificate and its chain, as PEM: with it the server speaks "
        "TLS only. Read again when it changes.",
    )
    tls_key: Path | None = Field(
        None, description="The key of tls_cert, as PEM. Read again when it changes."
    )
    tls_client_ca: Path | None = Field(
        None,
        description="The roots, as PEM, of which clients must show a certificate. Read again "
        "when they change.",
    )
    insecure: bool = Field(
        False,
        description="Speak plain text to other machines, too, which only a trusted network "
        "keeps secret; on loopback and on Unix sockets no flag is needed.",
    )
    max_message_mib: int = Field(16, ge=1, le=2047, description="Largest request message, in MiB.")
    max_held_mib: int = Field(
        64,
        ge=1,
        description="Most MiB of large requests that are held at a time; further calls are "
        "refused, and streams not read on.",
    )
    max_text_chars: int = Field(
        DEFAULT_BOUNDS.max_text_chars, ge=1, description="Longest text, in characters."
    )
    max_cells: int = Field(
        DEFAULT_BOUNDS.max_cells, ge=1, description="Most cells of a row, and columns of a table."
    )
    max_extra_columns: int = Field(
        DEFAULT_BOUNDS.max_extra_columns,
        ge=0,
        description="Most columns of a row or a table that are not among the model's.",
    )
    max_items: int = Field(
        DEFAULT_BOUNDS.max_items,
        ge=1,
        description="Most items of a request; a table has any number of rows.",
    )
    max_pixels: int = Field(
        DEFAULT_BOUNDS.max_pixels, ge=1, description="Most pixels of an image, as it is sent."
    )
    max_input_size: int = Field(
        DEFAULT_BOUNDS.max_input_size,
        ge=1,
        description="Most pixels of an image, or numbers of an array, that a network gets, after "
        "the model's transforms; what a model is used to is always taken.",
    )
    max_elements: int = Field(
        DEFAULT_BOUNDS.max_elements,
        ge=1,
        description="Most elements of lists, and strings of arrays, in a request.",
    )
    max_numbers: int = Field(
        DEFAULT_BOUNDS.max_numbers,
        ge=1,
        description="Most numbers of a typed array, such as a FloatArray.",
    )
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
    max_pending: int = Field(
        64,
        ge=1,
        description="Most calls that wait in front of the server, in gRPC's own queue; beyond "
        "them gRPC ends some calls CANCELLED, beyond twice as many all.",
    )
    max_delay: float = Field(
        DEFAULT_LIMITS.max_delay,
        ge=0,
        allow_inf_nan=False,
        description="How long an idle model waits for more items to come, in seconds.",
    )
    on_mismatch: OnMismatch = Field(
        "refuse",
        description="What to do with a model that answers its golden examples differently.",
    )
    allow_unverified: bool = Field(
        False, description="Serve models too of which no example was answered when they were saved."
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
    device: DeviceSetting = Field(
        "cpu",
        description="Where torch modules run: cpu, cuda, or auto, cuda where there is one. "
        "Learners stay on the cpu.",
    )
    precision: PrecisionSetting = Field(
        "fp32", description="What torch modules compute in; their answers stay float32."
    )
    drain_seconds: float = Field(
        30.0,
        ge=0,
        allow_inf_nan=False,
        description="How long calls in flight may take after SIGTERM, in seconds.",
    )
    max_streams: int = Field(
        1000,
        ge=1,
        le=2**31 - 1,
        description="Most calls of one connection at a time; further ones wait at the client.",
    )
    max_header_kib: int = Field(
        16,
        ge=1,
        le=1024,
        description="Largest headers (metadata) of a call, in KiB; a call with more is refused.",
    )
    max_connection_age: float = Field(
        0.0,
        ge=0,
        allow_inf_nan=False,
        description="After how many seconds a client is asked to connect anew, so that it finds "
        "other servers; 0: never.",
    )
    max_connection_age_grace: float = Field(
        30.0,
        ge=0,
        allow_inf_nan=False,
        description="How long its calls in flight may take then, in seconds.",
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
    reflection: bool = Field(
        True, description="Whether server reflection tells what is served, as grpcurl asks."
    )
    workers: int = Field(
        1, ge=1, le=256, description="How many processes serve, on one port and all of the cores."
    )
    log_format: LogFormat = Field(
        "auto", description="Log lines as json, for the console, or auto: console on a terminal."
    )

    @field_validator("port", "ops_port", mode="before")
    @classmethod
    def _is_no_service_link(cls, port: Any) -> Any:
        if isinstance(port, str) and port.startswith(("tcp://", "udp://")):
            raise ValueError(
                "expected a number; Kubernetes sets LEARNWIRE_PORT so for a Service named "
                "learnwire: set enableServiceLinks: false in the pod's spec, or LEARNWIRE_PORT"
            )
        return port

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
    def is_unix(self) -> bool:
        """Whether it listens on a Unix socket, which has no port."""
        return self.host.startswith(UNIX)

    def target(self, port: int) -> str:
        """Give what clients connect to, where this host listens on that port: `host:port`."""
        host = self.host
        if self.is_unix:
            return host
        return f"[{host}]:{port}" if ":" in host and host[0] != "[" else f"{host}:{port}"

    @property
    def limits(self) -> Limits:
        """What bounds each model's batches and queue."""
        return Limits(
            max_batch_size=self.max_batch_size,
            max_queue=self.max_queue,
            max_wait=self.max_wait,
            max_delay=self.max_delay,
        )

    @property
    def bounds(self) -> Bounds:
        """What bounds each request."""
        return Bounds(**{field.name: getattr(self, field.name) for field in fields(Bounds)})
