"""Writes contracts as files, with all that stubs in any language are generated from."""

import shlex
from collections.abc import Iterable, Sequence
from importlib.resources import as_file, files
from importlib.util import find_spec
from pathlib import Path

from ..common.errors import ToolMissing
from .contract import Contract
from .render import render

_OURS = "learnwire/v1/"
_GOOGLES = "google/rpc/"
# The details of a status are messages of this file, which nothing imports.
_DETAILS = "google/rpc/error_details.proto"


def write_protos(contracts: Sequence[Contract], folder: Path) -> list[Path]:
    """Write contracts, and all that stubs need beside them, below a folder.

    What protobuf brings itself, `google/protobuf`, is left out.

    Returns: the paths of the contracts' files.
    """
    for name in _imported(contracts):
        _write(folder / name, _source(name))
    for contract in contracts:
        _write(folder / contract.file.name, render(contract.file))
    return [folder / contract.file.name for contract in contracts]


def compile_line(contracts: Iterable[Contract], folder: Path) -> str:
    """Give the line for a shell that generates the Python stubs, as `write_stubs` does."""
    return shlex.join(["python", "-m", "grpc_tools.protoc", *_options(contracts, folder)])


def write_stubs(contracts: Iterable[Contract], folder: Path) -> None:
    """Generate the Python stubs of contracts whose `.proto` files lie below a folder, beside them.

    They need the packages grpcio, protobuf and googleapis-common-protos.

    Raises:
        ToolMissing: grpcio-tools is not installed.
        OSError: the stubs cannot be written; protoc has said why on stderr.
    """
    if find_spec("grpc_tools") is None:
        raise ToolMissing("generating Python stubs needs: pip install grpcio-tools")
    from grpc_tools import protoc

    with as_file(files("grpc_tools") / "_proto") as googles:
        if protoc.main(["protoc", f"-I{googles}", *_options(contracts, folder)]) != 0:
            raise OSError(f"protoc could not write the stubs to {folder}")


def _options(contracts: Iterable[Contract], folder: Path) -> list[str]:
    contracts = list(contracts)
    ours = [name for name in _imported(contracts) if name.startswith(_OURS)]
    outputs = [f"--{kind}_out={folder}" for kind in ("python", "pyi", "grpc_python")]
    return [f"-I{folder}", *outputs, *ours, *(contract.file.name for contract in contracts)]


def _imported(contracts: Iterable[Contract]) -> list[str]:
    names = {_DETAILS}.union(*(contract.file.dependency for contract in contracts))
    return sorted(name for name in names if name.startswith((_OURS, _GOOGLES)))


def _source(name: str) -> str:
    package, _, file = name.rpartition("/")
    return (files(package.replace("/", ".")) / file).read_text()


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
