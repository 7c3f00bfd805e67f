"""The gate: who makes a call, and whether they may."""

import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from ..common.errors import Forbidden
from ..trust.access import Access
from ..trust.identity import ANYONE, Identity, Role
from ..trust.quota import Quota
from ..trust.tokens import AUTHORIZATION, bearer_of
from .permissions import Roles

# By which gRPC knows the names in a certificate.
NAMES = "x509_subject_alternative_name"
# The peers of this machine, as gRPC writes them.
_LOCAL = ("unix:", "ipv4:127.", "ipv6:[::1]", "ipv6:%5B::1%5D")
# How old what is known of the caller of a stream may be.
_RENEW_SECONDS = 0.5

Metadata = Iterable[tuple[str, str | bytes]]

# What is no UTF-8 in a caller's metadata, such as a token, gRPC would log whole; and a trace where
# the path is none.
_STRANGE = ("Invalid encoding on", "Unexpected [UnicodeDecodeError] raised by servicer method")
logging.getLogger("grpc._cython.cygrpc").addFilter(
    lambda record: not str(record.msg).startswith(_STRANGE)
)

_caller: ContextVar[Identity] = ContextVar("caller", default=ANYONE)
_entry: ContextVar["Entry | None"] = ContextVar("entry", default=None)


def caller() -> Identity:
    """Give who makes the call that is being answered."""
    return _caller.get()


@contextmanager
def taken_in() -> Iterator[None]:
    """Take in one of those who share a stream while inside, as a lone call is.

    Raises:
        QuotaReached: there are too many requests of this caller.
    """
    if (entry := _entry.get()) is None:
        yield
        return
    entry.begin_item()
    try:
        yield
    finally:
        entry.end_item()


class Gate:
    """Lets callers in.

    Args:
        access: tells who they are; None: nobody is asked.
    """

    def __init__(self, access: Access | None = None) -> None:
        self._access = access

    @property
    def asks_for_tokens(self) -> bool:
        """Whether whoever shows no token is a stranger."""
        return self._access is not None and self._access.asks_for_tokens

    async def check_known(self, metadata: Metadata) -> None:
        """Refuse strangers.

        Args:
            metadata: of their call.

        Raises:
            Unauthenticated, Forbidden: they show no token that holds.
        """
        if self._access is not None:
            await self._access.identify(_token_in(metadata), None)

    def lets_all(self, roles: Roles) -> bool:
        """Tell whether whoever calls a method that needs these roles is let in."""
        is_open = self._access is None or self._access.is_open
        return not roles or (is_open and bool(roles & ANYONE.roles))

    async def identity_of(self, context: Any, roles: Roles) -> Identity:
        """Tell who makes a call, and that they may; see `identify` and `check`."""
        if self.lets_all(roles):
            return ANYONE
        identity = await self.identify(context)
        check(identity, roles)
        return identity

    async def identify(self, context: Any) -> Identity:
        """Tell who makes a call.

        Raises:
            Unauthenticated: they do not show who they are.
            Forbidden: what they show holds, and gives them no role.
        """
        assert self._access is not None  # noqa: S101 - else all are let in
        if self._access.is_open:
            return self._access.without(is_local=context.peer().startswith(_LOCAL))
        names = context.auth_context().get(NAMES, ())
        token = _token_in(context.invocation_metadata())
        shown = [name.decode(errors="replace") for name in names]
        return await self._access.identify(token, shown)

    def quota(self, identity: Identity) -> Quota:
        """Give an identity's quota."""
        assert self._access is not None  # noqa: S101 - else there is no identity
        return self._access.quota(identity)


def check(identity: Identity, roles: Roles) -> None:
    """Refuse who has none of the roles.

    Raises:
        Forbidden: they have none.
    """
    if not identity.roles & roles:
        raise Forbidden(f"{identity.name} lacks the role {_either(roles)}")


class Entry:
    """One call's way through the gate.

    Args:
        gate: it.
        roles: those that the call needs, one of them.

    Attributes:
        is_free: whether nobody is asked.
        name: who makes the call, where that is known.
    """

    def __init__(self, gate: Gate, roles: Roles) -> None:
        self._gate, self._roles = gate, roles
        self._quota: Quota | None = None
        self._renew_at = 0.0
        self._items = 0
        self.is_free = gate.lets_all(roles)
        self.name = ""

    async def enter(self, context: Any) -> None:
        """Let the caller in, or not.

        Raises:
            Unauthenticated, Forbidden: see `Gate.identity_of`.
            QuotaReached: there are too many calls of this caller.
        """
        identity = await self._identify(context)
        quota = self._gate.quota(identity)
        quota.enter()
        self._quota = quota
        _entry.set(self)

    def begin_item(self) -> None:
        """Take in one of those who share a stream; the call itself stands for the first of them.

        Raises:
            QuotaReached: there are too many requests of this caller.
        """
        if self._quota is not None:
            self._quota.enter() if self._items else self._quota.admit()
        self._items += 1

    def end_item(self) -> None:
        """Let one of them go."""
        self._items -= 1
        if self._quota is not None and self._items:
            self._quota.leave()

    async def renew(self, context: Any) -> float:
        """Take in another request of a stream; give the seconds to wait before it is answered.

        Raises:
            Unauthenticated, Forbidden: the caller is no longer let in.
        """
        if self._quota is None:
            return 0.0
        await self.answer(context)
        seconds = self._quota.seconds
        self._quota.take()
        return seconds

    async def answer(self, context: Any) -> None:
        """Let another answer of a stream go out.

        Raises:
            Unauthenticated, Forbidden: the caller is no longer let in.
        """
        if self._quota is not None and time.monotonic() >= self._renew_at:
            await self._identify(context)

    def leave(self) -> None:
        """End the call."""
        if self._quota is not None:
            self._quota.leave()

    async def _identify(self, context: Any) -> Identity:
        identity = await self._gate.identify(context)
        self.name = identity.name
        check(identity, self._roles)
        self._renew_at = time.monotonic() + _RENEW_SECONDS
        _caller.set(identity)
        return identity


def _token_in(metadata: Metadata) -> str | None:
    for key, value in metadata:
        if key == AUTHORIZATION and (token := bearer_of(str(value))) is not None:
            return token
    return None


def _either(roles: Roles) -> str:
    return " or ".join(sorted(role.value for role in Role if role in roles))
