"""What a server tells of an endpoint: what it takes, what it answers, how its calls went."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from learnwire.v1 import endpoint_service_pb2 as pb

from .endpoint_text import endpoint_page, statistics_page
from .model import Column
from .page import as_html, as_text
from .statistics import Distribution


@dataclass(frozen=True)
class Descriptor:
    """What an input takes, or an output gives; what does not belong to its kind is empty.

    Attributes:
        kind: "text", "row", "table", "array", "image", "number", "flag" or "prediction", "" for
            one that this client does not know.
        max_chars: of texts, the most characters that the server takes.
        columns: of rows and tables, the columns, each with its name, its type ("" where any is
            taken), and whether its cells may be None; empty where any columns are taken.
        shape: of arrays, -1 where any size is taken; None where any shape is.
        dtype: of arrays, the element type, object for strings; None where any is taken.
        enforce_shape: of arrays, whether another shape is refused.
        enforce_dtype: of arrays, whether another element type is refused and not cast.
        integral: of numbers, whether they are integers.
        minimum: of numbers, the least that is taken; None for any.
        maximum: of numbers, the most that is taken; None for any.
        mode: of images, the mode of Pillow's that they are converted to; "" where none is.
    """

    kind: str = ""
    max_chars: int = 0
    columns: tuple[Column, ...] = ()
    shape: tuple[int, ...] | None = None
    dtype: np.dtype[Any] | None = None
    enforce_shape: bool = False
    enforce_dtype: bool = False
    integral: bool = False
    minimum: float | None = None
    maximum: float | None = None
    mode: str = ""


@dataclass(frozen=True, repr=False)
class Endpoint:
    """A function that a server offers; its repr is a page to read.

    Usage: `for endpoint in client.endpoints(): print(endpoint)`

    Attributes:
        name: its name.
        service: the name of the service that it belongs to.
        description: what its author says of it; may be empty.
        inputs: what it takes, by name; the name of a single one may be "", which is then sent
            without a name.
        optional: the names of those inputs that may be left out.
        output: what it answers, once or many times.
        streaming: whether it answers many times, and so is asked with `stream`.
        message: all this as it came, as learnwire.v1.Endpoint.
    """

    name: str
    service: str
    description: str
    inputs: Mapping[str, Descriptor]
    optional: frozenset[str]
    output: Descriptor
    streaming: bool
    message: pb.Endpoint = field(compare=False)

    def __repr__(self) -> str:
        return as_text(endpoint_page(self))

    def _repr_html_(self) -> str:
        return as_html(endpoint_page(self))


@dataclass(frozen=True, repr=False)
class EndpointStatistics:
    """What became of an endpoint's calls since the server started; its repr is a page to read.

    Usage: `print(client.endpoint_statistics("classify_text"))`

    Attributes:
        endpoint: the endpoint's name.
        since: when counting began, None where the server does not tell.
        answered: how many calls were answered, streams to their end.
        failed: how many ended with an error of the endpoint.
        invalid: how many had an input that does not fit, or that the endpoint refused.
        refused: how many were refused because too many were being answered.
        expired: how many were not answered before their deadline.
        cancelled: how many were cancelled before they were answered.
        in_flight: how many are being answered now.
        seconds: from a call's arrival to its answer.
        message: all this as it came, as learnwire.v1.EndpointStatistics.
    """

    endpoint: str
    since: datetime | None
    answered: int
    failed: int
    invalid: int
    refused: int
    expired: int
    cancelled: int
    in_flight: int
    seconds: Distribution
    message: pb.EndpointStatistics = field(compare=False)

    def __repr__(self) -> str:
        return as_text(statistics_page(self))

    def _repr_html_(self) -> str:
        return as_html(statistics_page(self))
