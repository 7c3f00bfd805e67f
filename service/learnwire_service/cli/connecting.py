"""How a command reaches a server: the flags, and variables, that all commands take that ask one."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from inspect import Parameter, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..common.defaults import OF_CLIENTS

if TYPE_CHECKING:
    from learnwire_client import ChannelOptions


def _flag(field: str, says: str, **more: Any) -> Any:
    return typer.Option(f"--{field.replace('_', '-')}", envvar=OF_CLIENTS[field], help=says, **more)


def _file(field: str, says: str) -> Any:
    return _flag(field, says, exists=True, dir_okay=False, metavar="FILE")


@dataclass(frozen=True)
class Connection:
    """What a command was told of the way to a server; each field is a flag and a variable."""

    tls: Annotated[bool, _flag("tls", "speak TLS to the server, and trust the usual roots")] = False
    tls_ca: Annotated[
        Path | None, _file("tls_ca", "speak TLS, and trust the roots of this PEM file")
    ] = None
    client_cert: Annotated[
        Path | None,
        _file("client_cert", "the certificate that tells the server who asks, as PEM"),
    ] = None
    client_key: Annotated[Path | None, _file("client_key", "the key of --client-cert, as PEM")] = (
        None
    )
    token_file: Annotated[
        Path | None, _file("token_file", "a file of the token that tells the server who asks")
    ] = None

    def options(self, target: str) -> "ChannelOptions":
        """Give the options of a client of a server, and read the files.

        Raises:
            typer.BadParameter: a file is not what it should be, or another one is missing, or a
                token is none or would travel in plain text.
        """
        from learnwire_client import ChannelOptions
        from learnwire_client.authorization import token_for

        if (self.client_cert is None) != (self.client_key is None):
            raise typer.BadParameter("--client-cert and --client-key: expected both or neither")
        roots = _pem("--tls-ca", self.tls_ca)
        certificate = _pem("--client-cert", self.client_cert)
        options = ChannelOptions(
            # A certificate is only ever shown over TLS.
            tls=roots or self.tls or certificate is not None,
            certificate=certificate,
            private_key=_pem("--client-key", self.client_key),
            token=_token(self.token_file),
        )
        try:
            token_for(target, options)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None
        return options


def connects(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command its flags for the way to a server, which it gets as `connection`."""
    flags = list(signature(Connection, eval_str=True).parameters.values())
    own = [
        one
        for one in signature(command, eval_str=True).parameters.values()
        if one.annotation is not Connection
    ]

    @wraps(command)
    def connecting(**given: Any) -> None:
        connection = Connection(**{flag.name: given.pop(flag.name) for flag in flags})
        command(**given, connection=connection)

    last = [flag.replace(kind=Parameter.KEYWORD_ONLY) for flag in flags]
    connecting.__signature__ = signature(command).replace(  # type: ignore[attr-defined]
        parameters=[*own, *last]
    )
    return connecting


def _pem(flag: str, path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        content = path.read_bytes()
    except OSError as error:
        raise typer.BadParameter(f"{flag} {path}: {error.strerror}") from error
    if b"-----BEGIN " not in content:
        raise typer.BadParameter(f"{flag} {path}: expected PEM, which begins with -----BEGIN")
    return content


def _token(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        token = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"--token-file {path}: expected a token: {error}") from error
    if len(token.split()) != 1:
        raise typer.BadParameter(f"--token-file {path}: expected a token and nothing else")
    return token
