"""What people compile and check contracts with: protoc and buf, many files in one call."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from learnwire_service.contracts.contract import Contract
from learnwire_service.contracts.files import write_protos

# Retired columns are taken out and reserved: old stubs keep working, though code that is
# generated anew lacks them.
_CONFIG = """
version: v2
lint:
  use: [STANDARD, COMMENTS]
  ignore: [google]
breaking:
  use: [WIRE_JSON]
"""


def written(contracts: Sequence[Contract], folder: Path) -> Path:
    """Write contracts into a folder that buf knows what to do with."""
    write_protos(contracts, folder)
    (folder / "buf.yaml").write_text(_CONFIG)
    return folder


def buf(folder: Path, *arguments: str) -> str:
    """Run buf in a folder; give what it complains of."""
    program = Path(sys.executable).with_name("buf")
    done = subprocess.run(
        [program, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 or done.stdout, done.stderr
    return done.stdout


def compiled(contracts: Sequence[Contract], folder: Path) -> list[FileDescriptorProto]:
    """Compile the files of contracts in a folder with protoc."""
    names = [one.file.name for one in contracts]
    command = [sys.executable, "-m", "grpc_tools.protoc", "-I.", "-oset.binpb", *names]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return list(FileDescriptorSet.FromString((folder / "set.binpb").read_bytes()).file)
