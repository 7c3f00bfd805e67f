"""How many pixels an image has, told before any of them is decoded."""

import io
import math
import re
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .images import FORMATS


def pixels_of(image: NDArray[np.uint8]) -> int:
    """Count the pixels of an image: height x width (x channels), or the bytes of a file.

    Returns: 0 where the bytes are no image.
    """
    if image.ndim > 1:
        return math.prod(image.shape[:2])
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(image.tobytes()), formats=FORMATS) as header:
                return math.prod(header.size)
    except Image.DecompressionBombError as error:
        found: Any = re.search(r"\d+", str(error))
        return int(found[0])
    except Exception:  # noqa: BLE001 - Pillow's decoders raise all sorts of errors
        return 0
