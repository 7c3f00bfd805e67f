"""The commands that look after the store and serve what it holds.

What a command needs is imported when it runs: most need neither gRPC nor torch.
"""

from pathlib import Path
from typing import Annotated, Any

import typer

from . import logs
from .commands import TagArgument, fail, reported
from .contracts.cli import contract_app
from .settings import (
    ENVIRONMENT_PREFIX,
    DeviceSetting,
    Nulls,
    OnMismatch,
    PrecisionSetting,
    ServerSettings,
)
from .variables import complaints

app = typer.Typer()
models_app = typer.Typer(no_args_is_help=True, help="Look after the saved models.")
app.add_typer(models_app, name="models")
app.add_typer(contract_app, name="contract")

# Not what the environment says: that is read when the flags are.
_DEFAULTS = ServerSettings.model_construct()


def _setting(field: str, **more: Any) -> Any:
    """Make the flag of a server setting, which also reads its environment variable."""
    return typer.Option(
        f"--{field.replace('_', '-')}",
        envvar=f"{ENVIRONMENT_PREFIX}{field.upper()}",
        help=ServerSettings.model_fields[field].description,
        **more,
    )


@app.command()
def save(
    name: Annotated[str, typer.Argument(help="name, or name:version")],
    export: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="a file from learner.export")
    ],
    nulls: Annotated[
        Nulls, typer.Option(help="null in a category, of which an export does not know")
    ] = "refuse",
) -> None:
    """Save an exported Learner as a new version of a model.

    Exports are pickles: save only what you trust. They come without the training data, so
    whether that had nulls in a category is unknown: such nulls are refused, unless you know
    better and allow them.
    """
    from .learners.export import load
    from .saving import save_model

    with reported():
        print(save_model(name, load(export), nulls=nulls).tag)


@models_app.command("list")
def list_saved(
    name: Annotated[str | None, typer.Argument(help="only the versions of this model")] = None,
) -> None:
    """List the saved models, newest version first."""
    from rich.console import Console

    from .models import list_models
    from .rendering import models_table
    from .store.store import ModelStore

    store = ModelStore()
    with reported():
        models = list_models(name)
        if not models and name is not None:
            raise store.lacks(name)
    if models:
        Console().print(models_table(models))
    else:
        print(f"No models are saved yet: {store.emptiness()}")


@models_app.command()
def show(
    tag: TagArgument,
    as_json: Annotated[bool, typer.Option("--json", help="All of it, as JSON.")] = False,
) -> None:
    """Show what a model takes and answers, and where it comes from."""
    from rich.console import Console

    from .models import get
    from .rendering import model_table

    with reported():
        model = get(tag)
    if as_json:
        print(model.manifest.model_dump_json(indent=2))
    else:
        Console().print(model_table(model))


@models_app.command()
def seal(
    tag: TagArgument,
    without_learner: Annotated[
        bool, typer.Option("--without-learner", help="Leave the Learner, a pickle, out.")
    ] = False,
) -> None:
    """Make a sealed version of a saved model, which is served without fastai and torch."""
    from .sealing import seal_model

    with reported():
        print(seal_model(tag, keep_learner=not without_learner).tag)


@models_app.command()
def delete(
    tag: TagArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a version, or all versions of a bare name."""
    from .models import delete_model

    if not yes:
        typer.confirm(f"Delete {tag}?", abort=True)
    with reported():
        for deleted in delete_model(tag):
            print(deleted)


@app.command()
def serve(
    served: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL|SERVICE...",
            help="models, and services: service.py:svc or package.module:svc",
        ),
    ],
    host: Annotated[str, _setting("host")] = _DEFAULTS.host,
    # What the environment has for it is no number where Kubernetes set it.
    port: Annotated[
        str | None, _setting("port", metavar="INTEGER", show_default=str(_DEFAULTS.port))
    ] = None,
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
    device: Annotated[DeviceSetting, _setting("device")] = _DEFAULTS.device,
    precision: Annotated[PrecisionSetting, _setting("precision")] = _DEFAULTS.precision,
    drain_seconds: Annotated[float, _setting("drain_seconds")] = _DEFAULTS.drain_seconds,
    max_connection_age: Annotated[
        float, _setting("max_connection_age")
    ] = _DEFAULTS.max_connection_age,
    max_connection_age_grace: Annotated[
        float, _setting("max_connection_age_grace")
    ] = _DEFAULTS.max_connection_age_grace,
    workers: Annotated[int, _setting("workers")] = _DEFAULTS.workers,
    log_format: Annotated[logs.LogFormat, _setting("log_format")] = _DEFAULTS.log_format,
    reload: Annotated[
        bool,
        typer.Option("--reload", help="for development: serve anew when a service's file changes"),
    ] = False,
) -> None:
    """Serve models and services over gRPC until SIGTERM, SIGHUP or Ctrl-C."""
    with reported():
        settings = ServerSettings(
            host=host,
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
            device=device,
            precision=precision,
            drain_seconds=drain_seconds,
            max_connection_age=max_connection_age,
            max_connection_age_grace=max_connection_age_grace,
            workers=workers,
            log_format=log_format,
            **({} if port is None else {"port": port}),  # type: ignore[arg-type]  # it converts
        )
        logs.configure(settings.log_format)
        for complaint in complaints():
            logs.get_logger().warning(complaint)
        if reload and settings.workers > 1:
            fail(f"--reload serves with one worker, got --workers {settings.workers}")
        if reload:
            from .reloading import serve_and_reload

            serve_and_reload(served, settings)
        elif settings.workers > 1:
            from .workers.supervisor import supervise

            supervise(served, settings)
        else:
            from .hosting import serve as serve_here

            serve_here(served, settings)
