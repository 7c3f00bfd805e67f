"""The commands that sign saved models, and check signatures."""

from pathlib import Path
from typing import Annotated

import typer

from ..common.settings import ENVIRONMENT_PREFIX
from .commands import TagArgument, reported

app = typer.Typer()


@app.command()
def sign(
    tag: TagArgument,
    key: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="the private key, PEM, on P-256")
    ],
    certificate: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="of the key, to tell who signed"),
    ] = None,
    chain: Annotated[
        list[Path] | None,
        typer.Option(exists=True, dir_okay=False, help="from there to a root; may be repeated"),
    ] = None,
) -> None:
    """Sign all files of a version, in the OpenSSF Model Signing format.

    The key may be on P-384 or P-521 as well.
    """
    from ..models.model import get
    from ..trust.signing import sign as sign_version

    with reported():
        model = get(tag)
        sign_version(model.version, key, certificate, chain or ())
    print(f"signed {model.tag}")


@app.command()
def verify(
    tag: TagArgument,
    key: Annotated[
        Path,
        typer.Option(
            envvar=f"{ENVIRONMENT_PREFIX}TRUSTED_KEYS",
            exists=True,
            help="public keys and certificates, PEM: a file, or a folder of files",
        ),
    ],
) -> None:
    """Check that one of the keys signed each file of a version, as a server checks it."""
    from ..models.model import get
    from ..trust.signatures import check_signed

    with reported():
        model = get(tag)
        check_signed(model.version, key)
    print(f"{model.tag} is signed by a trusted key")
