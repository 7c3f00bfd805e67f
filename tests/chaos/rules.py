"""A service whose runner hangs when it is told to."""

import os
import threading
from pathlib import Path

import learnwire_service as lw
import numpy as np

# A file that says so; the first who takes it away hangs.
HANG = "CHAOS_HANG"


class Doubles(lw.Runnable):
    """Doubles numbers."""

    @lw.Runnable.method(batchable=True)
    def double(self, values: np.ndarray) -> np.ndarray:
        try:
            Path(os.environ[HANG]).unlink()
        except FileNotFoundError:
            return 2 * values
        threading.Event().wait()
        raise AssertionError("nobody sets it")


runner = lw.Runner(Doubles)
svc = lw.Service("rules", runners=[runner])


@svc.api(input=lw.NdArray("float32", (-1,), enforce_shape=True), output=lw.NdArray())
async def double(values: np.ndarray) -> np.ndarray:
    return await runner.double.async_run(values)  # type: ignore[no-any-return]
