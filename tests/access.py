"""Access files and web tokens for tests, made as an operator and an issuer make them."""

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from learnwire_service.trust.tokens import digest_of, new_token


@dataclass
class AccessWriter:
    """An access file that is written anew at each change.

    Attributes:
        path: of the file.
        entries: what it says.
    """

    path: Path
    entries: list[dict[str, Any]] = field(default_factory=list)

    def token(self, name: str, *roles: str, **more: Any) -> str:
        """Add an identity that shows a token, and give the token."""
        token = new_token()
        self.add(name, *roles, token_sha256=digest_of(token), **more)
        return token

    def add(self, name: str, *roles: str, **more: Any) -> None:
        self.entries.append({"name": name, "roles": list(roles), **more})
        self.write()

    def remove(self, name: str) -> None:
        self.entries = [one for one in self.entries if one["name"] != name]
        self.write()

    def write(self) -> None:
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps({"identities": self.entries}))
        new.replace(self.path)


class Issuer:
    """Makes web tokens, and the key set by which they are checked."""

    name, audience = "https://issuer.test", "learnwire"

    def __init__(self, kid: str = "one", kind: str = "EC") -> None:
        self.kid, self.algorithm = kid, "ES256" if kind == "EC" else "RS256"
        self.key: Any = (
            ec.generate_private_key(ec.SECP256R1())
            if kind == "EC"
            else rsa.generate_private_key(public_exponent=65537, key_size=2048)
        )

    def jwk(self) -> dict[str, Any]:
        algorithm: Any = jwt.get_algorithm_by_name(self.algorithm)
        made: dict[str, Any] = algorithm.to_jwk(self.key.public_key(), as_dict=True)
        return made | {"kid": self.kid, "alg": self.algorithm, "use": "sig"}

    def publish(self, path: Path, *others: "Issuer") -> None:
        new = path.with_suffix(".new")
        new.write_text(json.dumps({"keys": [one.jwk() for one in (self, *others)]}))
        new.replace(path)

    def token(self, key: Any = None, algorithm: str | None = None, **claims: Any) -> str:
        """Make a token; what is given takes the place of what would be right."""
        right = {
            "iss": self.name,
            "aud": self.audience,
            "sub": "alice",
            "exp": time.time() + 600,
            "learnwire_roles": ["predict"],
        }
        said = {name: one for name, one in (right | claims).items() if one is not None}
        return jwt.encode(
            said, key or self.key, algorithm or self.algorithm, headers={"kid": self.kid}
        )
