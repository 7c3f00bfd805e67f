"""What can go wrong with a bulk job as a whole."""

from ..common.errors import LearnwireError


class BulkRefused(LearnwireError):
    """Raised before any row is asked, for what cannot be read, answered or resumed."""

    reason = "BULK_REFUSED"
