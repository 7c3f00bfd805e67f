"""What all runners have in common, whatever they run."""

from typing import Protocol

from ..common.settings import ServerSettings
from ..queue.statistics import Statistics


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

    def hold(self, settings: ServerSettings) -> None:
        """Serve a server from now on, by its settings where its maker set nothing.

        Several servers may hold it. One that has been loaded keeps what it was loaded with; one
        that was closed opens again.
        """

    def release(self) -> None:
        """Serve a server no longer.

        After the last of them it goes on where it was used before the first, and is loaded
        again when it is next asked where it was not. What waits is answered all the same.
        """

    def load(self) -> object:
        """Load it now rather than when it is first asked."""

    def close(self, *, wait: bool = True) -> None:
        """Fail what has not begun, and let the threads end; wait for them unless told otherwise."""
