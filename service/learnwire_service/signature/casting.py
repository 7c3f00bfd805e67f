"""Arrays of numbers, cast to the type that a model was trained or saved with."""

import numpy as np
from learnwire_client.arrays import AnyArray
from learnwire_client.errors import FieldError
from numpy.typing import NDArray


def may_cast(dtype: np.dtype[np.generic], wanted: np.dtype[np.generic]) -> bool:
    """Tell whether numbers lose no more than a float's last digits, by their types alone."""
    return bool(np.can_cast(dtype, wanted, "same_kind" if wanted.kind == "f" else "safe"))


def cast(array: AnyArray, wanted: np.dtype[np.generic]) -> NDArray[np.generic]:
    """Give an array whose type may be cast as one of the wanted type, itself if it is one.

    Raises:
        FieldError: a number would become infinite. Its field is `data`.
    """
    with np.errstate(over="ignore"):
        made = array.astype(wanted, copy=False)
    if made is not array and wanted.kind == "f" and (np.isinf(made) & ~np.isinf(array)).any():
        raise FieldError("data", f"expected numbers that {wanted} can hold, got greater ones")
    return made
