"""What bounds a model's batches and its queue."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What bounds a model's batches and its queue.

    Attributes:
        max_batch_size: the most items in a batch.
        max_queue: the most items of one priority that wait or are being encoded.
        max_delay: how long the first item of a batch may wait for others, in seconds.
        max_bulk_seconds: how long a batch of bulk work should take at most, since
            interactive items wait for its end.
        max_wait: how long an interactive item may wait, by what is known of the batches before,
            in seconds; more are not admitted.
    """

    max_batch_size: int = 4096
    max_queue: int = 2048
    max_delay: float = 0.0
    max_bulk_seconds: float = 0.5
    max_wait: float = math.inf


DEFAULT_LIMITS = Limits()
