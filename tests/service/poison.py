"""Learners whose exports run code: when they are unpickled, or when they predict."""

from pathlib import Path
from typing import Any, Literal

from fastai.callback.core import Callback
from learnwire_service.learners.export import export, pickled_by_value

When = Literal["load", "predict"]


class AtLoad:
    """Runs code when it is unpickled."""

    def __init__(self, code: str) -> None:
        self.code = code

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, (self.code, {})


class AtPredict(Callback):  # type: ignore[misc]  # fastai is untyped
    """Runs code at each prediction."""

    def __init__(self, code: str) -> None:
        self.code = code

    def before_batch(self) -> None:
        exec(self.code, {})


def poisoned(learner: Any, when: When, code: str, path: Path) -> Path:
    """Export a learner that runs code, which needs nothing of these tests."""
    import sys

    if when == "load":
        learner.poison = AtLoad(code)
    else:
        learner.add_cb(AtPredict(code))
    with pickled_by_value([sys.modules[__name__]]):
        export(learner, path)
    return path
