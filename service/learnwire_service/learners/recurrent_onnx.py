"""The network of a text learner as a file of ONNX.

torch's exporter would write out each step of an LSTM; ONNX has all of it as one operator
(https://onnx.ai/onnx/operators/onnx__LSTM.html).
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from .onnx_export import save_onnx
from .recurrent import Recurrent

if TYPE_CHECKING:
    import onnx

_IR_VERSION, _OPSET = 10, 20
_DIRECTION = 1


def write_recurrent(recurrent: Recurrent, path: Path) -> None:
    """Write what the layers compute, for any number of steps and rows; states go in and out."""
    import onnx
    from onnx.helper import make_graph, make_model, make_node, make_opsetid

    layers: list[Any] = list(recurrent.layers)
    nodes = [make_node("Gather", ["words", "tokens"], ["sequence_0"])]
    weights = [
        _stored("words", recurrent.embedding.weight),
        onnx.numpy_helper.from_array(np.array([_DIRECTION]), "direction"),
    ]
    inputs, outputs = [_tokens()], [_floats(f"sequence_{len(layers)}", "steps", recurrent, -1)]
    for number, layer in enumerate(layers):
        nodes += _nodes(number, layer.hidden_size)
        weights += _weights(number, layer)
        inputs += [_floats(name, 1, recurrent, number) for name in _state("before", number)]
        outputs += [_floats(name, 1, recurrent, number) for name in _state("after", number)]
    graph = make_graph(nodes, "recurrent", inputs, outputs, weights)
    opsets = [make_opsetid("", _OPSET)]
    save_onnx(make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION), path)


def _nodes(number: int, width: int) -> "list[onnx.NodeProto]":
    """Give a layer, and what takes the axis of its directions away."""
    from onnx.helper import make_node

    directions = f"directions_{number}"
    inputs = [f"sequence_{number}", *_parameters(number), "", *_state("before", number)]
    outputs = [directions, *_state("after", number)]
    return [
        make_node("LSTM", inputs, outputs, hidden_size=width),
        make_node("Squeeze", [directions, "direction"], [f"sequence_{number + 1}"]),
    ]


def _weights(number: int, layer: Any) -> "list[onnx.TensorProto]":
    biases = torch.cat([_gates(layer.bias_ih_l0), _gates(layer.bias_hh_l0)])
    given = (_gates(layer.weight_ih_l0), _gates(layer.weight_hh_l0), biases)
    named = zip(_parameters(number), given, strict=True)
    return [_stored(name, weight[None]) for name, weight in named]


def _gates(weight: Tensor) -> Tensor:
    """Bring what belongs to the gates from torch's order (i, f, c, o) to ONNX's (i, o, f, c)."""
    entry, forget, cell, out = weight.chunk(4)
    return torch.cat([entry, out, forget, cell])


def _parameters(number: int) -> list[str]:
    return [f"{name}_{number}" for name in ("of_inputs", "of_outputs", "biases")]


def _state(when: str, number: int) -> list[str]:
    return [f"{when}_{number}_output", f"{when}_{number}_cell"]


def _stored(name: str, weight: Tensor) -> "onnx.TensorProto":
    import onnx

    return onnx.numpy_helper.from_array(weight.detach().numpy(), name)


def _tokens() -> "onnx.ValueInfoProto":
    import onnx

    tokens: onnx.ValueInfoProto = onnx.helper.make_tensor_value_info(
        "tokens", onnx.TensorProto.INT64, ["steps", "rows"]
    )
    return tokens


def _floats(name: str, first: int | str, recurrent: Recurrent, layer: int) -> "onnx.ValueInfoProto":
    import onnx

    shape = [first, "rows", recurrent.widths[layer]]
    floats: onnx.ValueInfoProto = onnx.helper.make_tensor_value_info(
        name, onnx.TensorProto.FLOAT, shape
    )
    return floats
