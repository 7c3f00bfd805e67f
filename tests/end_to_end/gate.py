"""A callback that holds or fails predictions when a test says so."""

import ctypes
import os
import threading
from pathlib import Path

from fastai.callback.core import Callback

open_ = threading.Event()
entered = threading.Event()
predictions = 0
fails = False


class Gate(Callback):  # type: ignore[misc]  # fastai is untyped
    """Counts each prediction, waits until the gate is open, raises when told to.

    It is pickled by reference, so that the copy of a loaded learner obeys this module.
    """

    def before_batch(self) -> None:
        """See fastai's Callback."""
        global predictions
        predictions += 1
        entered.set()
        open_.wait()
        if fails:
            raise RuntimeError("/secret/path exploded")


class FolderGate(Callback):  # type: ignore[misc]  # as above
    """Obeys the files of a folder, so that a test can hold or end other processes.

    While there is a pipe `closed`, a prediction notes in `entered` its process and how many items
    it has, `<pid>-<items>`, and waits until somebody has opened and closed the pipe. Where there
    is a file `deadly`, the process ends; where there is one `held`, nobody else gets to run Python.
    """

    def before_batch(self) -> None:
        """See fastai's Callback."""
        folder = Path(os.environ["GATE_FOLDER"])
        if (folder / "deadly").exists():
            os._exit(3)
        if (folder / "held").exists():
            ctypes.PyDLL(None).sleep(10**6)
        if (folder / "closed").exists():
            (folder / "entered" / f"{os.getpid()}-{len(self.xb[0])}").touch()
            (folder / "closed").read_bytes()
