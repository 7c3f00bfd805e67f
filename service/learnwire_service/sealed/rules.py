"""fastai's rules on texts, before they become words; each takes linear time.

They do what the functions of the same names in fastai.text.core do.
"""

import html
import re
from collections.abc import Callable
from functools import partial
from typing import Literal

from .part import Part

_REPLACED = (
    ("#39;", "'"),
    ("amp;", "&"),
    ("#146;", "'"),
    ("nbsp;", " "),
    ("#36;", "$"),
    ("\\n", "\n"),
    ("quot;", "'"),
    ("<br />", "\n"),
    ('\\"', '"'),
    ("<unk>", "xxunk"),
    (" @.@ ", "."),
    (" @-@ ", "-"),
    ("...", " …"),
)
_SIGN = re.compile(r"([/#\\])")
_SPACES = re.compile(r" {2,}")
_SAME_SIGN = re.compile(r"(\S)(\1{2,})")
_SAME_WORD = re.compile(r"(?:\s|^)(\w+)\s+((?:\1\s+)+)\1(\s|\W|$)")
# Possessive: what follows a run of these is none of them, so a shorter run never helps. fastai's
# own pattern for capitals takes quadratic time.
_CAPITALS = re.compile(r"(\s|^)([A-Z][^a-z\s]*+)(?=\s|$)")
_CAPITAL = re.compile(r"(\s|^)([A-Z][^A-Z\s]*+)(?=\s|$)")


class RuleRecipe(Part):
    """One of fastai's rules.

    Attributes:
        name: of its function.
        add_bos: whether `lowercase` puts the mark of a beginning before the text.
        add_eos: whether it puts the mark of an end behind it.
    """

    name: Literal[
        "fix_html",
        "replace_rep",
        "replace_wrep",
        "spec_add_spaces",
        "rm_useless_spaces",
        "replace_all_caps",
        "replace_maj",
        "lowercase",
    ]
    add_bos: bool = True
    add_eos: bool = False


def rule(recipe: RuleRecipe) -> Callable[[str], str]:
    """Give the function of a rule.

    Usage: `rule(RuleRecipe(name="lowercase"))("Hello")` gives "xxbos hello"
    """
    if recipe.name == "lowercase":
        return partial(_lowercase, recipe.add_bos, recipe.add_eos)
    return _RULES[recipe.name]


def _fix_html(text: str) -> str:
    for before, after in _REPLACED:
        text = text.replace(before, after)
    return html.unescape(text)


def _replace_rep(text: str) -> str:
    return _SAME_SIGN.sub(lambda m: f" xxrep {len(m[2]) + 1} {m[1]} ", text)


def _replace_wrep(text: str) -> str:
    return _SAME_WORD.sub(lambda m: f" xxwrep {len(m[2].split()) + 2} {m[1]} {m[3]}", text)


def _spec_add_spaces(text: str) -> str:
    return _SIGN.sub(r" \1 ", text)


def _rm_useless_spaces(text: str) -> str:
    return _SPACES.sub(" ", text)


def _replace_all_caps(text: str) -> str:
    return _CAPITALS.sub(partial(_marked, "xxup "), text)


def _replace_maj(text: str) -> str:
    return _CAPITAL.sub(partial(_marked, "xxmaj "), text)


def _marked(mark: str, match: re.Match[str]) -> str:
    return f"{match[1]}{mark if len(match[2]) > 1 else ''}{match[2].lower()}"


def _lowercase(add_bos: bool, add_eos: bool, text: str) -> str:
    return ("xxbos " if add_bos else "") + text.lower().strip() + (" xxeos" if add_eos else "")


_RULES: dict[str, Callable[[str], str]] = {
    "fix_html": _fix_html,
    "replace_rep": _replace_rep,
    "replace_wrep": _replace_wrep,
    "spec_add_spaces": _spec_add_spaces,
    "rm_useless_spaces": _rm_useless_spaces,
    "replace_all_caps": _replace_all_caps,
    "replace_maj": _replace_maj,
}
