"""A sealed model's network, in ONNX Runtime."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnxruntime as ort
from numpy.typing import NDArray

from ..common.errors import CorruptModel
from ..common.threads import threads_here
from .graph import check_graph
from .prepacked import prepacked, weights_file

# Larger numbers may overflow inside a network, and become NaN. The maxima of ONNX Runtime pass
# over NaN, where PyTorch's answer is NaN, and refused.
LARGEST = 1e15

_ERRORS_ONLY = 3


class Network:
    """A network in ONNX Runtime.

    Weights may be in a file beside the network's; ONNX Runtime takes none from another folder.
    Large ones come from the machine's cache; see prepacked.py.

    Usage: `activated, decoded = Network(directory / "network.onnx")(codes, values)`

    Args:
        path: the network, as a file of ONNX.

    Attributes:
        inputs: of each input its sizes, None where any size fits.

    Raises:
        CorruptModel: it is none that this ONNX Runtime can run, or its weights are missing.
    """

    def __init__(self, path: Path) -> None:
        self._session = _session(path)
        inputs = self._session.get_inputs()
        self._names = [one.name for one in inputs]
        self.inputs = [tuple(map(_fixed, one.shape)) for one in inputs]

    def __call__(self, *inputs: NDArray[Any]) -> Sequence[NDArray[Any]]:
        """Give what the network puts out."""
        given = dict(zip(self._names, inputs, strict=True))
        outputs: list[NDArray[Any]] = self._session.run(None, given)
        return outputs


def _session(path: Path) -> Any:
    try:
        check_graph(path)
        return _from_cache(path) or _opened(path, _options())
    except Exception as error:
        raise CorruptModel(
            f"{path.name} cannot be run here: {str(error).rpartition(' : ')[2]}"
        ) from error


def _from_cache(path: Path) -> Any | None:
    ready = prepacked(path, _prepack)
    if ready is None:
        return None
    try:
        return _opened(ready, _options())
    except Exception:  # noqa: BLE001 - what is broken in the cache is made anew next time
        shutil.rmtree(ready.parent, ignore_errors=True)
        return None


def _prepack(path: Path, target: Path) -> None:
    options = _options()
    options.optimized_model_filepath = str(target)
    for name, value in (
        ("session.optimized_model_external_initializers_file_name", weights_file(target).name),
        ("session.save_external_prepacked_constant_initializers", "1"),
    ):
        options.add_session_config_entry(name, value)
    _opened(path, options)


def _opened(path: Path, options: Any) -> Any:
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _options() -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads_here()
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    # Threads that wait in a loop would take the cores from other models and workers.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _fixed(size: Any) -> int | None:
    return size if isinstance(size, int) else None
