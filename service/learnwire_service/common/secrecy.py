"""What looks like a secret: names of variables, and texts that have one in them."""

import re
from collections.abc import Sequence
from itertools import pairwise

_NAME = re.compile(
    r"PASSW(OR)?D|PASSPHRASE|SECRET|TOKEN(_|$)|(^|_)(PASS|CREDENTIALS?)(_|$)|_PWD$|API_?KEY(_|$)"
    r"|(PRIVATE|ACCESS|AUTH|SIGNING|ENCRYPTION|ACCOUNT)_?KEY(_|$)"
)
# Who is named so tells where the secret is.
_PLACES = ("_FILE", "_PATH")
_TEXTS = {
    "a password": r"://[^/\s@]*:[^/\s@]+@",
    "a private key": r"PRIVATE KEY-----",
    # As services of others write them, addresses of conda's channels, and Learnwire itself.
    "a token": r"\b(gh[pousr]_|github_pat_|glpat-|hf_|xox[abprs]-|pypi-|lw_)[\w-]{20,}"
    r"|\bsk-[\w-]{32,}"
    r"|\bAKIA[0-9A-Z]{16}\b|\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.|(?i:\bbearer\s+[\w.~+/-]{8,})"
    r"|://\S*/t/[^/\s]{8,}/"
    r"|(?i:[?&]([\w.-]+[_.-])?(token|key|apikey|password|secret|sig|signature)=[^&\s$])",
}
_FOUND = {what: re.compile(pattern) for what, pattern in _TEXTS.items()}
# A value that a shell puts in is no secret.
_GIVEN = re.compile(r"(?<![\w$-])(?:--)?([A-Za-z_][\w-]*)=[\"']?[^\s\"'$`]")
_OPTION = re.compile(r"--([A-Za-z][\w-]*)")


def is_secret_name(name: str) -> bool:
    """Tell whether a variable or an option of that name has a secret for its value."""
    name = name.upper().replace("-", "_")
    return _NAME.search(name) is not None and not name.endswith(_PLACES)


def secret_in(text: str) -> str:
    """Say which secret seems to be in a text, such as "a password"; "" for none."""
    return next((what for what, pattern in _FOUND.items() if pattern.search(text)), "")


def secret_of(command: Sequence[str]) -> str:
    """Name the option or variable that a command gives a secret to; "" where none does."""
    names = [found[1] for word in command for found in _GIVEN.finditer(word)]
    for word, following in pairwise(command):
        option = _OPTION.fullmatch(word)
        if option and not following.startswith(("-", "$")):
            names.append(option[1])
    return next(filter(is_secret_name, names), "")
