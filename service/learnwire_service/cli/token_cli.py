"""The commands that look after the access file: who may call a server, and what they may do."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from ..trust.identity import Role
from .commands import fail, reported

token_app = typer.Typer(
    no_args_is_help=True, help="Make tokens, by which callers show a server who they are."
)

_FileOption = Annotated[
    Path,
    typer.Option(
        "--file", envvar="LEARNWIRE_ACCESS", metavar="FILE", help="the access file of the server"
    ),
]
_FILE = Path("access.json")


@token_app.command()
def new(
    name: Annotated[str, typer.Argument(help="whose it is; the log calls its calls so")],
    role: Annotated[
        list[Role] | None, typer.Option(help="what it allows; may be repeated [default: predict]")
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(help="a model or endpoint that exists for it; may be repeated [default: all]"),
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, max=36500, help="how long it holds")] = None,
    requests_per_second: Annotated[
        float | None, typer.Option(help="the most, in each worker; of a name, not of a token")
    ] = None,
    in_flight: Annotated[
        int | None, typer.Option(help="the most calls at a time, in each worker; of a name")
    ] = None,
    file: _FileOption = _FILE,
) -> None:
    """Make a token, print it, and add its digest to the access file.

    The token itself is kept nowhere. A server that has the file takes it within a second.
    """
    from ..trust.access_file import Entry, changed
    from ..trust.tokens import digest_of, new_token

    token = new_token()
    with reported(), changed(file) as entries:
        entries.append(
            Entry(
                name=name,
                roles=frozenset(role or [Role.PREDICT]),
                models=frozenset(model) if model else None,
                token_sha256=digest_of(token),
                expires=datetime.now(UTC) + timedelta(days=days) if days else None,
                requests_per_second=requests_per_second,
                in_flight=in_flight,
            )
        )
    typer.echo(f"learnwire serve ... --access {file}", err=True)
    print(token)


@token_app.command("list")
def list_entries(file: _FileOption = _FILE) -> None:
    """List who may call: names, roles, models, until when."""
    from ..trust.access_file import AccessFile
    from ..trust.watched import WatchedFile

    with reported():
        found = WatchedFile(file, AccessFile.read).get()
    for one in found.identities:
        proof = next(kind for kind, _ in one.proofs)
        until = f"{one.expires:%Y-%m-%d %H:%M} UTC" if one.expires else "for ever"
        models = ", ".join(sorted(one.models)) if one.models is not None else "all models"
        roles = ", ".join(sorted(one.roles))
        print(f"{one.name}\t{proof}\t{roles}\t{models}\t{until}".expandtabs(16))


@token_app.command()
def revoke(
    name: Annotated[str, typer.Argument(help="whose tokens no longer hold")],
    file: _FileOption = _FILE,
) -> None:
    """Take all entries of a name out of the access file; servers let it in no longer."""
    from ..trust.access_file import changed

    with reported(), changed(file) as entries:
        kept = [one for one in entries if one.name != name]
        if len(kept) == len(entries):
            fail(f'{file} has no entry of "{name}"')
        entries[:] = kept
