"""The access file: names, roles, and what each identity shows to prove itself."""

import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hmac import compare_digest
from pathlib import Path
from typing import Annotated, Any

from filelock import FileLock
from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_serializer,
    field_validator,
    model_validator,
)

from ..common.errors import BadFile
from .identity import Identity, Role
from .quota import Quota
from .tokens import digest_of
from .watched import WatchedFile

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@/:-]{0,127}")
_SHA256 = r"^[0-9a-f]{64}$"
_PROOFS = ("token_sha256", "certificate", "subject")
_LIMITS = ("requests_per_second", "in_flight")


class Entry(BaseModel):
    """An identity, and one way in which it proves itself.

    Attributes:
        name: the identity's; several entries may share it, such as an old token and a new one.
        roles: what it may do.
        models: the models and endpoints that exist for it; None: all.
        token_sha256: the digest of its token.
        certificate: a DNS or SPIFFE name among the alternative names of its certificate.
        subject: the subject, `sub`, of its JSON web tokens.
        expires: until when the entry holds; None: for ever.
        requests_per_second: the most, in each worker; None: any number.
        in_flight: the most calls at a time, in each worker; None: any number.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    roles: Annotated[frozenset[Role], Field(min_length=1)]
    models: frozenset[str] | None = None
    token_sha256: Annotated[str, Field(pattern=_SHA256)] | None = None
    certificate: Annotated[str, Field(min_length=1)] | None = None
    subject: Annotated[str, Field(min_length=1)] | None = None
    expires: AwareDatetime | None = None
    requests_per_second: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    in_flight: Annotated[int, Field(ge=1)] | None = None

    @field_validator("name")
    @classmethod
    def _is_plain(cls, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError("expected letters, digits and any of . _ @ / : - behind the first")
        return name

    @field_validator("models")
    @classmethod
    def _are_names(cls, models: frozenset[str] | None) -> frozenset[str] | None:
        if tags := sorted(one for one in models or () if ":" in one):
            raise ValueError(f"expected names without versions, got {tags[0]}")
        return models

    @model_validator(mode="after")
    def _proves_itself(self) -> "Entry":
        if len(self.proofs) != 1:
            raise ValueError(f"expected one of {', '.join(_PROOFS)}")
        return self

    @field_serializer("roles", "models")
    def _in_order(self, names: frozenset[str] | None) -> list[str] | None:
        return None if names is None else sorted(names)

    @property
    def proofs(self) -> list[tuple[str, str]]:
        """How it proves itself: the kind, and what it must show; there is one."""
        found = [(kind, getattr(self, kind)) for kind in _PROOFS]
        return [(kind, shown) for kind, shown in found if shown is not None]

    @property
    def identity(self) -> Identity:
        """Who it is."""
        return Identity(self.name, self.roles, self.models, is_listed=True)

    @property
    def holds(self) -> bool:
        """Whether it has not expired."""
        return self.expires is None or datetime.now(UTC) < self.expires

    @property
    def limits(self) -> tuple[float | None, int | None]:
        """Its requests a second, and its calls at a time."""
        return self.requests_per_second, self.in_flight


class AccessFile(BaseModel):
    """What the file says.

    Usage: `AccessFile.read(b'{"identities": []}').by_token("lw_...")`
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    identities: tuple[Entry, ...] = ()

    @model_validator(mode="after")
    def _limits_agree(self) -> "AccessFile":
        limits: dict[str, Any] = {}
        for one in self.identities:
            if limits.setdefault(one.name, one.limits) != one.limits:
                raise ValueError(f'the entries of "{one.name}" differ in {" or ".join(_LIMITS)}')
        return self

    @classmethod
    def read(cls, data: bytes) -> "AccessFile":
        """Read it.

        Raises:
            ValueError: it is no such file; says where.
        """
        try:
            return cls.model_validate(json.loads(data))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"])) or "the file"
            raise ValueError(f"{place}: {first['msg'].removeprefix('Value error, ')}") from error

    def text(self) -> str:
        """Give what `read` takes."""
        return self.model_dump_json(indent=2, exclude_none=True) + "\n"

    def by_token(self, token: str) -> Entry | None:
        """Find the entry of a token; it takes as long wherever it stands, or if it is not there."""
        digest = digest_of(token)
        found = None
        for one in self.identities:
            if compare_digest(one.token_sha256 or "", digest):
                found = one
        return found

    def by_subject(self, subject: str) -> Entry | None:
        """Find the entry of a web token's subject."""
        return next((one for one in self.identities if one.subject == subject), None)

    def by_certificate(self, names: list[str]) -> Entry | None:
        """Find the entry of a certificate by its alternative names."""
        return next((one for one in self.identities if one.certificate in names), None)

    @property
    def knows_certificates(self) -> bool:
        """Whether certificates prove identities."""
        return any(one.certificate is not None for one in self.identities)

    def quotas(self) -> dict[str, Quota]:
        """Make the quotas of those that have any, by name."""
        return {one.name: Quota(*one.limits) for one in self.identities if any(one.limits)}


@contextmanager
def changed(path: Path) -> Iterator[list[Entry]]:
    """Change the entries of the access file, or begin one; readers see all of it or nothing.

    Raises:
        BadFile: it does not read, cannot be written, or would contradict itself.
    """
    with FileLock(path.with_name(f".{path.name}.lock")):
        there = WatchedFile(path, AccessFile.read).get() if path.exists() else AccessFile()
        entries = list(there.identities)
        yield entries
        try:
            text = AccessFile(identities=tuple(entries)).text()
            _replace(path.resolve(), text)
        except OSError as error:
            raise BadFile(f"{path}: {error.strerror}") from error


def _replace(path: Path, text: str) -> None:
    """Write a file whole; those who may read the one there was may read the new one."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as new:
        new.write(text)
    try:
        if path.exists():
            there = path.stat()
            os.chmod(new.name, there.st_mode & 0o777)
            if os.geteuid() == 0 or there.st_gid in os.getgroups():
                os.chown(new.name, there.st_uid if os.geteuid() == 0 else -1, there.st_gid)
        os.replace(new.name, path)
    except OSError:
        os.unlink(new.name)
        raise
