"""Until when a caller waits."""

import math
from time import monotonic

# As a share of the timeout; gRPC sends it rounded up.
_CLOCKS_DIFFER = 0.01


class Deadline:
    """Some seconds from now on, or never.

    Args:
        timeout: the seconds; None for never.

    Attributes:
        timeout: as given.
        at: when it is, on the monotonic clock; infinite for never.
    """

    def __init__(self, timeout: float | None) -> None:
        self.timeout = timeout
        self.at = math.inf if timeout is None else monotonic() + timeout

    @property
    def left(self) -> float | None:
        """The seconds until then, 0 where it has passed; None for never."""
        return None if self.timeout is None else max(0.0, self.at - monotonic())

    @property
    def has_passed(self) -> bool:
        """Whether a caller who goes now goes because of it: he has a clock of his own."""
        return monotonic() >= self.at - _CLOCKS_DIFFER * (self.timeout or 0.0)
