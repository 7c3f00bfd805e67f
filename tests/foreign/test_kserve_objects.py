"""The objects that we give for KServe, read by KServe's own classes."""

from pathlib import Path

import pytest

from tests.foreign.conftest import ROOT, Run

pytestmark = pytest.mark.system

GIVEN = sorted((ROOT / "examples" / "kserve").glob("*.yaml"))


def test_they_have_no_fields_that_kserve_does_not(run_in: Run) -> None:
    assert len(GIVEN) == 2
    assert run_in("kserve", "kserve_objects.py", *GIVEN) == []


def test_a_field_that_kserve_does_not_have_is_found(run_in: Run, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(GIVEN[1].read_text().replace("protocolVersions", "protocolVersion"))
    [fault] = run_in("kserve", "kserve_objects.py", wrong)
    assert "protocolVersion" in fault
