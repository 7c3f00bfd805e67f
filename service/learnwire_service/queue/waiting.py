"""How long what waits for a model will have to wait, told by the batches before. No clock."""

# How much the last batch counts for against those before it.
_WEIGHT = 0.3


class Waiting:
    """Learns what an item takes, in the company that items have here.

    Times are seconds on any clock that does not run backwards.
    """

    def __init__(self) -> None:
        self._each = 0.0
        self._began = self._ended = 0.0
        self._items = 0
        self._more = False

    def begin(self, items: int, now: float) -> None:
        """Take in that a batch begins."""
        self._items, self._began = items, now

    def end(self, now: float, more: int) -> None:
        """Take in that it has been answered, and that so many items wait still."""
        # While items wait, what lies between two batches is part of what they take.
        began = min(self._began, self._ended) if self._more else self._began
        each = (now - began) / max(1, self._items)
        self._each = each if self._each == 0 else self._each + _WEIGHT * (each - self._each)
        self._items, self._ended, self._more = 0, now, more > 0

    def seconds(self, items: int, now: float) -> float:
        """Tell in how many seconds so many items and the batch under way will be answered."""
        under_way = max(0.0, self._items * self._each - (now - self._began))
        return under_way + items * self._each
