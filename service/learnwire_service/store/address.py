"""Where a remote store is, and how it is told: never with what opens it."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, unquote, urlsplit

from ..common.errors import RemoteFailed, ToolMissing

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_HTTP, _SSH = ("http", "https"), ("ssh", "sftp")
# What has to be installed for a kind of store, where the extra has not.
_PACKAGES = dict.fromkeys(("gs", "gcs"), "gcsfs") | dict.fromkeys(("abfs", "abfss", "az"), "adlfs")
_EXTRA = "'learnwire[remote]'"


@dataclass(frozen=True, repr=False)
class Address:
    """The address of a remote store, such as `s3://bucket/models`, or a folder.

    Raises:
        RemoteFailed: it is none; the message has no password.
    """

    text: str

    def __post_init__(self) -> None:
        if not self.text.strip() or "::" in self.text:
            raise RemoteFailed(
                "a remote store has one address, such as s3://bucket/models; got "
                f"{'several, joined by ::' if self.text.strip() else 'none'}"
            )
        if self._parts is None:
            return
        try:
            port = self._parts.port
        except ValueError:
            port = -1
        if port == -1 or not (self._parts.netloc or self.kind in ("file", "local", "memory")):
            raise RemoteFailed(f"{self} is no address of a store, such as s3://bucket/models")
        if self._parts.query or self._parts.fragment:
            raise RemoteFailed(
                f"the address of a remote store has no ? and no #: {self}; credentials are given "
                "as its library takes them"
            )

    @cached_property
    def _parts(self) -> SplitResult | None:
        """Its parts; None where it is a folder of this machine."""
        return urlsplit(self.text) if "://" in self.text else None

    @property
    def kind(self) -> str:
        """How the store is spoken to, such as "s3"; "file" where it is a folder."""
        return self._parts.scheme.lower() if self._parts else "file"

    @property
    def lists(self) -> bool:
        """Whether the store tells by itself what it holds."""
        return self.kind not in _HTTP

    def __str__(self) -> str:
        """Tell it without a password."""
        if self._parts is None:
            return self.text
        user, at, host = self._parts.netloc.rpartition("@")
        name, colon, _ = user.partition(":")
        # What stands alone before a web server may be a token.
        shown = "***" if at and not colon and not self.lists else name + ":***" * bool(colon)
        return f"{self._parts.scheme}://{shown}{at}{host}{self._parts.path}"

    __repr__ = __str__

    def hidden(self, text: str) -> str:
        """Take what opens the store out of what somebody else's library says."""
        for secret in self._secrets():
            text = text.replace(secret, "***")
        return text

    def _secrets(self) -> set[str]:
        if self._parts is None:
            return set()
        user = self._parts.netloc.rpartition("@")[0]
        name, colon, password = user.partition(":")
        told = {password} if colon else {name} if not self.lists else set()
        return {one for secret in told for one in (secret, unquote(secret)) if one}

    def open(self) -> "tuple[AbstractFileSystem, str]":
        """Give what speaks to the store, and the store's place as that calls it.

        Raises:
            ToolMissing: the package for it is not installed; the message names it.
            RemoteFailed: nothing speaks to such stores.
        """
        try:
            from fsspec.core import url_to_fs
        except ModuleNotFoundError as error:
            raise ToolMissing(
                f"remote stores need fsspec, which is not installed: pip install {_EXTRA}"
            ) from error
        text = self.text if self._parts else str(Path(self.text).expanduser().absolute())
        try:
            # Each command sees what there is now, with the credentials of now.
            fs, place = url_to_fs(text, skip_instance_cache=True, **self._options())
        except ImportError as error:
            package = _PACKAGES.get(self.kind, _EXTRA)
            raise ToolMissing(
                f"{self} needs what is not installed here: pip install {package}"
            ) from error
        except ValueError as error:
            raise RemoteFailed(f"{self} cannot be opened: {self.hidden(str(error))}") from None
        return fs, place.rstrip("/")

    def _options(self) -> dict[str, Any]:
        if self.kind in _SSH:
            from .known_hosts import KnownHosts

            return {"host_key_policy": KnownHosts()}
        # Proxies, and passwords in .netrc.
        return {"client_kwargs": {"trust_env": True}} if self.kind in _HTTP else {}
