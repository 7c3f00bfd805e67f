"""`learnwire contract`: write the contract of a model, or tell two of its versions apart."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from .commands import reported


class _WriteUnlessTold(TyperGroup):
    """Takes a model where it finds no command."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, "--help"):
            args = ["write", *args]
        return super().parse_args(ctx, args)


contract_app = typer.Typer(
    cls=_WriteUnlessTold,
    no_args_is_help=True,
    short_help="Write the typed contract of a model.",
    help="The typed contract of a model: learnwire contract MODEL -o protos/ writes it.",
)

_Tag = Annotated[
    str, typer.Argument(metavar="MODEL", help="name, name:latest, name:version or name:prefix")
]


@contract_app.command()
def write(
    model: _Tag,
    output: Annotated[
        Path, typer.Option("--output", "-o", file_okay=False, help="the folder to write to")
    ],
    python: Annotated[bool, typer.Option("--python", help="Generate Python stubs too.")] = False,
) -> None:
    """Write the .proto files of a model's contracts and those that they need.

    Prints the paths of the contracts, and the line that compiles them.

    A name alone means the newest version of each contract, v1, v2 and so on; a version
    means the contract that it speaks, as it does.
    """
    from ..contracts.files import compile_line, write_protos, write_stubs
    from ..models.contracts import contracts_of

    with reported(OSError):
        contracts = contracts_of(model)
        for path in write_protos(contracts, output):
            print(path)
        print("# Python stubs; protoc's --java_out, --cpp_out, ... are for other languages:")
        print(compile_line(contracts, output))
        if python:
            write_stubs(contracts, output)


@contract_app.command()
def diff(before: _Tag, after: _Tag) -> None:
    """Tell what becomes of the stubs made for one version when they meet another."""
    from ..models.contracts import difference

    with reported():
        print(*difference(before, after), sep="\n")
