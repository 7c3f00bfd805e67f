"""Settings of a server's network: where it listens, and whom it lets connect."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, field_validator

from .defaults import HOST, PORT

UNIX = "unix:"


class NetworkSettings(BaseModel):
    """Where a server listens, and what holds for connections; see ServerSettings."""

    host: str = Field(
        HOST,
        description="Address to listen on; 0.0.0.0 is all, which needs tls_cert or insecure, "
        "unix:/path.sock a Unix socket.",
    )
    port: int = Field(PORT, ge=0, le=65535, description="Port to listen on; 0 picks a free one.")
    http_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="Port for callers without gRPC: Connect, gRPC-Web and JSON over HTTP; none by "
        "default, 0 picks a free one.",
    )
    http_hosts: str = Field(
        "",
        description="Names, with commas, by which callers reach http_port, beside localhost and "
        "addresses; * is any.",
    )
    http_origins: str = Field(
        "",
        description="Sites, with commas, whose pages may call http_port (CORS), such as "
        "https://app.example.com; * is any.",
    )
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
    reflection: bool = Field(
        True, description="Whether server reflection tells what is served, as grpcurl asks."
    )
    max_pending: int = Field(
        64,
        ge=1,
        description="Most calls that wait in front of the server, in gRPC's own queue; beyond "
        "them gRPC ends some calls CANCELLED, beyond twice as many all.",
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
    workers: int = Field(
        1, ge=1, le=256, description="How many processes serve, on one port and all of the cores."
    )
    drain_seconds: float = Field(
        30.0,
        ge=0,
        allow_inf_nan=False,
        description="How long calls in flight may take after SIGTERM, in seconds.",
    )

    @field_validator("port", "http_port", "ops_port", mode="before")
    @classmethod
    def _is_no_service_link(cls, port: Any) -> Any:
        if isinstance(port, str) and port.startswith(("tcp://", "udp://")):
            raise ValueError(
                "expected a number; Kubernetes sets LEARNWIRE_PORT so for a Service named "
                "learnwire: set enableServiceLinks: false in the pod's spec, or LEARNWIRE_PORT"
            )
        return port

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
