"""An endpoint's description and statistics as pages for people."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .page import Table
from .statistics import HEADER, fates_text, row_text, seconds_text

if TYPE_CHECKING:
    from .endpoint import Descriptor, Endpoint, EndpointStatistics
    from .model import Column


def descriptor_text(descriptor: "Descriptor") -> str:
    """Tell what an input takes, or an output gives."""
    match descriptor.kind:
        case "text":
            limit = descriptor.max_chars
            return f"a text of at most {limit} characters" if limit else "a text"
        case "row":
            return f"a row of {_columns(descriptor)}"
        case "table":
            return f"a table of {_columns(descriptor)}"
        case "array":
            return f"an array: {_array(descriptor)}"
        case "image":
            return f"an image ({descriptor.mode})" if descriptor.mode else "an image"
        case "prediction":
            return "a prediction"
        case "number":
            return _number(descriptor)
        case "flag":
            return "true or false"
        case _:
            return "something that this client does not know"


def endpoint_page(endpoint: "Endpoint") -> Iterator[str | Table]:
    """Give the page that describes an endpoint."""
    yield f"{endpoint.name} of {endpoint.service}"
    yield from (f"  {line}".rstrip() for line in endpoint.description.splitlines())
    yield from _takes(endpoint)
    often = ", any number of times" if endpoint.streaming else ""
    yield f"answers {descriptor_text(endpoint.output)}{often}"


def _takes(endpoint: "Endpoint") -> Iterator[str | Table]:
    match list(endpoint.inputs.items()):
        case []:
            yield "takes nothing"
        case [("", _)]:
            yield f"takes {_input(endpoint, '')}"
        case inputs:
            yield "takes"
            yield Table([(name, _input(endpoint, name)) for name, _ in inputs], has_head=False)


def _input(endpoint: "Endpoint", name: str) -> str:
    may_lack = ", or nothing" if name in endpoint.optional else ""
    return descriptor_text(endpoint.inputs[name]) + may_lack


def _columns(descriptor: "Descriptor") -> str:
    return ", ".join(map(_column, descriptor.columns)) or "any columns"


def _column(column: "Column") -> str:
    return f"{column.name} ({column.type or 'any'}{' or null' if column.nullable else ''})"


def _number(descriptor: "Descriptor") -> str:
    least = "" if descriptor.minimum is None else f" of at least {descriptor.minimum:g}"
    most = "" if descriptor.maximum is None else f" of at most {descriptor.maximum:g}"
    kind = "an integer" if descriptor.integral else "a number"
    return f"{kind}{least}{' and' if least and most else ''}{most}"


def _array(descriptor: "Descriptor") -> str:
    dtype = "any type" if descriptor.dtype is None else descriptor.dtype.name
    if descriptor.shape is None:
        return f"{dtype} of any shape"
    sizes = ("any" if size < 0 else str(size) for size in descriptor.shape)
    return f"{dtype} [{', '.join(sizes)}]"


def statistics_page(statistics: "EndpointStatistics") -> Iterator[str | Table]:
    """Give the page of an endpoint's statistics."""
    since = statistics.since
    yield statistics.endpoint + (f" since {since:%Y-%m-%d %H:%M} UTC" if since else "")
    yield f"{fates_text(statistics, 'answered')}; {statistics.in_flight} in flight now"
    if statistics.seconds.count:
        yield Table([HEADER, row_text("time of a call", statistics.seconds, seconds_text)])
