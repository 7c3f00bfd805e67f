"""Identities: who calls, and what they may do."""

from dataclasses import dataclass
from enum import StrEnum

_NAME_CHARS = 128


class Role(StrEnum):
    """What an identity may do.

    Attributes:
        PREDICT: ask models and endpoints.
        READ: see what is served, its statistics and its contracts.
        ADMINISTER: change what is served.
    """

    PREDICT = "predict"
    READ = "read"
    ADMINISTER = "administer"


@dataclass(frozen=True)
class Identity:
    """Who calls.

    Attributes:
        name: as the access file, the certificate or the token has it; fit for a log.
        roles: what they may do.
        models: the models and endpoints that exist for them; None: all.
        is_listed: whether the name is one of the access file; else others chose it.
    """

    name: str
    roles: frozenset[Role]
    models: frozenset[str] | None = None
    is_listed: bool = False

    def sees(self, name: str) -> bool:
        """Tell whether a model or an endpoint of that name exists for them."""
        return self.models is None or name in self.models


# Whoever calls a server that asks for neither tokens nor certificates.
ANYONE = Identity("anyone", frozenset({Role.PREDICT, Role.READ}))
# The same, from this machine.
LOCAL = Identity("local", frozenset(Role))


def readable(name: str) -> str:
    """Give a name that others chose in a form that is fit for a line of a log."""
    return "".join(one if one.isprintable() else "?" for one in name)[:_NAME_CHARS]
