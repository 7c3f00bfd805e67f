"""What can go wrong, by meaning. Every message is fit for the caller's eyes."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from learnwire_client.errors import Violation

_CODES = (
    *("CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND"),
    *("ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION"),
    *("ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"),
    "UNAUTHENTICATED",
)
_REASON = re.compile(r"[A-Z][A-Z0-9_]{0,62}")


_LONGEST_CAUSE = 200


def in_a_line(error: BaseException) -> str:
    """Say in a line what somebody else's code raised."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:_LONGEST_CAUSE]}".removesuffix(": ")


class LearnwireError(Exception):
    """The root of all errors that Learnwire raises on purpose."""

    reason = "LEARNWIRE_ERROR"


class InvalidInput(LearnwireError):
    """Raised when an item does not fit the model or the endpoint, before that sees it.

    Args:
        violations: its faults.
        taker: what it does not fit.
    """

    reason = "INVALID_INPUT"

    def __init__(self, violations: "Sequence[Violation]", taker: str = "the model") -> None:
        more = f" (and {len(violations) - 1} more)" if len(violations) > 1 else ""
        super().__init__(f"the input does not fit {taker}: {violations[0]}{more}")
        self.violations = tuple(violations)
        self._taker = taker

    def below(self, path: str) -> "InvalidInput":
        """Return the same error with every field's path put below `path`."""
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


class ContractNotServed(LearnwireError):
    """Raised when no served version of a model speaks the contract of a call."""

    reason = "CONTRACT_NOT_SERVED"


class ModelNotReady(LearnwireError):
    """Raised when a model is asked before it has been loaded and checked."""

    reason = "MODEL_NOT_READY"


class ModelFailed(LearnwireError):
    """Raised when the model itself raised on an item; the cause is chained and logged."""

    reason = "MODEL_FAILED"


class QueueFull(LearnwireError):
    """Raised when too many items wait for a model already."""

    reason = "QUEUE_FULL"


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
        code: a canonical code by its name, such as "NOT_FOUND"; not "OK".
        message: what happened, in one sentence, for the caller's eyes.
        reason: why, for programs: capitals, digits and underscores.
        metadata: more about the reason; callers get 1500 bytes of it at most.
        violations: the faults of the input: paths such as `input.text`, and descriptions.

    Raises:
        ValueError: `code` or `reason` is none.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        reason: str = "ENDPOINT_ERROR",
        metadata: Mapping[str, str] | None = None,
        violations: Iterable[tuple[str, str]] = (),
    ) -> None:
        super().__init__(message)
        if code not in _CODES:
            raise ValueError(f"code: expected one of {', '.join(_CODES)}, got {code!r}")
        if not _REASON.fullmatch(reason):
            raise ValueError(f"reason: expected a word in capitals such as NO_FILM, got {reason!r}")
        self.code = code
        self.reason = reason
        self.metadata = {str(key): str(value) for key, value in (metadata or {}).items()}
        self.violations = tuple((str(path), str(what)) for path, what in violations)


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


class NotServable(LearnwireError, TypeError):
    """Raised at save for what cannot be served, with the way out."""

    reason = "NOT_SERVABLE"


class VersionExists(LearnwireError):
    """Raised at save when the version is already there, or another saver was first."""

    reason = "VERSION_EXISTS"


class CorruptModel(LearnwireError):
    """Raised at load when a file of the model is missing or is not the file that was saved."""

    reason = "CORRUPT_MODEL"


class UnloadableModel(LearnwireError):
    """Raised at load when the Learner cannot be unpickled in this environment."""

    reason = "UNLOADABLE_MODEL"


class NoSuchDevice(LearnwireError):
    """Raised at load when a GPU is asked for and PyTorch finds none."""

    reason = "NO_SUCH_DEVICE"


class GoldenMismatch(LearnwireError):
    """Raised at load when a golden example is answered differently than at save."""

    reason = "GOLDEN_MISMATCH"


class UnverifiedModel(LearnwireError):
    """Raised at load when a version is to be served of which no example was ever answered."""

    reason = "UNVERIFIED_MODEL"


class MalformedMessage(LearnwireError):
    """Raised when the bytes of a request are not the message that they should be."""

    reason = "MALFORMED_MESSAGE"


class ToolMissing(LearnwireError, ImportError):
    """Raised when a command needs a package that serving does not; the message names it."""

    reason = "TOOL_MISSING"


class CannotListen(LearnwireError):
    """Raised when a server's address, `host:port`, is taken or not this machine's."""

    reason = "CANNOT_LISTEN"

    def __init__(self, address: str) -> None:
        super().__init__(
            f"cannot listen on {address}: the port is in use, or the address is not this "
            "machine's; choose others with --host and --port"
        )


class WorkersFailed(LearnwireError):
    """Raised when the workers of a server do not come up; what one of them said, if it did."""

    reason = "WORKERS_FAILED"
