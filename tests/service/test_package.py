"""What `import learnwire_service` gives, and what it leaves for later."""

import subprocess
import sys

import learnwire_service as lw
import pytest

PROGRAM = """
import sys
{statement}
heavy = {{"fastai", "grpc", "learnwire_client", "numpy", "onnxruntime", "torch"}}
print(*sorted(heavy & sys.modules.keys()))
"""


def test_all_is_sorted_and_there() -> None:
    assert lw.__all__ == sorted(lw.__all__)
    assert all(hasattr(lw, name) for name in lw.__all__)
    assert dir(lw) == lw.__all__


def test_another_name_is_not_there() -> None:
    with pytest.raises(AttributeError, match="'learnwire_service' has no attribute 'sreving'"):
        _ = lw.sreving  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "statement",
    [
        "import learnwire_service",
        "import learnwire_service.cli.main",
        "from learnwire_service import LearnwireError",
        "import learnwire_service.workers.supervisor",
    ],
)
def test_what_is_not_used_is_not_imported(statement: str) -> None:
    program = PROGRAM.format(statement=statement)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("", "")
