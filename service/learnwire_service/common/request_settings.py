"""Settings of how much a request may hold."""

from dataclasses import fields

from pydantic import BaseModel, Field

from .bounds import DEFAULT_BOUNDS, Bounds


class RequestSettings(BaseModel):
    """How much requests may hold; see ServerSettings."""

    max_message_mib: int = Field(16, ge=1, le=2047, description="Largest request message, in MiB.")
    max_held_mib: int = Field(
        64,
        ge=1,
        description="Most MiB of large requests that are held at a time; further calls are "
        "refused, and streams not read on.",
    )
    max_text_chars: int = Field(
        DEFAULT_BOUNDS.max_text_chars, ge=1, description="Longest text, in characters."
    )
    max_cells: int = Field(
        DEFAULT_BOUNDS.max_cells, ge=1, description="Most cells of a row, and columns of a table."
    )
    max_extra_columns: int = Field(
        DEFAULT_BOUNDS.max_extra_columns,
        ge=0,
        description="Most columns of a row or a table that are not among the model's.",
    )
    max_items: int = Field(
        DEFAULT_BOUNDS.max_items,
        ge=1,
        description="Most items of a request; a table has any number of rows.",
    )
    max_pixels: int = Field(
        DEFAULT_BOUNDS.max_pixels, ge=1, description="Most pixels of an image, as it is sent."
    )
    max_input_size: int = Field(
        DEFAULT_BOUNDS.max_input_size,
        ge=1,
        description="Most pixels of an image, or numbers of an array, that a network gets, after "
        "the model's transforms; what a model is used to is always taken.",
    )
    max_elements: int = Field(
        DEFAULT_BOUNDS.max_elements,
        ge=1,
        description="Most elements of lists, and strings of arrays, in a request.",
    )
    max_numbers: int = Field(
        DEFAULT_BOUNDS.max_numbers,
        ge=1,
        description="Most numbers of a typed array, such as a FloatArray.",
    )

    @property
    def bounds(self) -> Bounds:
        """What bounds each request."""
        return Bounds(**{field.name: getattr(self, field.name) for field in fields(Bounds)})
