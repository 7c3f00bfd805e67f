"""A flag for each setting of a server, which also reads its variable of the environment."""

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from pydantic.fields import FieldInfo

from ..common.settings import ENVIRONMENT_PREFIX, FLAGS

_METAVARS = {
    "tls_cert": "FILE",
    "tls_key": "FILE",
    "tls_client_ca": "FILE",
    "access": "FILE",
    "jwt_keys": "FILE|URL",
    "remote": "URL",
}
_SAID = ("COMMANDLINE", "ENVIRONMENT")

_F = TypeVar("_F", bound=Callable[..., Any])


def with_settings(command: _F) -> _F:
    """Give a command, which takes them as its keywords, the flags of all settings."""
    signature = inspect.signature(command)
    own = [one for one in signature.parameters.values() if one.kind is not one.VAR_KEYWORD]
    flags = [_flag(name, field) for name, field in FLAGS.items()]
    command.__signature__ = signature.replace(parameters=[*own, *flags])  # type: ignore[attr-defined]
    return command


def said(context: typer.Context) -> dict[str, Any]:
    """Give the settings that flags or the environment say, by their names."""
    sources = {name: context.get_parameter_source(name) for name in FLAGS}
    return {
        name: context.params[name]
        for name, source in sources.items()
        if source is not None and source.name in _SAID
    }


def in_place(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Give settings whose files stay where they are when the working directory changes."""
    return {
        name: one.absolute() if isinstance(one, Path) else one for name, one in settings.items()
    }


def _flag(name: str, field: FieldInfo) -> inspect.Parameter:
    kind, default, dashed = field.annotation, field.default, name.replace("_", "-")
    metavar = _METAVARS.get(name)
    if name.endswith("port"):
        # What the environment has for it is no number where Kubernetes set it.
        kind, metavar = str | None, "INTEGER"
        default = None if default is None else str(default)
    option = typer.Option(
        f"--{dashed}/--no-{dashed}" if kind is bool else f"--{dashed}",
        envvar=f"{ENVIRONMENT_PREFIX}{name.upper()}",
        help=field.description,
        metavar=metavar,
    )
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[kind, option],
    )
