"""NaN in a network of ONNX: the maxima of ONNX Runtime pass over it, and PyTorch's do not."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import onnx

_PASSING_OVER = {"MaxPool", "GlobalMaxPool", "ReduceMax", "ReduceMin"}
# Of numbers that the service takes, and finite weights, these make no NaN.
_HARMLESS = {
    *("Conv", "Gemm", "MatMul", "Add", "Sub", "BatchNormalization", "LayerNormalization"),
    *("Relu", "LeakyRelu", "PRelu", "Clip", "Sigmoid", "Tanh", "Softmax", "HardSwish"),
    *("AveragePool", "GlobalAveragePool", "ReduceMean", "ReduceSum", "Resize", "Pad"),
    *("Gather", "Concat", "Split", "Slice", "Reshape", "Flatten", "Squeeze", "Unsqueeze"),
    *("Transpose", "Expand", "Identity", "Cast", "Constant", "Shape", "Range", "ArgMax"),
    *_PASSING_OVER,
}
_PARTS = ("passed", "found", "marks", "most", "over", "nan")


def carry_nan(model: "onnx.ModelProto") -> None:
    """Let maxima and minima be NaN where their input is, if a network may make NaN at all."""
    graph = model.graph
    if all(node.op_type in _HARMLESS for node in graph.node):
        return
    floats = _floats(model)
    nodes = [new for node in graph.node for new in _carrying(node, floats)]
    del graph.node[:]
    graph.node.extend(nodes)


def _carrying(node: "onnx.NodeProto", floats: dict[str, Any]) -> "Iterator[onnx.NodeProto]":
    """Give a node, and what brings the NaN of its input back into its output."""
    from onnx import TensorProto, numpy_helper
    from onnx.helper import make_node

    source = node.input[0] if node.input else ""
    if node.op_type not in _PASSING_OVER or source not in floats:
        yield node
        return
    target = node.output[0]
    passed, found, marks, most, over, nan = (f"{target}_{part}" for part in _PARTS)
    kind = "ReduceMax" if node.op_type == "ReduceMin" else node.op_type
    searching = make_node(kind, [marks, *node.input[1:]], [most])
    searching.attribute.extend(node.attribute)
    node.output[0] = passed
    value = numpy_helper.from_array(np.array(np.nan, floats[source]))
    yield node
    yield make_node("IsNaN", [source], [found])
    yield make_node("Cast", [found], [marks], to=TensorProto.FLOAT)
    yield searching
    yield make_node("Cast", [most], [over], to=TensorProto.BOOL)
    yield make_node("Constant", [], [nan], value=value)
    yield make_node("Where", [over, nan, passed], [target])


def _floats(model: "onnx.ModelProto") -> dict[str, Any]:
    """Give the types of those values that are floats, by their names."""
    from onnx import helper, shape_inference

    graph = shape_inference.infer_shapes(model).graph
    values = [*graph.input, *graph.value_info, *graph.output]
    types = {one.name: one.type.tensor_type.elem_type for one in values}
    dtypes = {name: helper.tensor_dtype_to_np_dtype(kind) for name, kind in types.items() if kind}
    return {name: dtype for name, dtype in dtypes.items() if dtype.kind == "f"}
