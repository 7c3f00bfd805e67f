"""What bad networks do to what passes through them."""

import time
from dataclasses import dataclass, field
from random import Random


@dataclass(frozen=True)
class Weather:
    """A bad network; what a Relay lets all through.

    Attributes:
        flips: which share of what comes at once has one bit changed.
        drops: which share of it ends its connection.
        delay: for how many seconds at most it waits.
    """

    flips: float = 0.0
    drops: float = 0.0
    delay: float = 0.0
    random: Random = field(default_factory=lambda: Random(1), compare=False)

    def __call__(self, data: bytes) -> bytes:
        """Give what comes out of it.

        Raises:
            ConnectionError: nothing, and the connection ends.
        """
        if self.delay:
            time.sleep(self.random.random() * self.delay)
        if self.random.random() < self.drops:
            raise ConnectionError("dropped")
        if self.random.random() >= self.flips:
            return data
        changed = bytearray(data)
        changed[self.random.randrange(len(changed))] ^= 1 << self.random.randrange(8)
        return bytes(changed)
