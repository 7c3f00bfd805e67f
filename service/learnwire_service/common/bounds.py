"""How much one request may hold, so that one caller leaves room for the others."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Bounds:
    """The most that a request may hold; each of them is a setting of the server.

    What the defaults let through, and what it does to others, is measured in docs/limits.md.

    Attributes:
        max_text_chars: characters of a text.
        max_cells: cells of a row, and columns of a table.
        max_extra_columns: columns of a row or a table that are not the model's.
        max_items: items of a request.
        max_pixels: pixels of an image, as it is sent. Decoding takes some 12 bytes for each.
        max_input_size: pixels of an image, or numbers of an array of no fixed size, as the
            network sees it: behind the model's transforms. A small network takes some 170 bytes
            for each. What a model is used to is always taken.
        max_elements: elements of the lists, and strings, of a message.
        max_numbers: numbers of a typed array (FloatArray, IntArray, ...).
    """

    max_text_chars: int = 100_000
    max_cells: int = 16_384
    max_extra_columns: int = 4_096
    max_items: int = 65_536
    max_pixels: int = 24_000_000
    max_input_size: int = 2_000_000
    max_elements: int = 262_144
    max_numbers: int = 4_194_304


DEFAULT_BOUNDS = Bounds()
