"""A callback that holds or fails predictions when a test says so."""

import threading

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
