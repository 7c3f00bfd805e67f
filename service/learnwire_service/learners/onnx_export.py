"""Networks as files of ONNX, for any number of items at once."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from fastai.callback.hook import Hook
from fastai.imports import noop
from fastai.layers import ToTensorBase
from numpy.typing import NDArray
from torch import nn

from ..common.errors import in_a_line
from ..sealed.prepacked import weights_file
from .onnx_nan import carry_nan

if TYPE_CHECKING:
    import onnx

# Of one item torch says nothing, since it would look as if there could be no other; the golden
# examples, asked one by one, do.
_FEWEST = 2
# So that a process maps its weights, and does not copy them.
_LEAST_BYTES = 2**20

NETWORK_FILE = "network.onnx"


def write_onnx(
    network: nn.Module,
    inputs: Sequence[NDArray[Any]],
    path: Path,
    varying: Sequence[Sequence[int]] = (),
) -> None:
    """Write a network whose inputs all have the items along their first axis.

    The newer of torch's exporters is used: unlike the older one it refuses a network whose way
    depends on the values, or on the number of items, rather than to record one of the ways.

    Args:
        network: the network, ready for prediction; its forward is `forward(self, *inputs)`.
        inputs: what it is given for several items.
        path: its file.
        varying: for each input its other axes whose sizes vary; all others are fixed.

    Raises:
        Exception: it cannot be exported.
    """
    given = tuple(map(torch.from_numpy, inputs))
    axes = [(0, *more) for more in varying] or [(0,)] * len(given)
    shapes = tuple(dict.fromkeys(each, torch.export.Dim.DYNAMIC) for each in axes)
    with warnings.catch_warnings(), torch.no_grad(), _traced_plainly(network):
        # The exporter and what it stands on warn about themselves.
        warnings.simplefilter("ignore")
        program: Any = torch.export.export(network, given, dynamic_shapes=(shapes,), strict=False)
        _check_any_number(program)
        found = _exported(program)
    model = found.model_proto
    carry_nan(model)
    save_onnx(model, path)


def _exported(program: Any) -> Any:
    """Export a program; what is raised names the operator that ONNX has not."""
    try:
        return torch.onnx.export(program, dynamo=True, verbose=False)
    except Exception as error:
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        raise ValueError(f"its network does not export: {in_a_line(cause)}") from error


@contextmanager
def _traced_plainly(network: nn.Module) -> Iterator[None]:
    """Leave out layers that change no more than a tensor's type, and what hooks note meanwhile."""
    modules = list(network.modules())
    typing = [module for module in modules if type(module) is ToTensorBase]
    hooks: list[Any] = [
        getattr(hook, "__self__", None)
        for module in modules
        for hook in module._forward_hooks.values()
    ]
    noted = [(hook, hook.stored) for hook in hooks if type(hook) is Hook]
    for module in typing:
        module.forward = noop
    try:
        yield
    finally:
        for module in typing:
            del module.forward
        for hook, stored in noted:
            hook.stored = stored


def save_onnx(model: "onnx.ModelProto", path: Path) -> None:
    """Write a network, and large weights into a file beside it."""
    import onnx

    if model.ByteSize() < _LEAST_BYTES:
        onnx.save(model, path)
        return
    onnx.save(model, path, save_as_external_data=True, location=weights_file(path).name)


def _check_any_number(program: Any) -> None:
    """Check that the number of items is open: a comparison with it bounds what is exported."""
    from torch.utils._sympy.numbers import int_oo  # brings sympy, which nothing else here needs

    [first, *_] = program.graph_signature.user_inputs
    node = next(node for node in program.graph.nodes if node.name == first)
    rows = node.meta["val"].shape[0].node.expr
    for symbol, one in program.range_constraints.items():
        if one.upper != int_oo or (symbol == rows and one.lower > _FEWEST):
            raise ValueError(f"its way depends on the number of items ({one.lower}, {one.upper})")
