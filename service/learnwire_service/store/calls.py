"""Calls to a remote store: within a limit of time, tried again, and their errors told."""

import time
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

from ..common.errors import LearnwireError, RemoteFailed, in_a_line
from .address import Address

# How long one may take.
PATIENCE_SECONDS = 60.0
# Between one try and the next.
PAUSES = (0.5, 1.0, 2.0)

# What another try does not change.
_FINAL = (FileNotFoundError, FileExistsError, IsADirectoryError, PermissionError, LearnwireError)
_FORBIDDEN, _MISSING = (401, 403), (404, 410)

_T = TypeVar("_T")


class Calls:
    """Makes calls of somebody else's library, which reaches a store.

    Every method raises RemoteFailed where the store cannot be reached, refuses or hangs, and
    ToolMissing where a package is not installed; both name no password. That a file is there, or
    is not, is raised as it is.

    Args:
        address: the store's.
    """

    def __init__(self, address: Address) -> None:
        self._address = address

    def tried(self, call: Callable[[], _T]) -> _T:
        """Make one call within the limit of time, again where that may help."""
        return self.tried_whole(lambda: self.ask(call))

    def tried_whole(self, call: Callable[[], _T]) -> _T:
        """Do what makes calls by `ask`, again from its beginning where that may help."""
        with _Told(self._address):
            for pause in PAUSES:
                try:
                    return call()
                except Exception as error:
                    if _is_final(error):
                        raise
                time.sleep(pause)
            return call()

    def ask(self, call: Callable[[], _T]) -> _T:
        """Make a call; one that does not come back in time is left behind."""
        answer: Future[_T] = Future()

        def ask() -> None:
            try:
                answer.set_result(call())
            except BaseException as error:  # noqa: BLE001 - it is raised where this was called
                answer.set_exception(error)

        Thread(target=ask, daemon=True).start()
        try:
            return answer.result(PATIENCE_SECONDS)
        except FileNotFoundError as error:
            # fsspec says so of all that web servers refuse.
            cause = error.__cause__
            if cause is None or self._address.lists or getattr(cause, "status", 0) in _MISSING:
                raise
            raise cause from None
        except TimeoutError:
            if answer.done():
                raise
            raise RemoteFailed(
                f"{self._address} does not answer within {PATIENCE_SECONDS:g} s"
            ) from None


class _Told:
    """Raises what somebody else's library raises inside as an error of ours."""

    def __init__(self, address: Address) -> None:
        self._address = address

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, Exception) or isinstance(
            error, LearnwireError | FileNotFoundError | FileExistsError
        ):
            return
        # Not its cause, which may tell a password.
        raise RemoteFailed(_sentence(self._address, error)) from None


def _sentence(address: Address, error: Exception) -> str:
    said = address.hidden(in_a_line(error))
    if "redential" in type(error).__name__ or "NoAuth" in type(error).__name__:
        return (
            f"{address} wants credentials, and there are none that it takes ({said}): give them "
            "as its library takes them, in the environment or its own files"
        )
    if isinstance(error, PermissionError) or getattr(error, "status", None) in _FORBIDDEN:
        return f"{address} does not allow it ({said}): these credentials have no right to it"
    return f"{address} fails: {said}"


def _is_final(error: Exception) -> bool:
    return (
        isinstance(error, _FINAL)
        or "redential" in type(error).__name__
        or getattr(error, "status", None) in _FORBIDDEN
    )
