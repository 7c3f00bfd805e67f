"""JSON web tokens (RFC 7519), by PyJWT: who signed them, for whom, and until when."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from ..common.errors import Unauthenticated
from .identity import Role
from .keys import keys_at, needed
from .tokens import digest_of

ROLES_CLAIM, MODELS_CLAIM = "learnwire_roles", "learnwire_models"

_REQUIRED = ["exp", "iss", "aud", "sub"]
_MOST_KNOWN = 1000


@dataclass(frozen=True)
class Claims:
    """What a valid token says.

    Attributes:
        subject: whose it is.
        roles: those that it names; others are passed over.
        models: the models and endpoints that exist for it; None: all.
        until: when it expires, in seconds since 1970.
    """

    subject: str
    roles: frozenset[Role]
    models: frozenset[str] | None
    until: float

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> "Claims":
        """Read them."""
        roles, models = said.get(ROLES_CLAIM), said.get(MODELS_CLAIM)
        return cls(
            subject=str(said["sub"]),
            roles=frozenset(role for role in Role if role.value in _words(roles)),
            models=None if models is None else frozenset(_words(models)),
            until=float(said["exp"]),
        )


class WebTokens:
    """Checks tokens of one issuer, for one audience.

    Args:
        keys: a path, or an https address, of the issuer's JSON web key set.
        issuer: who must have made them.
        audience: for whom they must be.
        leeway: by how many seconds clocks may differ.

    Raises:
        BadFile: there are no keys.
    """

    def __init__(self, keys: str, issuer: str, audience: str, leeway: float) -> None:
        self._keys = keys_at(keys)
        self._issuer, self._audience, self._leeway = issuer, audience, leeway
        # A signature costs as much as some calls.
        self._known: dict[tuple[str, jwt.PyJWK], Claims] = {}
        self._asking: asyncio.Future[None] | None = None

    async def claims(self, token: str) -> Claims:
        """Check a token.

        Raises:
            Unauthenticated: it does not hold; says why.
        """
        key = await self._key_of(token)
        cached = digest_of(token), key
        if (claims := self._known.get(cached)) is None:
            claims = self._checked(token, key)
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[cached] = claims
        if time.time() >= claims.until + self._leeway:
            raise Unauthenticated("the token has expired", "TOKEN_EXPIRED")
        return claims

    async def _key_of(self, token: str) -> jwt.PyJWK:
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError as error:
            raise Unauthenticated("the token is not known here", "TOKEN_INVALID") from error
        if (key := needed(header, self._keys.known)) is None:
            await self._ask()
            key = needed(header, self._keys.known)
        if key is None:
            raise Unauthenticated("the token is signed by a key unknown here", "TOKEN_INVALID")
        return key

    async def _ask(self) -> None:
        """Look for new keys: once, however many callers wait for it."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.ensure_future(asyncio.to_thread(self._keys.ask))
        await asyncio.shield(self._asking)

    def _checked(self, token: str, key: jwt.PyJWK) -> Claims:
        try:
            said = jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],
                issuer=self._issuer,
                audience=self._audience,
                leeway=self._leeway,
                options={"require": _REQUIRED},
            )
            return Claims.of(said)
        except jwt.ExpiredSignatureError as error:
            raise Unauthenticated("the token has expired", "TOKEN_EXPIRED") from error
        except jwt.ImmatureSignatureError as error:
            raise Unauthenticated("the token does not hold yet", "TOKEN_INVALID") from error
        except jwt.InvalidAudienceError as error:
            raise Unauthenticated("the token is for another audience", "TOKEN_INVALID") from error
        except jwt.InvalidIssuerError as error:
            raise Unauthenticated("the token is by another issuer", "TOKEN_INVALID") from error
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
            raise Unauthenticated("the token is not valid", "TOKEN_INVALID") from error


def _words(claim: object) -> list[str]:
    """Give the words of a claim: a list, or a string with spaces between, as in `scope`."""
    words = claim.split() if isinstance(claim, str) else claim
    return [one for one in words if isinstance(one, str)] if isinstance(words, list) else []
