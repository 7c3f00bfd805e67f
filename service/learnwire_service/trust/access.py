"""Access: from what a caller shows to who it is, and what is left of its quota."""

from collections.abc import Sequence

from ..common.errors import BadFile, Forbidden, ToolMissing, Unauthenticated
from ..common.extras import needed_by
from ..common.settings import ServerSettings
from .access_file import AccessFile, Entry
from .identity import ANYONE, LOCAL, Identity, readable
from .quota import Quota
from .watched import WatchedFile

_UNLIMITED = Quota()
# Who shows a certificate without alternative names, which is enough where all have the same roles.
_NAMELESS = "nameless"


class Access:
    """Tells who calls.

    Args:
        settings: where the access file is, whose web tokens are taken, and whether clients
            have certificates.

    Attributes:
        is_open: whether nobody has to show anything.
        asks_for_tokens: whether everybody has to show a token, and has nothing else to show.

    Raises:
        BadFile: a file is not there, or does not read.
        ToolMissing: web tokens are to be taken, and the extra for them is not installed.
    """

    def __init__(self, settings: ServerSettings) -> None:
        path = settings.access
        if path is not None and not path.exists():
            raise BadFile(f"{path}: No such file; learnwire token new NAME --file {path} makes it")
        self._file = None if path is None else WatchedFile(path, AccessFile.read)
        self._certificates = settings.tls_client_ca is not None
        self._web_tokens = None
        if settings.jwt_keys:
            with needed_by("--jwt-keys", ToolMissing):
                from .web_tokens import WebTokens
            self._web_tokens = WebTokens(
                settings.jwt_keys, settings.jwt_issuer, settings.jwt_audience, settings.jwt_leeway
            )
        self._takes_tokens = self._file is not None or self._web_tokens is not None
        self.is_open = not (self._takes_tokens or self._certificates)
        self.asks_for_tokens = self._takes_tokens and not self._certificates
        self._quotas: dict[str, Quota] = {}
        self._quotas_of: AccessFile | None = None

    def without(self, *, is_local: bool) -> Identity:
        """Give who calls a server that is open."""
        return LOCAL if is_local else ANYONE

    async def identify(self, token: str | None, certificate: Sequence[str] | None) -> Identity:
        """Tell who calls.

        Args:
            token: the bearer token that it sent.
            certificate: the alternative names of its certificate, which TLS has checked; None:
                it showed none.

        Raises:
            Unauthenticated: it shows nothing that is known here.
            Forbidden: its certificate or its web token holds, and gives it no role here.
        """
        file = AccessFile() if self._file is None else self._file.get()
        if token is not None and self._takes_tokens:
            return await self._by_token(token, file)
        if self._certificates and certificate is not None:
            return self._by_certificate(list(certificate), file)
        raise Unauthenticated(
            "this server wants to know who calls: send a token, in Python "
            "ChannelOptions(token=...), in a shell --token-file, else the metadata "
            '"authorization: Bearer TOKEN"',
            "TOKEN_MISSING",
        )

    def reread(self) -> None:
        """Read the access file again, where it has changed; one that is wrong changes nothing."""
        if self._file is not None:
            self._file.look()

    def quota(self, identity: Identity) -> Quota:
        """Give an identity's quota in this process."""
        if self._file is None or not identity.is_listed:
            return _UNLIMITED
        if (file := self._file.get()) is not self._quotas_of:
            self._quotas, self._quotas_of = _renewed(self._quotas, file.quotas()), file
        return self._quotas.get(identity.name, _UNLIMITED)

    async def _by_token(self, token: str, file: AccessFile) -> Identity:
        if (entry := file.by_token(token)) is not None:
            return _held(entry)
        if self._web_tokens is None:
            raise Unauthenticated("the token is not known here", "TOKEN_INVALID")
        claims = await self._web_tokens.claims(token)
        if (entry := file.by_subject(claims.subject)) is not None:
            return _held(entry)
        if not claims.roles:
            raise Forbidden("the token gives no role here")
        return Identity(readable(claims.subject), claims.roles, claims.models)

    def _by_certificate(self, names: list[str], file: AccessFile) -> Identity:
        if (entry := file.by_certificate(names)) is not None:
            return _held(entry)
        if file.knows_certificates:
            raise Forbidden("the certificate gives no role here")
        if self._takes_tokens:
            raise Unauthenticated(
                "this server wants a token beside the certificate", "TOKEN_MISSING"
            )
        return Identity(readable(names[0]) if names else _NAMELESS, ANYONE.roles)


def _held(entry: Entry) -> Identity:
    if not entry.holds:
        raise Unauthenticated("the token has expired", "TOKEN_EXPIRED")
    return entry.identity


def _renewed(old: dict[str, Quota], new: dict[str, Quota]) -> dict[str, Quota]:
    """Give the new quotas; one whose limits stay goes on where it was."""
    kept = {name: one for name, one in old.items() if name in new}
    return new | {name: one for name, one in kept.items() if one.limits == new[name].limits}
