"""The machine: what decides on the last bits of a network's answers."""

import platform
from functools import cache
from pathlib import Path

import onnxruntime as ort

_CPUINFO = Path("/proc/cpuinfo")
# What of a processor ONNX Runtime chooses its kernels by, as Linux calls it.
_TOLD = ("model name", "CPU part", "flags", "Features")
_KERNELS = {
    *("avx", "avx2", "fma", "avx512f", "avx512_vnni", "avx_vnni", "amx_tile"),
    *("asimddp", "asimdhp", "i8mm", "sve", "bf16"),
}


@cache
def here() -> str:
    """Name the processor and the release of ONNX Runtime.

    Usage: `here()` gives "x86_64, Intel(R) Xeon(R), avx avx2 fma; onnxruntime 1.23.0"
    """
    parts = [platform.machine()]
    for name in _TOLD:
        value = _processor().get(name, "")
        found = " ".join(sorted(_KERNELS & set(value.split())))
        parts.append(found if name in ("flags", "Features") else value)
    return f"{', '.join(filter(None, parts))}; onnxruntime {ort.__version__}"


def _processor() -> dict[str, str]:
    """Read what Linux tells of the first processor; nothing elsewhere."""
    try:
        lines = _CPUINFO.read_text().split("\n\n")[0].splitlines()
    except OSError:
        return {}
    pairs = (line.partition(":") for line in lines)
    return {name.strip(): value.strip() for name, _, value in pairs}
