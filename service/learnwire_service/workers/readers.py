"""Who may read a server's metrics, where it asks who calls; only then is this imported."""

from collections.abc import Mapping

from ..common.errors import LearnwireError, Unauthenticated
from ..trust.access import Access
from ..trust.identity import Role
from ..trust.tokens import AUTHORIZATION, bearer_of
from .order import Order

_OK, _UNKNOWN, _FORBIDDEN = 200, 401, 403


class Readers:
    """Lets those in who hold the role `read`; nobody is asked for a certificate here.

    Args:
        order: the line that tells workers what to serve, and who may call.

    Raises:
        LearnwireError: see `Access`.
    """

    def __init__(self, order: str) -> None:
        self._access = Access(Order.model_validate_json(order).settings)

    async def status(self, headers: Mapping[str, str], model: str | None = None) -> int:
        """Give 200, or the HTTP status that refuses a request for a model, or for all of them."""
        try:
            token = bearer_of(headers.get(AUTHORIZATION, ""))
            identity = await self._access.identify(token, None)
        except Unauthenticated:
            return _UNKNOWN
        except LearnwireError:
            return _FORBIDDEN
        sees = identity.models is None if model is None else identity.sees(model)
        return _OK if Role.READ in identity.roles and sees else _FORBIDDEN
