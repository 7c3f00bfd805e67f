"""The commands that share saved models through a remote store."""

from typing import Annotated

import typer

from ..common.settings import ENVIRONMENT_PREFIX, FLAGS
from .commands import TagArgument, reported

REMOTE_VARIABLE = f"{ENVIRONMENT_PREFIX}REMOTE"

RemoteOption = Annotated[
    str,
    typer.Option(
        "--remote",
        envvar=REMOTE_VARIABLE,
        metavar="URL",
        help="where it is: s3://bucket/models, gs://, abfs://, ssh://, https://, or a folder",
    ),
]

app = typer.Typer()


@app.command()
def push(
    tag: TagArgument,
    remote: RemoteOption,
    sealed: Annotated[
        bool, typer.Option("--sealed", help="Leave pickles out: a version of its own goes.")
    ] = False,
) -> None:
    """Put a saved model into a store that others share.

    It is there whole or not at all. Where a push broke off, the next one sends what is missing.
    """
    from ..models.sharing import push_model

    with reported():
        print(push_model(tag, remote, sealed=sealed))


@app.command()
def pull(
    tag: TagArgument,
    remote: RemoteOption,
    remote_cache: Annotated[
        int,
        typer.Option(
            min=0,
            envvar=f"{ENVIRONMENT_PREFIX}REMOTE_CACHE",
            help=FLAGS["remote_cache"].description,
        ),
    ] = FLAGS["remote_cache"].default,
) -> None:
    """Bring a model of a store that others share into your own; nothing is unpickled.

    Where a pull broke off, the next one fetches what is missing.
    """
    from ..models.sharing import pull_model

    with reported():
        print(pull_model(tag, remote, cache_bytes=remote_cache * 2**20).tag)
