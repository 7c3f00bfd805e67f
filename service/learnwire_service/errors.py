"""What can go wrong, by meaning. Every message is fit for the caller's eyes."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from learnwire_client.errors import Violation


class LearnwireError(Exception):
    """The root of all errors that Learnwire raises on purpose."""

    reason = "LEARNWIRE_ERROR"


class InvalidInput(LearnwireError):
    """Raised when an item does not fit the model, before the model sees it."""

    reason = "INVALID_INPUT"

    def __init__(self, violations: "Sequence[Violation]") -> None:
        more = f" (and {len(violations) - 1} more)" if len(violations) > 1 else ""
        super().__init__(f"the input does not fit the model: {violations[0]}{more}")
        self.violations = tuple(violations)

    def below(self, path: str) -> "InvalidInput":
        """Return the same error with every field's path put below `path`."""
        return InvalidInput([replace(v, field=f"{path}.{v.field}") for v in self.violations])


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


class GoldenMismatch(LearnwireError):
    """Raised at load when a golden example is answered differently than at save."""

    reason = "GOLDEN_MISMATCH"


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
