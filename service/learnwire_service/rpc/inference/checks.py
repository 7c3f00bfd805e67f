"""What a tensor must be to be an input: its name, its datatype, its shape."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

from learnwire_client.errors import FieldError, Violation

from ...common.errors import InvalidInput
from ...common.spelling import meant
from .tensors import Tensor, path_of

MOST_FAULTS = 10
_MOST_LISTED, _MOST_COMPARED, _LONGEST_NAME = 20, 200, 100


def check_names(tensors: Mapping[str, Tensor], wanted: Mapping[str, str]) -> None:
    """Refuse inputs that the model does not take, and miss those that it does."""
    strange = [unknown_input(name, wanted) for name in tensors if name not in wanted][:MOST_FAULTS]
    missing = [
        Violation(path_of(name), f"expected {datatype}, got nothing: the input is missing")
        for name, datatype in wanted.items()
        if name not in tensors
    ]
    if faults := [*strange, *missing]:
        raise InvalidInput(faults)


def unknown_input(name: str, wanted: Collection[str]) -> Violation:
    """Tell of an input that the model does not take."""
    known = ", ".join(f'"{one}"' for one in list(wanted)[:_MOST_LISTED])
    problem = f"expected {known}, got an input of another name"
    near = meant(name[:_LONGEST_NAME], list(wanted)[:_MOST_COMPARED])
    return Violation(path_of(name), f"{problem}{near}")


def check_datatype(tensor: Tensor, taken: Sequence[str], told: str) -> None:
    """Refuse a tensor of another datatype, by a FieldError."""
    if tensor.datatype not in taken:
        raise FieldError(f"{tensor.path}.datatype", f"expected {told}, got {tensor.datatype}")


def check_flat(tensor: Tensor) -> None:
    """Refuse a tensor of more than a value an item, by a FieldError."""
    if tensor.shape[1:] not in ((), (1,)):
        problem = f"expected [n] or [n, 1], got {list(tensor.shape)}"
        raise FieldError(f"{tensor.path}.shape", problem)


@contextmanager
def refused() -> Iterator[None]:
    """Raise a FieldError of inside as InvalidInput."""
    try:
        yield
    except FieldError as error:
        raise InvalidInput([error.violation]) from None
