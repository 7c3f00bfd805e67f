"""What can go wrong in a call, as exceptions that a caller can tell apart."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import grpc


@dataclass(frozen=True)
class Violation:
    """One fault in an input.

    Attributes:
        field: the path of the faulty field, for example `row.cells["island"]`.
        description: what was expected and what came.
    """

    field: str
    description: str

    def __str__(self) -> str:
        return f"{self.field}: {self.description}"


class FieldError(ValueError):
    """A value that has no form on the wire, or a message that contradicts itself."""

    def __init__(self, field: str, description: str) -> None:
        super().__init__(f"{field}: {description}")
        self.violation = Violation(field, description)

    def below(self, path: str) -> Self:
        """Return the same error with its field's path put below `path`."""
        return type(self)(f"{path}.{self.violation.field}", self.violation.description)


@contextmanager
def below(path: str) -> Iterator[None]:
    """Put the field of a FieldError raised inside below `path`."""
    try:
        yield
    except FieldError as error:
        raise error.below(path) from None


class CallError(Exception):
    """Raised when a call, or one item of it, has no answer; its subclasses tell why.

    Usage: `except CallError as error: print(error.code, error)`

    Attributes:
        code: the canonical code.
        message: what happened, in one sentence.
        reason: why, for programs: a word in capitals, or "" where none was given.
        violations: the faults of the input, where it was the input's.
        retry_after: seconds to wait before trying again, or None where none were told.
        metadata: more facts for programs, by name; empty where none were told.
        index: in predict_many the item's index among the values, from 0; where a whole
            call failed, that of the first item left without an answer. None elsewhere.
        request_id: by which the server's log calls the call, "" where no server answered, or for
            a single item.
    """

    def __init__(
        self,
        code: "grpc.StatusCode",
        message: str,
        reason: str = "",
        violations: tuple[Violation, ...] = (),
        retry_after: float | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        # All of it goes to `args`, so that the error can be pickled.
        super().__init__(code, message, reason, violations, retry_after, metadata)
        self.code = code
        self.message = message
        self.reason = reason
        self.violations = violations
        self.retry_after = retry_after
        self.metadata = dict(metadata or {})
        self.index: int | None = None
        self.request_id = ""

    @property
    def lines(self) -> list[str]:
        """The message, and each violation that it does not tell of."""
        return [self.message, *(v for v in map(str, self.violations) if v not in self.message)]

    def __str__(self) -> str:
        place = "" if self.index is None else f"item {self.index}: "
        return place + "\n  ".join(self.lines)


class InvalidInput(CallError):
    """Raised when the input does not fit the model, the endpoint or the wire; see `violations`."""


class NotFound(CallError):
    """Raised when something is not there: an endpoint may miss what it was asked for."""


class ModelNotFound(NotFound):
    """Raised when the server does not serve that model or version."""


class EndpointNotFound(NotFound):
    """Raised when the server has no endpoint of that name."""


class Unauthenticated(CallError):
    """Raised when the server does not know who calls: a token is missing, or does not hold."""


class PermissionDenied(CallError):
    """Raised when the server knows who calls, and they may not do what they ask for."""


class Unavailable(CallError):
    """Raised when the server cannot be reached, is draining, or still loads the model."""


class DeadlineExceeded(CallError):
    """Raised when no answer came within the timeout."""


class ResourceExhausted(CallError):
    """Raised when a message is larger than client or server allow, or a quota is used up."""


class ServerFailed(CallError):
    """Raised when the server, model or endpoint failed, or its answer cannot be read."""
