"""How the calls of a model that name no version are divided among its versions."""

import hashlib
from collections.abc import Mapping
from itertools import accumulate
from typing import Generic, TypeVar

_KEY_BITS = 53

T = TypeVar("T")


def point_of(name: str, key: str) -> float:
    """Give where a caller's key lies between 0 and 1: for a model the same in all processes."""
    digest = hashlib.blake2b(f"{name}\0{key}".encode(errors="surrogatepass"), digest_size=8)
    number = int.from_bytes(digest.digest()) >> (64 - _KEY_BITS)
    return number / float(2**_KEY_BITS)


class Split(Generic[T]):
    """Divides the calls of one model.

    Args:
        name: the model's.
        versions: those that are served, by their names.
        shares: of versions, also of some that are not served; all others' calls go to the default.
        default: answers to the model's bare name.

    Attributes:
        name: the model's.
    """

    def __init__(
        self,
        name: str,
        versions: Mapping[str, T],
        shares: Mapping[str, float],
        default: T,
    ) -> None:
        self.name = name
        # Sorted, and with those that are not served, so that callers stay where they are.
        ordered = sorted(shares)
        ends = accumulate(shares[version] for version in ordered)
        # Sums of binary fractions: 100 % is to be 1.
        self._ends = [
            (versions.get(version, default), round(end, 9))
            for version, end in zip(ordered, ends, strict=True)
        ]
        self._default = default

    def pick(self, point: float) -> T:
        """Give the version that answers a call.

        Args:
            point: from 0, below 1; see `point_of`.
        """
        return next((one for one, end in self._ends if point < end), self._default)

    def share(self, runner: T) -> float:
        """Tell which share of the calls a version answers."""
        shares, begin = 0.0, 0.0
        for one, end in [*self._ends, (self._default, 1.0)]:
            shares += end - begin if one == runner else 0.0
            begin = end
        return round(shares, 9)
