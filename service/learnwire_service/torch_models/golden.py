"""Golden examples of a module: a call of each method, with the arrays that it gave at save."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from ..common.errors import GoldenMismatch
from ..runners.call import Call
from ..signature.agreement import arrays_disagree
from ..store.manifest import TorchMethod
from .calls import ModuleCalls
from .signatures import options_of

GOLDEN_FILE = "golden.safetensors"

Arrays = tuple[NDArray[Any], ...]


@dataclass(frozen=True)
class Golden:
    """A call's arrays, and those that it must be answered with."""

    inputs: Arrays
    outputs: Arrays


def write(examples: Mapping[str, Golden], directory: Path) -> None:
    """Keep an example of each method in `directory`."""
    arrays = {
        f"{method}/{side}/{i}": np.ascontiguousarray(array)
        for method, golden in examples.items()
        for side, several in (("inputs", golden.inputs), ("outputs", golden.outputs))
        for i, array in enumerate(several)
    }
    save_file(arrays, directory / GOLDEN_FILE)


def read(methods: Mapping[str, TorchMethod], directory: Path) -> dict[str, Golden]:
    """Read the examples that `write` kept."""
    arrays = load_file(directory / GOLDEN_FILE)
    return {
        name: Golden(
            tuple(arrays[f"{name}/inputs/{i}"] for i in range(len(method.inputs))),
            tuple(arrays[f"{name}/outputs/{i}"] for i in range(len(method.outputs))),
        )
        for name, method in methods.items()
    }


def replay(
    calls: ModuleCalls, methods: Mapping[str, TorchMethod], examples: Mapping[str, Golden]
) -> None:
    """Make all calls again.

    Raises:
        GoldenMismatch: one is answered outside the device's tolerance, or not at all.
    """
    for name, golden in examples.items():
        options = options_of(methods[name])
        call = Call.of(name, options, dict(enumerate(golden.inputs)), ())
        try:
            answer = ask(calls, call)
        except Exception as error:
            raise GoldenMismatch(f"the example of {name} raised {error!r}") from error
        if problem := arrays_disagree(answer, golden.outputs, calls.device.tolerance):
            raise GoldenMismatch(f"the example of {name} is answered with {problem}")


def ask(calls: ModuleCalls, call: Call) -> Arrays:
    """Make one call alone, and give its arrays, be it one or several."""
    answer = calls.predict([calls.encode(call)])[0]
    return answer if isinstance(answer, tuple) else (answer,)
