"""Seals what makes numbers of a learner's texts: rules, tokenizer and vocabulary."""

import random
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

from fastai.text import core
from fastai.text.core import BaseTokenizer, SentencePieceTokenizer, SpacyTokenizer, Tokenizer
from fastai.text.data import Numericalize, reverse_text
from fastcore.basics import compose
from spacy.symbols import ORTH  # type: ignore[import-not-found]  # it has no types
from spacy.tokenizer import Tokenizer as OfSpacy  # type: ignore[import-not-found]

from ..common.errors import in_a_line
from ..sealed.rules import RuleRecipe
from ..sealed.tokenizer import SpacyRecipe
from ..sealed.words import PADDING, PiecesRecipe, SplitRecipe, Words, WordsRecipe
from .plain import function_of
from .plan import Unplanned

_PIECES = "pieces.model"
_RULES = {
    core.fix_html: "fix_html",
    core.replace_rep: "replace_rep",
    core.replace_wrep: "replace_wrep",
    core.spec_add_spaces: "spec_add_spaces",
    core.rm_useless_spaces: "rm_useless_spaces",
    core.replace_all_caps: "replace_all_caps",
    core.replace_maj: "replace_maj",
    core.lowercase: "lowercase",
}
# Pieces that are wider go on without end.
_WIDEST = 24
# What tokenizers treat in a way of their own, to be mixed with the words of a vocabulary.
_ODD_WORDS = """
    can't U.S.A. e.g. 10,5 3.14 $5 50% 10km a-b a--b a/b a.b x@y.com www.a.de :-) :( <3 a_b 1990s
    http://a.b/c?d=e ... … !!! ?! (( )) 'tis o'clock "q" «q» “q” „q“ n\u2019t #tag @user C++ I'm
    ünïcode ß İ 🙂 漢字 עברית xxunk &amp; z.B. d.h. l'eau 12:30 -5 +5 5°C №5 A.B.C ab.Cd <br
"""
_ODD = (*_ODD_WORDS.split(), "\n", "  ", "\t", "\u00a0", "<br />")
_SAMPLES, _LONGEST_SAMPLE = 1_500, 8


def seal_words(texts: Any, directory: Path, columns: tuple[str, ...] = ()) -> WordsRecipe:
    """Write down what makes numbers of texts, and a tokenizer's file into a directory.

    Args:
        texts: the list (TfmdLists) of a data set that a str goes through.
        directory: where a file is to be.
        columns: the columns of a row whose texts are joined.

    Raises:
        Unplanned: a transform, rule or tokenizer is not known, or the sealed one makes other
            numbers of a text.
    """
    transforms = list(texts.tfms.fs[texts.infer_idx("") :])
    backwards = len(transforms) > 2 and function_of(transforms[-1]) is reverse_text
    kinds = [type(transform) for transform in transforms[: len(transforms) - backwards]]
    if kinds != [Tokenizer, Numericalize]:
        raise Unplanned(f"a text goes through {', '.join(t.name for t in transforms)}")
    if any(transform.split_idx not in (None, 1) for transform in transforms):
        raise Unplanned("a transform of the texts is left out at prediction")
    tokenizer, numericalize = transforms[:2]
    marks = getattr(tokenizer, "kwargs", {}).get("mark_fields")
    recipe = WordsRecipe(
        rules=tuple(map(_rule, tokenizer.rules)),
        tokenizer=_tokenizer(tokenizer.tok, directory),
        vocabulary=_vocabulary(numericalize),
        backwards=backwards,
        columns=columns,
        marks=True if marks is None else marks,
    )
    _prove(recipe, tokenizer, numericalize, directory)
    return recipe


def _rule(rule: Any) -> RuleRecipe:
    settings: dict[str, Any] = {}
    if isinstance(rule, partial) and not rule.args and rule.func is core.lowercase:
        rule, settings = rule.func, rule.keywords
    name = _RULES.get(rule) if callable(rule) and rule.__hash__ else None
    if name is None:
        raise Unplanned(f"the rule {getattr(rule, '__name__', type(rule).__name__)} is not known")
    return RuleRecipe(name=name, **settings)  # type: ignore[arg-type]  # one of its names


def _vocabulary(numericalize: Any) -> tuple[str, ...]:
    number = numericalize.o2i
    if type(number) is not defaultdict or number.default_factory is not int:
        raise Unplanned("unknown words have no number")
    words = tuple(map(str, numericalize.vocab))
    known = {word: i for i, word in enumerate(words) if word != PADDING}
    # Whoever asks a defaultdict for a word that it has not, leaves that there, as number 0.
    if known != {word: i for word, i in number.items() if i or word in known}:
        raise Unplanned("its words have other numbers than their places in the vocabulary")
    return words


def _tokenizer(tok: Any, directory: Path) -> SpacyRecipe | SplitRecipe | PiecesRecipe:
    if type(tok) is BaseTokenizer:
        return SplitRecipe(separator=tok.split_char)
    if type(tok) is SentencePieceTokenizer and tok.tok is not None:
        (directory / _PIECES).write_bytes(tok.tok.serialized_model_proto())
        return PiecesRecipe(file=_PIECES)
    spacy = getattr(getattr(tok, "pipe", None), "__self__", None)
    if type(tok) is not SpacyTokenizer or spacy is None or spacy.pipeline:
        raise Unplanned(f"the tokenizer {type(tok).__name__} is not known")
    return spacy_recipe(spacy)


def spacy_recipe(spacy: Any) -> SpacyRecipe:
    """Write down the tokenizer of a blank spaCy language.

    Raises:
        Unplanned: it has one of its own.
    """
    made = spacy.tokenizer
    if type(made) is not OfSpacy or made.token_match is not None:
        raise Unplanned(f"the language {spacy.lang} has a tokenizer of its own")
    width = max(_widths(spacy.Defaults.prefixes, spacy.Defaults.suffixes), default=0)
    return SpacyRecipe(
        prefix=_pattern(made.prefix_search),
        suffix=_pattern(made.suffix_search),
        infix=_pattern(made.infix_finditer),
        address=_pattern(made.url_match),
        width=width,
        exceptions={
            text: tuple(_text(spacy, word) for word in words) for text, words in made.rules.items()
        },
    )


def _text(spacy: Any, word: dict[Any, Any]) -> str:
    text = word.get(ORTH, word.get("ORTH"))
    return text if isinstance(text, str) else str(spacy.vocab.strings[text])


def _pattern(method: Any) -> str | None:
    if method is None:
        return None
    pattern = getattr(method, "__self__", None)
    if not isinstance(pattern, re.Pattern) or pattern.flags != re.UNICODE:
        raise Unplanned("its tokenizer searches with a function of its own")
    return str(pattern.pattern)


def _widths(*pieces: Any) -> Iterator[int]:
    for piece in (piece for some in pieces for piece in some or ()):
        widest = parser.parse(piece).getwidth()[1]
        if widest <= _WIDEST:
            yield int(widest)


def _prove(recipe: WordsRecipe, tokenizer: Any, numericalize: Any, directory: Path) -> None:
    """Compare with the learner's own tokenizer on texts made of its words and of odd ones.

    Raises:
        Unplanned: the words of one differ.
    """
    try:
        words = Words(recipe, directory)
    except Exception as error:
        raise Unplanned(f"its tokenizer does not seal: {in_a_line(error)}") from error
    rules, number = compose(*tokenizer.rules), numericalize.o2i
    for text in _samples(recipe.vocabulary):
        [made] = tokenizer.tok([str(rules(text))])
        expected = [number.get(word, 0) for word in made]
        if words.numbers(text) != (expected[::-1] if recipe.backwards else expected):
            raise Unplanned(f"its tokenizer makes other words of {text[:80]!r}")


def _samples(vocabulary: tuple[str, ...]) -> Iterator[str]:
    choose = random.Random(0)  # noqa: S311 - reproducible, not secret
    known = vocabulary or _ODD
    for _ in range(_SAMPLES):
        words = [
            choose.choice(_ODD if choose.random() < 0.5 else known)
            for _ in range(choose.randint(1, _LONGEST_SAMPLE))
        ]
        cased = [choose.choice((str, str.upper, str.capitalize))(word) for word in words]
        yield "".join(word + choose.choice((" ", " ", "", "\n")) for word in cased)
