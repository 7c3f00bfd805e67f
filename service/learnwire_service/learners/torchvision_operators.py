"""Lets torchvision be imported where its compiled operators cannot load.

The registry's torchvision is built against CUDA torch. Beside a CPU torch its
library does not load, and the import dies with "operator torchvision::nms does
not exist", although fastai needs none of those operators. Declaring their
schemas first is all that the import asks for.
"""

import importlib
import sys
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
# The declarations live as long as this object does.
_declared: list[Any] = []


def cured(read: Callable[[], T]) -> T:
    """Call what may import torchvision, and again with its operators declared where it has to."""
    try:
        return read()
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
        import_torchvision()
        return read()


def import_torchvision() -> None:
    """Import torchvision, declaring its operators where they are missing.

    Usage: call it before `from fastai.vision.all import *`.
    """
    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::" not in str(error) or _declared:
            raise
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        # Only here, so that asking for this function does not cost seconds.
        import torch

        library = torch.library.Library("torchvision", "DEF")
        for schema in _SCHEMAS:
            library.define(schema)
        _declared.append(library)
        importlib.import_module("torchvision")
