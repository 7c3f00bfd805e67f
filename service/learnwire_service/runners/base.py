"""What all runners have in common, whatever they run."""

from typing import Protocol

from ..settings import ServerSettings
from ..statistics import Statistics


class BaseRunner(Protocol):
    """Something that is loaded once, asked from any thread or event loop, and closed.

    Attributes:
        name: what requests and statistics call it.
        statistics: what its queue and its batches have been like.
    """

    name: str
    statistics: Statistics

    @property
    def is_ready(self) -> bool:
        """Whether it has been loaded."""

    def configure(self, settings: ServerSettings) -> None:
        """Take what a server sets where its maker set nothing; one that was closed opens again.

        One that has been loaded keeps what it was loaded with.
        """

    def load(self) -> object:
        """Load it now rather than when it is first asked."""

    def close(self, *, wait: bool = True) -> None:
        """Fail what has not begun, and let the threads end; wait for them unless told otherwise."""
