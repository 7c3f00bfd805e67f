"""Contracts as protobuf has them: compiled, checked, and compared by protoc and buf."""

from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from hypothesis import strategies as st
from learnwire_service.contracts.contract import Contract
from learnwire_service.contracts.derive import derive
from learnwire_service.contracts.names import package_name
from learnwire_service.signature.specs import (
    CellType,
    Column,
    RegressionOutput,
    SeveralOutput,
    Signature,
    SingleLabelOutput,
    TabularInput,
)

from .proto_tools import buf, compiled, written
from .signatures import UGLY, broken, generated, grown, lock_with, signatures

MODELS = st.from_regex("[a-z0-9]([-._a-z0-9]{0,20}[a-z0-9])?", fullmatch=True)
YES_NO = SingleLabelOutput(classes=("no", "yes"))


def contract_of(*versions: Signature, model: str = "m", package: str = "m") -> Contract:
    """Give the contract of the last of some versions."""
    lock = lock_with(*versions, model=model, package=package)
    return derive(lock, f"v{len(versions)}", versions[-1])


@pytest.fixture(scope="module")
def contracts() -> list[Contract]:
    """Give those of fifty models, each with two versions, and of one with all ugly names."""
    pairs = generated(49, st.tuples(signatures, signatures))
    ugly = Signature(
        input=TabularInput(
            columns=tuple(Column(name=n, type=CellType.FLOAT, nullable=True) for n in UGLY)
        ),
        output=SeveralOutput(
            heads=(SingleLabelOutput(classes=UGLY), RegressionOutput(targets=UGLY))
        ),
    )
    packages: list[str] = []
    for model in [
        *generated(49, st.from_regex("[a-z0-9]([-._a-z0-9]{0,20}[a-z0-9])?", fullmatch=True)),
        "ugly",
    ]:
        packages.append(package_name(model, packages))
    return [
        contract_of(*versions, model=package, package=package)
        for package, versions in zip(packages, [*pairs, (ugly, ugly)], strict=True)
    ]


def test_fifty_contracts_compile_to_what_they_were_rendered_from(
    contracts: list[Contract], tmp_path: Path
) -> None:
    folder = written(contracts, tmp_path)
    for contract, file in zip(contracts, compiled(contracts, folder), strict=True):
        wanted = FileDescriptorProto()
        wanted.CopyFrom(contract.file)
        wanted.ClearField("source_code_info")
        assert file == wanted


def test_fifty_contracts_satisfy_buf(contracts: list[Contract], tmp_path: Path) -> None:
    folder = written(contracts, tmp_path)
    assert buf(folder, "lint") == ""
    assert buf(folder, "format", "--diff", "--exit-code", "--path", "learnwire") == ""


def judged(pairs: list[tuple[Signature, Signature]], folder: Path, *, from_one_lock: bool) -> str:
    """Let buf compare contracts before and after; the latter grew, or are derived anew."""
    before, after = [], []
    for i, (first, second) in enumerate(pairs):
        versions = (first, second) if from_one_lock else (second,)
        before.append(contract_of(first, model=f"m{i}", package=f"m{i}"))
        after.append(contract_of(*versions, model=f"m{i}", package=f"m{i}"))
    old, new = (written(some, folder / name) for some, name in ((before, "old"), (after, "new")))
    return buf(new, "breaking", "--against", str(old))


def test_what_keeps_its_contract_breaks_nothing_for_buf(tmp_path: Path) -> None:
    pairs = generated(60, grown())
    assert {len(lock_with(*pair).majors) for pair in pairs} == {1}
    assert judged(pairs, tmp_path, from_one_lock=True) == ""


def test_of_a_column_that_comes_back_buf_misses_nothing_but_the_reservation(tmp_path: Path) -> None:
    a, b = (Column(name=name, type=CellType.FLOAT, nullable=True) for name in "ab")
    both, one = (
        Signature(input=TabularInput(columns=columns), output=YES_NO) for columns in ((a, b), (a,))
    )
    old = written([contract_of(both, one)], tmp_path / "old")
    new = written([contract_of(both, one, both)], tmp_path / "new")
    complaints = buf(new, "breaking", "--against", str(old)).splitlines()
    assert len(complaints) == 2
    assert all("Previously present reserved" in complaint for complaint in complaints)


def test_what_begins_a_contract_would_break_the_old_one_for_buf(tmp_path: Path) -> None:
    pairs = generated(60, broken())
    assert {len(lock_with(*pair).majors) for pair in pairs} == {2}
    complaints = judged(pairs, tmp_path, from_one_lock=False)
    assert [i for i in range(len(pairs)) if f"/m{i}/" not in complaints] == []
