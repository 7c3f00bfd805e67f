"""What each client's program needs: the cases as arrays, and checks that are told by name.

Runs in the clients' own environments: with the standard library and numpy, and nothing of ours.
"""

import base64
import json
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

TOLERANCE = 1e-5
_DTYPES = {
    **{f"INT{bits}": f"i{bits // 8}" for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": f"u{bits // 8}" for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": f"f{bits // 8}" for bits in (16, 32, 64)},
    "BOOL": "?",
}


class Tensor(NamedTuple):
    """An input or output."""

    name: str
    datatype: str
    array: Any


class Case(NamedTuple):
    """What a model is asked, and what it has to answer."""

    model: str
    inputs: list[Tensor]
    outputs: list[Tensor]

    def check(self, got: Mapping[str, Any]) -> None:
        """Compare arrays by name with the oracle's."""
        for wanted in self.outputs:
            array = got[wanted.name]
            assert array is not None, f"{self.model}: no {wanted.name}"
            if wanted.datatype == "BYTES":
                found = [one.encode() if isinstance(one, str) else one for one in array.reshape(-1)]
                assert found == wanted.array.tolist(), f"{self.model}.{wanted.name}: {found}"
                continue
            assert array.shape == wanted.array.shape, f"{self.model}.{wanted.name}: {array.shape}"
            near = np.allclose(
                array.astype(float), wanted.array.astype(float), rtol=TOLERANCE, atol=TOLERANCE
            )
            assert near, f"{self.model}.{wanted.name}: {array} is not {wanted.array}"


def read_cases(path: str) -> list[Case]:
    """Read the file that the oracle wrote."""
    return [
        Case(one["model"], [*map(_tensor, one["inputs"])], [*map(_tensor, one["outputs"])])
        for one in json.loads(Path(path).read_text())
    ]


def _tensor(told: Mapping[str, Any]) -> Tensor:
    if told["datatype"] == "BYTES":
        array = np.empty(len(told["data"]), object)
        array[:] = [base64.b64decode(one) for one in told["data"]]
    else:
        array = np.array(told["data"], _DTYPES[told["datatype"]])
    return Tensor(told["name"], told["datatype"], array.reshape(told["shape"]))


def run(checks: Iterable[Callable[..., None]], *arguments: Any) -> None:
    """Call checks, and print what is wrong with each of them, "" where nothing is."""
    told = {}
    for check in checks:
        try:
            check(*arguments)
        except Exception:  # noqa: BLE001 - whatever it is, it is told
            told[check.__name__] = traceback.format_exc()[-2000:]
        else:
            told[check.__name__] = ""
    json.dump(told, sys.stdout)
