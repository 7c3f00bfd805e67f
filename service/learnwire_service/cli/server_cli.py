"""The command that serves what the store holds."""

from typing import Annotated, Any

import typer

from ..common import logs
from ..common.extras import missing_of
from ..common.settings import ServerSettings
from ..hosting.variables import complaints
from .commands import fail, reported
from .flags import said, with_settings

app = typer.Typer()


@app.command(short_help="Serve models and services over gRPC.")
@with_settings
def serve(
    context: typer.Context,
    served: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="MODEL|SERVICE...",
            help="models, and services: service.py:svc or package.module:svc",
        ),
    ] = None,
    reload: Annotated[
        bool,
        typer.Option("--reload", help="for development: serve anew when a service's file changes"),
    ] = False,
    **_: Any,
) -> None:
    """Serve models and services over gRPC until SIGTERM, SIGHUP or Ctrl-C."""
    if not served:
        raise _unnamed()
    with reported():
        settings = ServerSettings(**said(context))
        logs.configure(settings.log_format)
        for complaint in complaints():
            logs.get_logger().warning(complaint)
        if settings.ops_port is not None and (missing := missing_of("http")):
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
