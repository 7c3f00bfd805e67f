"""What a file of ONNX asks for, before ONNX Runtime is handed it.

A sealer writes nodes of ONNX's own operators, one after the other. Loops, which may never end,
choices and scans are nodes that hold graphs of their own; operators of others stand in domains.
"""

from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

_PACKAGE = "learnwire.onnx"
# Those fields of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto) that are
# looked at, by number, and what they hold.
_FIELDS: dict[str, dict[int, tuple[str, str | None]]] = {
    "Model": {7: ("graph", "Graph"), 20: ("training", None), 25: ("functions", None)},
    "Graph": {1: ("nodes", "Node")},
    "Node": {4: ("operator", None), 5: ("attributes", "Attribute"), 7: ("domain", None)},
    "Attribute": {6: ("graph", None), 11: ("graphs", None)},
}
_OWN_DOMAINS = {b"", b"ai.onnx"}


def check_graph(path: Path) -> None:
    """Check that a network is of ONNX's own operators, one after the other.

    Raises:
        ValueError: it is not, or no file of ONNX.
    """
    model = _MODEL()
    try:
        model.ParseFromString(path.read_bytes())
    except DecodeError as error:
        raise ValueError("it is no file of ONNX") from error
    if model.functions or model.training:
        raise ValueError("it has functions of its own")
    for node in (node for graph in model.graph for node in graph.nodes):
        name = node.operator.decode(errors="replace")
        if node.domain not in _OWN_DOMAINS:
            domain = node.domain.decode(errors="replace")
            raise ValueError(f"{name:.50} of {domain:.50} is no operator of ONNX's own")
        if any(attribute.graph or attribute.graphs for attribute in node.attributes):
            raise ValueError(f"{name:.50} runs a graph of its own")


def _model() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name=f"{_PACKAGE}.proto", package=_PACKAGE)
    for message, fields in _FIELDS.items():
        made = file.message_type.add(name=message)
        for number, (name, of) in fields.items():
            field = made.field.add(name=name, number=number, type="TYPE_BYTES")
            # protobuf would join what comes twice; here each is looked at.
            field.label = field.LABEL_REPEATED if message != "Node" or of else field.LABEL_OPTIONAL
            if of:
                field.type, field.type_name = field.TYPE_MESSAGE, f".{_PACKAGE}.{of}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.Model"))


_MODEL = _model()
