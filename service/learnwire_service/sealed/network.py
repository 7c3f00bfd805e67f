"""A sealed model's network, in ONNX Runtime."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnxruntime as ort
from numpy.typing import NDArray

# Larger numbers may overflow inside a network, and become NaN. The maxima of ONNX Runtime pass
# over NaN, where PyTorch's answer is NaN, and refused.
LARGEST = 1e15

_ERRORS_ONLY = 3


class Network:
    """A network in ONNX Runtime.

    Usage: `activated, decoded = Network(directory / "network.onnx")(codes, values)`

    Args:
        path: the network, as a file of ONNX.

    Attributes:
        inputs: of each input its sizes, None where any size fits.

    Raises:
        Exception: it is none that this ONNX Runtime can run.
    """

    def __init__(self, path: Path) -> None:
        options = ort.SessionOptions()
        options.inter_op_num_threads = 1
        options.log_severity_level = _ERRORS_ONLY
        # Threads that wait in a loop would take the cores from other models and workers.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        inputs = self._session.get_inputs()
        self._names = [one.name for one in inputs]
        self.inputs = [tuple(map(_fixed, one.shape)) for one in inputs]

    def __call__(self, *inputs: NDArray[Any]) -> Sequence[NDArray[Any]]:
        """Give what the network puts out."""
        given = dict(zip(self._names, inputs, strict=True))
        outputs: list[NDArray[Any]] = self._session.run(None, given)
        return outputs


def _fixed(size: Any) -> int | None:
    return size if isinstance(size, int) else None
