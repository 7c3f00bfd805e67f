"""The command that serves what the store holds."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ..common import logs
from ..common.extras import missing_of
from ..common.settings import (
    ENVIRONMENT_PREFIX,
    DeviceSetting,
    OnMismatch,
    PrecisionSetting,
    ServerSettings,
)
from ..hosting.variables import complaints
from .commands import fail, reported

app = typer.Typer()

# Not what the environment says: that is read when the flags are.
_DEFAULTS = ServerSettings.model_construct()


def _setting(field: str, on: str | None = None, **more: Any) -> Any:
    """Make the flag of a server setting, which also reads its environment variable."""
    return typer.Option(
        on or f"--{field.replace('_', '-')}",
        envvar=f"{ENVIRONMENT_PREFIX}{field.upper()}",
        help=ServerSettings.model_fields[field].description,
        **more,
    )


@app.command(short_help="Serve models and services over gRPC.")
def serve(
    served: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="MODEL|SERVICE...",
            help="models, and services: service.py:svc or package.module:svc",
        ),
    ] = None,
    host: Annotated[str, _setting("host")] = _DEFAULTS.host,
    # What the environment has for it is no number where Kubernetes set it.
    port: Annotated[
        str | None, _setting("port", metavar="INTEGER", show_default=str(_DEFAULTS.port))
    ] = None,
    ops_port: Annotated[str | None, _setting("ops_port", metavar="INTEGER")] = None,
    tls_cert: Annotated[Path | None, _setting("tls_cert", metavar="FILE")] = None,
    tls_key: Annotated[Path | None, _setting("tls_key", metavar="FILE")] = None,
    tls_client_ca: Annotated[Path | None, _setting("tls_client_ca", metavar="FILE")] = None,
    insecure: Annotated[bool, _setting("insecure")] = _DEFAULTS.insecure,
    max_message_mib: Annotated[int, _setting("max_message_mib")] = _DEFAULTS.max_message_mib,
    max_held_mib: Annotated[int, _setting("max_held_mib")] = _DEFAULTS.max_held_mib,
    max_text_chars: Annotated[int, _setting("max_text_chars")] = _DEFAULTS.max_text_chars,
    max_cells: Annotated[int, _setting("max_cells")] = _DEFAULTS.max_cells,
    max_extra_columns: Annotated[int, _setting("max_extra_columns")] = _DEFAULTS.max_extra_columns,
    max_items: Annotated[int, _setting("max_items")] = _DEFAULTS.max_items,
    max_pixels: Annotated[int, _setting("max_pixels")] = _DEFAULTS.max_pixels,
    max_input_size: Annotated[int, _setting("max_input_size")] = _DEFAULTS.max_input_size,
    max_elements: Annotated[int, _setting("max_elements")] = _DEFAULTS.max_elements,
    max_numbers: Annotated[int, _setting("max_numbers")] = _DEFAULTS.max_numbers,
    max_batch_size: Annotated[int, _setting("max_batch_size")] = _DEFAULTS.max_batch_size,
    max_queue: Annotated[int, _setting("max_queue")] = _DEFAULTS.max_queue,
    max_wait: Annotated[float, _setting("max_wait")] = _DEFAULTS.max_wait,
    max_pending: Annotated[int, _setting("max_pending")] = _DEFAULTS.max_pending,
    max_delay: Annotated[float, _setting("max_delay")] = _DEFAULTS.max_delay,
    on_mismatch: Annotated[OnMismatch, _setting("on_mismatch")] = _DEFAULTS.on_mismatch,
    allow_unverified: Annotated[bool, _setting("allow_unverified")] = _DEFAULTS.allow_unverified,
    sealed_only: Annotated[bool, _setting("sealed_only")] = _DEFAULTS.sealed_only,
    allow_unpickling: Annotated[bool, _setting("allow_unpickling")] = _DEFAULTS.allow_unpickling,
    trusted_keys: Annotated[Path | None, _setting("trusted_keys")] = _DEFAULTS.trusted_keys,
    device: Annotated[DeviceSetting, _setting("device")] = _DEFAULTS.device,
    precision: Annotated[PrecisionSetting, _setting("precision")] = _DEFAULTS.precision,
    drain_seconds: Annotated[float, _setting("drain_seconds")] = _DEFAULTS.drain_seconds,
    max_streams: Annotated[int, _setting("max_streams")] = _DEFAULTS.max_streams,
    max_header_kib: Annotated[int, _setting("max_header_kib")] = _DEFAULTS.max_header_kib,
    max_connection_age: Annotated[
        float, _setting("max_connection_age")
    ] = _DEFAULTS.max_connection_age,
    max_connection_age_grace: Annotated[
        float, _setting("max_connection_age_grace")
    ] = _DEFAULTS.max_connection_age_grace,
    access: Annotated[Path | None, _setting("access", metavar="FILE")] = _DEFAULTS.access,
    jwt_keys: Annotated[str, _setting("jwt_keys", metavar="FILE|URL")] = _DEFAULTS.jwt_keys,
    jwt_issuer: Annotated[str, _setting("jwt_issuer")] = _DEFAULTS.jwt_issuer,
    jwt_audience: Annotated[str, _setting("jwt_audience")] = _DEFAULTS.jwt_audience,
    jwt_leeway: Annotated[float, _setting("jwt_leeway")] = _DEFAULTS.jwt_leeway,
    reflection: Annotated[
        bool, _setting("reflection", on="--reflection/--no-reflection")
    ] = _DEFAULTS.reflection,
    workers: Annotated[int, _setting("workers")] = _DEFAULTS.workers,
    log_format: Annotated[logs.LogFormat, _setting("log_format")] = _DEFAULTS.log_format,
    reload: Annotated[
        bool,
        typer.Option("--reload", help="for development: serve anew when a service's file changes"),
    ] = False,
) -> None:
    """Serve models and services over gRPC until SIGTERM, SIGHUP or Ctrl-C."""
    if not served:
        raise _unnamed()
    with reported():
        settings = ServerSettings(
            host=host,
            tls_cert=tls_cert,
            tls_key=tls_key,
            tls_client_ca=tls_client_ca,
            insecure=insecure,
            max_message_mib=max_message_mib,
            max_held_mib=max_held_mib,
            max_text_chars=max_text_chars,
            max_cells=max_cells,
            max_extra_columns=max_extra_columns,
            max_items=max_items,
            max_pixels=max_pixels,
            max_input_size=max_input_size,
            max_elements=max_elements,
            max_numbers=max_numbers,
            max_batch_size=max_batch_size,
            max_queue=max_queue,
            max_wait=max_wait,
            max_pending=max_pending,
            max_delay=max_delay,
            on_mismatch=on_mismatch,
            allow_unverified=allow_unverified,
            sealed_only=sealed_only,
            allow_unpickling=allow_unpickling,
            trusted_keys=trusted_keys,
            device=device,
            precision=precision,
            drain_seconds=drain_seconds,
            max_streams=max_streams,
            max_header_kib=max_header_kib,
            max_connection_age=max_connection_age,
            max_connection_age_grace=max_connection_age_grace,
            access=access,
            jwt_keys=jwt_keys,
            jwt_issuer=jwt_issuer,
            jwt_audience=jwt_audience,
            jwt_leeway=jwt_leeway,
            reflection=reflection,
            workers=workers,
            log_format=log_format,
            # It makes numbers of them.
            ops_port=ops_port,  # type: ignore[arg-type]
            **({} if port is None else {"port": port}),  # type: ignore[arg-type]
        )
        logs.configure(settings.log_format)
        for complaint in complaints():
            logs.get_logger().warning(complaint)
        if ops_port is not None and (missing := missing_of("http")):
            fail(
                f"--ops-port needs {missing}, which is not installed: pip install 'learnwire[http]'"
            )
        if reload and settings.workers > 1:
            fail(f"--reload serves with one worker, got --workers {settings.workers}")
        if reload:
            from ..hosting.reloading import serve_and_reload

            serve_and_reload(served, settings)
        else:
            from ..workers.launch import launch

            launch(served, settings)


def _unnamed() -> typer.BadParameter:
    """Say what there is to serve."""
    from ..store.store import ModelStore

    store = ModelStore()
    names = store.names()
    if not names:
        return typer.BadParameter(f"name a model or a service; {store.emptiness()}")
    return typer.BadParameter(
        f"name a model or a service; the store {store.home} has {', '.join(names)}: "
        f"learnwire serve {names[0]}"
    )
