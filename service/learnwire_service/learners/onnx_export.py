"""Networks as files of ONNX, for any number of items at once."""

import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import nn

# Of one item torch says nothing, since it would look as if there could be no other; the golden
# examples, asked one by one, do.
_FEWEST = 2


def write_onnx(network: nn.Module, inputs: Sequence[NDArray[Any]], path: Path) -> None:
    """Write a network whose inputs all have the items along their first axis.

    The newer of torch's exporters is used: unlike the older one it refuses a network whose way
    depends on the values, or on the number of items, rather than to record one of the ways.

    Args:
        network: the network, ready for prediction.
        inputs: what it is given for several items; their other sizes are fixed.
        path: the file.

    Raises:
        Exception: it cannot be exported.
    """
    given = tuple(map(torch.from_numpy, inputs))
    rows = tuple({0: torch.export.Dim.DYNAMIC} for _ in given)
    with warnings.catch_warnings(), torch.no_grad():
        # The exporter and what it stands on warn about themselves.
        warnings.simplefilter("ignore")
        program: Any = torch.export.export(network, given, dynamic_shapes=(rows,), strict=False)
        _check_any_number(program.range_constraints.values())
        found: Any = torch.onnx.export(program, dynamo=True, verbose=False)
        found.save(path, external_data=False)


def _check_any_number(ranges: Iterable[Any]) -> None:
    """Check that the number of items is open: a comparison with it bounds what is exported."""
    from torch.utils._sympy.numbers import int_oo  # brings sympy, which nothing else here needs

    for one in ranges:
        if one.lower > _FEWEST or one.upper != int_oo:
            raise ValueError(f"its way depends on the number of items ({one.lower}, {one.upper})")
