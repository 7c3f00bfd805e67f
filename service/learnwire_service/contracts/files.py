"""Writes contracts as files, with all that stubs in any language are generated from."""

from collections.abc import Iterable, Sequence
from importlib.resources import as_file, files
from importlib.util import find_spec
from pathlib import Path

from ..errors import ToolMissing
from .contract import Contract
from .render import render

_OURS = "learnwire/v1/"
_GOOGLES = "google/rpc/"


def write_protos(contracts: Iterable[Contract], folder: Path) -> list[Path]:
    """Write contracts, and the files that they import, below a folder.

    What protobuf brings itself, `google/protobuf`, is left out.

    Returns: the paths of the contracts' files.
    """
    written = []
    for contract in contracts:
        for name in contract.file.dependency:
            if name.startswith((_OURS, _GOOGLES)):
                _write(folder / name, _source(name))
        written.append(folder / contract.file.name)
        _write(written[-1], render(contract.file))
    return written


def write_stubs(contracts: Sequence[Contract], folder: Path) -> None:
    """Generate the Python stubs of contracts whose `.proto` files lie below a folder, beside them.

    They need the packages grpcio, protobuf and googleapis-common-protos.

    Raises:
        ToolMissing: grpcio-tools is not installed.
        OSError: the stubs cannot be written; protoc has said why on stderr.
    """
    if find_spec("grpc_tools") is None:
        raise ToolMissing("generating Python stubs needs: pip install grpcio-tools")
    from grpc_tools import protoc

    services = [one.file.name for one in contracts]
    imported = {name for one in contracts for name in one.file.dependency}
    ours = [name for name in sorted(imported) if name.startswith(_OURS)]
    with as_file(files("grpc_tools") / "_proto") as googles:
        common = ["protoc", f"-I{folder}", f"-I{googles}"]
        messages = [f"--python_out={folder}", f"--pyi_out={folder}", *ours, *services]
        for wanted in (messages, [f"--grpc_python_out={folder}", *services]):
            if protoc.main([*common, *wanted]) != 0:
                raise OSError(f"protoc could not write the stubs to {folder}")


def _source(name: str) -> str:
    package, _, file = name.rpartition("/")
    return (files(package.replace("/", ".")) / file).read_text()


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
