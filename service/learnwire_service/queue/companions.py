"""Companions: the items that come together, batch after batch, since their callers do."""

import math

# How long a batch waits for its companions, in seconds and as a share of what the last one took.
_GATHERING, _GATHERING_SHARE = 0.005, 0.05
_MAX_CAUTION = 2048


class Companions:
    """How many items the next batch may expect, going by the ones before.

    Callers who ask again when they are answered come back within moments. Without a word for
    it the first of them would go alone and the others wait for it, batch after batch. A lone
    caller's batches hold one item, so nothing is expected beside his next.

    Attributes:
        expected: how many items.
        until: when the batch goes without those that have not come.
    """

    def __init__(self) -> None:
        self.expected = self._known = 1
        self.until = -math.inf
        self._return, self._more = _Trial(), _Trial()

    def came(self, items: float) -> None:
        """Learn how many items there were when the batch went."""
        if self._known > 1:
            self._return.learn(paid=items >= self._known)
        if self.expected > self._known:
            self._more.learn(paid=items >= self.expected)

    def expect(self, items: int, seconds: float, now: float) -> None:
        """Expect those who have been answered and those who wait, and perhaps one more.

        Args:
            items: how many they are.
            seconds: how long the batch took.
            now: when it ended.
        """
        self._known = items if self._return.is_due() else 1
        self.expected = self._known + self._more.is_due()
        self.until = now + max(_GATHERING, seconds * _GATHERING_SHARE)


class _Trial:
    """Whether to try what does not always pay: the oftener it did not, the more seldom."""

    def __init__(self) -> None:
        self._caution = self._pause = 0

    def learn(self, *, paid: bool) -> None:
        if paid:
            self._caution //= 2
        else:
            self._caution = min(_MAX_CAUTION, max(1, 2 * self._caution))
            self._pause = self._caution // 2

    def is_due(self) -> bool:
        self._pause = max(0, self._pause - 1)
        return not self._pause
