"""How much one request may hold, so that one caller leaves room for the others."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Bounds:
    """The most that a request may hold; each of them is a setting of the server.

    The defaults let no message hold the interpreter for a tenth of a second, and need no more
    memory than some 400 MB.

    Attributes:
        max_text_chars: characters of a text.
        max_cells: cells of a row, and columns of a table.
        max_extra_columns: columns of a row or a table that are not the model's.
        max_items: items of a request.
        max_elements: elements of the lists, and strings, of a message.
        max_numbers: numbers of a typed array (FloatArray, IntArray, ...).
    """

    max_text_chars: int = 100_000
    max_cells: int = 16_384
    max_extra_columns: int = 4_096
    max_items: int = 65_536
    max_elements: int = 262_144
    max_numbers: int = 4_194_304


DEFAULT_BOUNDS = Bounds()
