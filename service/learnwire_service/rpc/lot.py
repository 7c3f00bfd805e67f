"""The lot of a call that names no version: which one answers, where its model's are divided."""

import random
from functools import cached_property
from typing import Any

from ..runners.split import point_of
from .gate import Metadata

# The metadata of a call that says who is to get the same version each time.
KEY = "learnwire-key"


class Lot:
    """Draws once for each call, also for a whole stream; by the caller's key, else by chance.

    Args:
        call: has its metadata: gRPC's context of it, or what a handler is found by.
    """

    def __init__(self, call: Any) -> None:
        self._call = call

    def point(self, name: str) -> float:
        """Give a number from 0, below 1, for a model."""
        return point_of(name, self._key) if self._key else self._chance

    @cached_property
    def _key(self) -> str:
        found = self._call.invocation_metadata
        metadata: Metadata = found() if callable(found) else found
        return next((str(value) for key, value in metadata if key == KEY), "")

    @cached_property
    def _chance(self) -> float:
        return random.random()  # noqa: S311 - nobody gains by guessing it
