"""Shares: which part of the calls of a model single versions of it get."""

import re

# In the order of `penguins:v2=5%`.
_SHARE = re.compile(r"(\d+(?:\.\d+)?)%")


def share_of(text: str) -> float:
    """Read a share, as `5%`: give it between 0 and 1.

    Raises:
        ValueError: it is none.
    """
    found = _SHARE.fullmatch(text.strip())
    if found is None or (share := float(found[1]) / 100) > 1:
        raise ValueError("expected a share from 0% to 100%, such as 5%")
    return share


def shares_of(text: str) -> dict[str, float]:
    """Read shares of versions, as `penguins:v2=5%,sentiment:b=10%`: give them by their tags.

    Raises:
        ValueError: they are none, or one of them stands twice.
    """
    shares = dict[str, float]()
    for part in filter(str.strip, text.split(",")):
        tag, _, share = (one.strip() for one in part.partition("="))
        name, _, version = tag.partition(":")
        if not name or not version:
            raise ValueError("expected a version and its share, as penguins:v2=5%")
        if tag in shares:
            raise ValueError(f"{tag} stands twice")
        shares[tag] = share_of(share)
    return shares


def shares_text(shares: dict[str, float]) -> str:
    """Write shares as `shares_of` reads them."""
    return ",".join(f"{tag}={100 * share:.10g}%" for tag, share in shares.items())
