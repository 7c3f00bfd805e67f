"""How fast a job goes, and so how many rows its next call may have."""

# Few enough that four calls at a time of a slow model, 20 ms a row, end in half a minute.
FIRST_ROWS = 256
# More make a table no cheaper.
MAX_ROWS = 8192
_SECONDS = 0.1
# Less than the limit of a message, as the next rows may be larger.
_BYTES = 3 * 2**18


class Pace:
    """Finds how many rows of a table to send in a call.

    A table is cheaper the longer it is, but its call must end in time, and soon when it
    is cancelled. So a job begins with short ones, and then sends as many rows in a call as
    were last answered in a tenth of a second.

    Attributes:
        rows: that many.
    """

    def __init__(self) -> None:
        self.rows = FIRST_ROWS

    def learn(self, rows: int, size: int, seconds: float) -> None:
        """Take in that the answers to `rows`, a message of `size` bytes, took `seconds`."""
        room = min(_SECONDS / seconds, _BYTES / size)
        self.rows = max(FIRST_ROWS, min(MAX_ROWS, int(rows * room)))
