"""The command that serves what the store holds."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ..bundles.bundle import bundled, enter
from ..common import logs
from ..common.extras import missing_of
from ..common.settings_file import FILE, VARIABLE
from ..hosting.configuration import Configuration
from ..hosting.variables import complaints
from ..observe import tracing
from .commands import fail, reported
from .flags import in_place, said, with_settings

app = typer.Typer()


@app.command(short_help="Serve models and services over gRPC.")
@with_settings
def serve(
    context: typer.Context,
    served: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="MODEL|SERVICE...|./BUNDLE",
            help="models, and services: service.py:svc or package.module:svc; or the folder of a "
            "bundle, with a slash",
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            envvar=VARIABLE,
            metavar="FILE",
            show_default=f"{FILE}, if it is there",
            help="Settings and models, as YAML: see docs/settings.md. Flags and variables win.",
        ),
    ] = None,
    reload: Annotated[
        bool,
        typer.Option("--reload", help="for development: serve anew when a service's file changes"),
    ] = False,
    all_: Annotated[
        bool, typer.Option("--all", help="serve all models of the store, beside what is named")
    ] = False,
    **_: Any,
) -> None:
    """Serve models and services over gRPC until SIGTERM or Ctrl-C; a second one ends at once."""
    with reported():
        typed = said(context)
        if folder := bundled(served or ()):
            typed, config = in_place(typed), config and config.absolute()
            there = enter(folder)
            config, served = config or there, None
        configuration = Configuration.read(config, served or (), typed, everything=all_)
        settings = configuration.settings
        if not configuration.served and not (all_ and settings.watch):
            raise _unnamed()
        logs.configure(settings.log_format, settings.log_level)
        if configuration.file:
            logs.get_logger().info("settings read", file=configuration.file)
        for complaint in complaints():
            logs.get_logger().warning(complaint)
        if (variable := tracing.asked_by()) and (missing := missing_of("otel")):
            logs.get_logger().warning(
                f"{variable} asks for traces, which need {missing}: pip install 'learnwire[otel]'"
            )
        for flag, port in (("http", settings.http_port), ("ops", settings.ops_port)):
            if port is not None and (missing := missing_of("http")):
                fail(
                    f"--{flag}-port needs {missing}, which is not installed: "
                    "pip install 'learnwire[http]'"
                )
        if reload and settings.workers > 1:
            fail(f"--reload serves with one worker, got --workers {settings.workers}")
        if reload:
            from ..hosting.reloading import serve_and_reload

            serve_and_reload(configuration.served, settings, config)
        else:
            from ..workers.launch import launch

            launch(configuration.served, settings, config, everything=all_)


def _unnamed() -> typer.BadParameter:
    """Say what there is to serve."""
    from ..store.store import ModelStore

    store = ModelStore()
    names = store.names()
    if not names:
        return typer.BadParameter(f"name a model or a service; {store.emptiness()}")
    return typer.BadParameter(
        f"name a model or a service, here or in {FILE}; the store {store.home} has "
        f"{', '.join(names)}: learnwire serve {names[0]}"
    )
