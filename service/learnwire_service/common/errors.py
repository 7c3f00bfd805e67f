"""What can go wrong, by meaning. Every message is fit for the caller's eyes."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import grpc
    from learnwire_client.errors import Violation

_CODES = (
    *("CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND"),
    *("ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION"),
    *("ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"),
    "UNAUTHENTICATED",
)
_REASON = re.compile(r"[A-Z][A-Z0-9_]{0,62}")


_LONGEST_CAUSE, _LONGEST_TEXT = 200, 4000


def in_a_line(error: BaseException) -> str:
    """Say in a line what somebody else's code raised."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:_LONGEST_CAUSE]}".removesuffix(": ")


def plain(text: str) -> str:
    """Cut a text of somebody else's, and leave nothing that a terminal or a log would obey."""
    return "".join(one if one.isprintable() else " " for one in text[:_LONGEST_TEXT])


class LearnwireError(Exception):
    """The root of all errors that Learnwire raises on purpose."""

    reason = "LEARNWIRE_ERROR"


@dataclass(frozen=True)
class Asked:
    """What a runner was asked with.

    Attributes:
        values: its parts, by how the paths of their faults begin.
        kind: the only kind of message that it can stand in; "" where it may be any.
    """

    values: Mapping[str, object]
    kind: str = ""


class InvalidInput(LearnwireError):
    """Raised when an item does not fit the model or the endpoint, before that sees it.

    The code of endpoints may raise it too, with a sentence for the caller.

    Usage: `raise InvalidInput("age: must be positive")`

    Args:
        faults: what is wrong, in a sentence; or several faults, with their fields.
        taker: what it does not fit, where there are several faults.
        field: where in the request it is, such as `input.row.cells["age"]`, if in one place.

    Attributes:
        message: the first fault, in a sentence; the error as text tells all of them.
        violations: the faults that have a field.
        asked: what a runner was asked with, where it was one that found the faults.

    Raises:
        TypeError: `faults` are none.
        ValueError: there is no fault.
    """

    reason = "INVALID_INPUT"
    asked: Asked | None = None
    violations: "tuple[Violation, ...]"

    def __init__(
        self,
        faults: "str | Iterable[Violation | tuple[str, str]]",
        taker: str = "the model",
        *,
        field: str = "",
    ) -> None:
        self._taker = taker
        if isinstance(faults, str):
            self.violations = _violations([(field, faults)] if field else [])
            self.message = f"{field}: {faults}" if field else faults
        else:
            self.violations = _violations(faults)
            if not self.violations:
                raise ValueError("faults: expected a sentence, or one fault at least, got none")
            self.message = f"the input does not fit {taker}: {self.violations[0]}"
        super().__init__(self.message)

    def __str__(self) -> str:
        return "\n  ".join([self.message, *map(str, self.violations[1:])])

    @classmethod
    @contextmanager
    def of(cls, asked: Asked) -> Iterator[None]:
        """Have what is raised inside say what a runner was asked with."""
        try:
            yield
        except cls as error:
            error.asked = asked
            raise

    def below(self, path: str) -> "InvalidInput":
        """Return the same error with every field's path put below `path`."""
        if not self.violations:
            return self
        violations = [replace(v, field=f"{path}.{v.field}") for v in self.violations]
        return InvalidInput(violations, self._taker)


class InvalidTag(LearnwireError, ValueError):
    """Raised when a model's name or version is malformed, or a prefix fits several versions.

    Attributes:
        field: where a request has it.
    """

    reason = "INVALID_MODEL_NAME"
    field = "model"


class ModelNotFound(LearnwireError, LookupError):
    """Raised when no model or version of that name is there."""

    reason = "MODEL_NOT_FOUND"


class NotInStore(ModelNotFound):
    """Raised when the store has no model of that name; the message, with paths, stays here."""


class StoreFailed(LearnwireError, OSError):
    """Raised when the store cannot be written to: a full disk, no rights, no locks, no folder."""

    reason = "STORE_FAILED"


class ContractClash(LearnwireError):
    """Raised when a version comes from elsewhere, and its contract contradicts the model's here."""

    reason = "CONTRACT_CLASH"


class RemoteFailed(LearnwireError, OSError):
    """Raised when a remote store cannot be reached, refuses, hangs, or is no address."""

    reason = "REMOTE_FAILED"


class ContractNotServed(LearnwireError):
    """Raised when no served version of a model speaks the contract of a call."""

    reason = "CONTRACT_NOT_SERVED"


class ModelNotReady(LearnwireError):
    """Raised when a model is asked before it has been loaded and checked."""

    reason = "MODEL_NOT_READY"


class ModelFailed(LearnwireError):
    """Raised when the model itself raised on an item; the cause is chained and logged."""

    reason = "MODEL_FAILED"


class ModelTimeout(ModelFailed):
    """Raised for the items of a batch that the model has not answered within its time."""

    reason = "MODEL_TIMEOUT"


class QueueFull(LearnwireError):
    """Raised when too many items wait for a model already."""

    reason = "QUEUE_FULL"


class MemoryShort(LearnwireError):
    """Raised for new calls while the server's memory is nearly used up."""

    reason = "MEMORY_SHORT"


class QuotaReached(LearnwireError):
    """Raised when an identity asks for more than it may.

    Args:
        limit: what it has reached.
        retry_seconds: after how long another try makes sense.
    """

    reason = "QUOTA_REACHED"

    def __init__(self, limit: str, retry_seconds: float) -> None:
        super().__init__(f"the quota of this caller is used up: {limit}; try again shortly")
        self.retry_seconds = retry_seconds


class Unauthenticated(LearnwireError):
    """Raised when a caller does not show who it is, or shows nothing that holds.

    Args:
        problem: a sentence, without what was shown.
        reason: why, for programs.
    """

    def __init__(self, problem: str, reason: str) -> None:
        super().__init__(problem)
        self.reason = reason


class Forbidden(LearnwireError, PermissionError):
    """Raised when a caller is known, and may not do what it asks for."""

    reason = "ROLE_MISSING"


class DeadlineExceeded(LearnwireError, TimeoutError):
    """Raised when an item's deadline passed before its batch began."""

    reason = "DEADLINE_EXCEEDED"


class RunnerClosed(LearnwireError):
    """Raised when a runner is asked, or asked still, when it has been closed."""

    reason = "RUNNER_CLOSED"


class EndpointError(LearnwireError):
    """Raised by the code of an endpoint to answer with an error of its own.

    Usage: `raise EndpointError("NOT_FOUND", "there is no such film", reason="NO_FILM")`

    Args:
        code: a canonical code: a grpc.StatusCode, or its name in any case; not OK.
        message: what happened, in one sentence, for the caller's eyes.
        reason: why, for programs: capitals, digits and underscores.
        metadata: more about the reason; callers get 1500 bytes of it at most.
        violations: the faults of the input: paths such as `input.text`, and descriptions.

    Raises:
        TypeError: `violations` are no pairs.
        ValueError: `code` or `reason` is none.
    """

    def __init__(
        self,
        code: "grpc.StatusCode | str",
        message: str,
        *,
        reason: str = "ENDPOINT_ERROR",
        metadata: Mapping[str, str] | None = None,
        violations: "Iterable[Violation | tuple[str, str]]" = (),
    ) -> None:
        super().__init__(message)
        self.code = _code(code)
        if not isinstance(reason, str) or not _REASON.fullmatch(reason):
            raise ValueError(f"reason: expected a word in capitals such as NO_FILM, got {reason!r}")
        self.reason = reason
        self.metadata = {str(key): str(value) for key, value in (metadata or {}).items()}
        self.violations = _violations(violations)


class EndpointFailed(LearnwireError):
    """Raised when an endpoint's code failed or broke its own word; the cause is in the log."""

    reason = "ENDPOINT_FAILED"


class EndpointNotFound(LearnwireError, LookupError):
    """Raised when there is no endpoint of that name."""

    reason = "ENDPOINT_NOT_FOUND"


class WrongMethod(LearnwireError):
    """Raised when an endpoint is asked for one answer and streams them, or the reverse."""

    reason = "WRONG_METHOD"


class ServiceNotReady(LearnwireError):
    """Raised when an endpoint is asked before its service has started."""

    reason = "SERVICE_NOT_READY"


class ServiceNotFound(LearnwireError, LookupError):
    """Raised when a reference such as `service.py:svc` leads to no service."""

    reason = "SERVICE_NOT_FOUND"


class ServiceFailed(LearnwireError):
    """Raised when a service's code fails while it is imported or starts; the cause is logged."""

    reason = "SERVICE_FAILED"


class ServiceClash(LearnwireError, ValueError):
    """Raised when services cannot be served side by side."""

    reason = "SERVICE_CLASH"


class ChangeRefused(LearnwireError, RuntimeError):
    """Raised when what is served stays as it is: a version does not load, or must not go."""

    reason = "CHANGE_REFUSED"


class SplitRefused(LearnwireError, ValueError):
    """Raised at the start where the calls of a model cannot be divided as a setting says."""

    reason = "SPLIT_REFUSED"


class NotServable(LearnwireError, TypeError):
    """Raised at save for what cannot be served, with the way out."""

    reason = "NOT_SERVABLE"


@contextmanager
def blamed(what: str) -> Iterator[None]:
    """Tell what a learner's or an adapter's code raises inside as an error of ours.

    Args:
        what: what it did, in words that the cause is put behind.

    Raises:
        NotServable: the code raised something else than an error of ours.
    """
    try:
        yield
    except LearnwireError:
        raise
    except Exception as error:
        raise NotServable(f"{what}: {in_a_line(error)}") from error


class VersionExists(LearnwireError):
    """Raised at save when the version is already there, or another saver was first."""

    reason = "VERSION_EXISTS"


class CorruptModel(LearnwireError):
    """Raised at load when a file of the model is missing or is not the file that was saved."""

    reason = "CORRUPT_MODEL"


class UnloadableModel(LearnwireError):
    """Raised at load when the Learner cannot be unpickled in this environment."""

    reason = "UNLOADABLE_MODEL"


class ModelTooLarge(LearnwireError):
    """Raised at load when a model takes more memory than all models may together."""

    reason = "MODEL_TOO_LARGE"


class NoSuchDevice(LearnwireError):
    """Raised at load when a GPU is asked for and PyTorch finds none."""

    reason = "NO_SUCH_DEVICE"


class CodeStopped(LearnwireError):
    """Raised at save and at sealing when a learner's code took more than it may, or died."""

    reason = "CODE_STOPPED"


class GoldenMismatch(LearnwireError):
    """Raised at load when a golden example is answered differently than at save."""

    reason = "GOLDEN_MISMATCH"


class UnverifiedModel(LearnwireError):
    """Raised at load when a version is to be served of which no example was ever answered."""

    reason = "UNVERIFIED_MODEL"


class UntrustedModel(LearnwireError):
    """Raised at load when a version's code may not run, or it is not signed as it has to be."""

    reason = "UNTRUSTED_MODEL"


class UnknownMethod(LearnwireError):
    """Raised when a method is called that this server does not have.

    Args:
        method: as it was called, `/package.Service/Method`.
    """

    reason = "UNKNOWN_METHOD"

    def __init__(self, method: str) -> None:
        super().__init__(
            f"there is no method {method} here: this is a Learnwire server, which speaks "
            "learnwire.v1, the Open Inference Protocol and the contracts of its models; reflection "
            "lists them"
        )


class NotServed(LearnwireError):
    """Raised for what others serve by the same protocol, and this server does not."""

    reason = "NOT_SERVED"


class MalformedMessage(LearnwireError):
    """Raised when the bytes of a request are not the message that they should be."""

    reason = "MALFORMED_MESSAGE"


class TooLarge(LearnwireError):
    """Raised when a request is larger than the server takes.

    Args:
        most: the bytes that it takes.
    """

    reason = "MESSAGE_TOO_LARGE"

    def __init__(self, most: int) -> None:
        super().__init__(
            f"the request is larger than the {most} bytes that this server takes; send fewer items "
            "at a time, or raise --max-message-mib of the server"
        )


class UnknownEncoding(LearnwireError):
    """Raised when a request is compressed in a way that is not known here.

    Args:
        encoding: as it calls it.
    """

    reason = "UNKNOWN_ENCODING"

    def __init__(self, encoding: str) -> None:
        super().__init__(f"the compression {encoding[:80]} is not known here, only gzip")


class BadFile(LearnwireError, OSError):
    """Raised when a file that a setting names is not there, or is not what it should be."""

    reason = "BAD_FILE"


class BuildFailed(LearnwireError, RuntimeError):
    """Raised when no bundle can be made of what is there, or what is there is no bundle."""

    reason = "BUILD_FAILED"


class ToolMissing(LearnwireError, ImportError):
    """Raised when a command needs a package that serving does not; the message names it."""

    reason = "TOOL_MISSING"


_TAKEN = (
    "the port is in use, or the address is not this machine's; choose others with --host and --port"
)


class CannotListen(LearnwireError):
    """Raised when a server's address is taken, not this machine's, or open to others unasked."""

    reason = "CANNOT_LISTEN"

    def __init__(self, address: str, why: str = "") -> None:
        super().__init__(f"cannot listen on {address}: {why or _TAKEN}")


class WorkersFailed(LearnwireError):
    """Raised when the workers of a server do not come up; what one of them said, if it did."""

    reason = "WORKERS_FAILED"


def _code(code: object) -> str:
    """Give a code's name; those of grpc.StatusCode have one."""
    name = getattr(code, "name", code)
    if isinstance(name, str) and name.upper() in _CODES:
        return name.upper()
    raise ValueError(f"code: expected one of {', '.join(_CODES)}, got {code!r}")


def _violations(
    faults: "Iterable[Violation | tuple[str, str]]",
) -> "tuple[Violation, ...]":
    # The client's package imports gRPC, which most commands do without.
    from learnwire_client.errors import Violation

    def violation(fault: object) -> Violation:
        if isinstance(fault, Violation):
            return fault
        if isinstance(fault, tuple | list) and len(fault) == 2:
            return Violation(str(fault[0]), str(fault[1]))
        raise TypeError(f"expected a fault as (field, description), got {fault!r}")

    return tuple(map(violation, faults))
