"""Names that protobuf, and the languages that it is compiled to, take for anything people name."""

import keyword
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator

_MAX_LENGTH = 60
# What has no decomposition into a letter and its marks.
_LETTERS = str.maketrans(
    {"Ø": "O", "ø": "o", "Ł": "L", "ł": "l", "Đ": "D", "đ": "d", "Æ": "Ae", "æ": "ae"}
    | {
        "Œ": "Oe",
        "œ": "oe",
        "ß": "ss",
        "\N{LATIN SMALL LETTER DOTLESS I}": "i",
        "Þ": "Th",
        "þ": "th",
        "Ð": "D",
        "ð": "d",
    }
)
_SIGNS = str.maketrans(
    {"<": " less than ", ">": " greater than ", "=": " equal ", "+": " plus ", "&": " and "}
    | {"%": " percent "}
)
_MINUS = re.compile(r"(?<![0-9A-Za-z])-(?=\.?[0-9])")
_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
# As a field they cannot be reached, or shadow what every message has.
_UNREACHABLE = {word.lower() for word in keyword.kwlist} | {
    *("constructor", "descriptor", "null", "prototype", "self"),
    *("bit_field0", "default_instance", "internal_default_instance", "size_t"),
    # Macros of C++.
    *("assert", "errno", "i386", "linux", "unix"),
    # Where the packages begin that Kotlin's code names in full.
    *("com", "kotlin"),
}
# What C++ and Java put around a field's name for what they generate beside it.
_AFFIXES = re.compile("^(has_)+|(_bytes|_or_builder|_builder)+$")
# What Java puts behind the name of an enum's value for its number.
_NUMBER = re.compile("(_value)+$")
# No part of a package's name in Java, Kotlin, Go or C++, or hides what contracts import.
_NO_PACKAGE = _UNREACHABLE | {
    *("abstract", "auto", "bool", "boolean", "byte", "case", "catch", "char", "const", "default"),
    *("delete", "do", "double", "enum", "extends", "extern", "final", "float", "fun", "function"),
    *("goto", "implements", "inline", "instanceof", "int", "interface", "long", "namespace"),
    *("native", "new", "object", "operator", "package", "private", "protected", "public"),
    *("register", "short", "signed", "static", "struct", "super", "switch", "synchronized"),
    *("template", "this", "throw", "throws", "transient", "typealias", "typedef", "typename"),
    *("typeof", "union", "unsigned", "using", "val", "var", "virtual", "void", "volatile", "when"),
    *("google", "internal", "learnwire", "std", "vendor"),
}


def snake(text: str) -> str:
    """Spell a text with lower case letters, digits and inner underscores; empty if nothing is left.

    Usage: `snake("Größe (m²)")` is "grosse_m2", `snake(">=50k")` is "greater_than_equal_50k"
    """
    plain = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    plain = _MINUS.sub(" minus ", "".join(c for c in plain if not unicodedata.combining(c)))
    plain = _HUMPS.sub("_", plain.translate(_SIGNS)).lower()
    return re.sub("[^a-z0-9]+", "_", plain).strip("_")[:_MAX_LENGTH].rstrip("_")


def camel(name: str) -> str:
    """Give the JSON name that protobuf makes of a field's name."""
    return re.sub("_(.)", lambda found: found[1].upper(), name)


def pascal(name: str) -> str:
    """Give what a message or a service is called for a name."""
    return camel(f"_{name}")


def package_name(model: str, taken: Iterable[str]) -> str:
    """Name the package of a model's contracts, unlike those that are taken."""
    keys = set(map(_key, taken))
    candidates = _candidates(model, "model", 1, _NO_PACKAGE, Counter())
    return next(name for name in candidates if _key(name) not in keys)


class ValueNames:
    """The names of an enum's values, without its prefix.

    No two differ in underscores, case and what Java puts behind a value's name alone.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._keys = {_value_key(name) for name in (*names, "unspecified")}
        self._tried: Counter[str] = Counter()

    def add(self, label: str, number: int) -> str:
        """Name one more class, whose number this is."""
        spelled = snake(label) or f"class_{number}"
        name = next(n for n in _numbered(spelled, self._tried) if _value_key(n) not in self._keys)
        self._keys.add(_value_key(name))
        return name.upper()


class FieldNames:
    """The names of a message's fields, in the message and in JSON.

    No two differ in underscores, case and what languages put around a field's name alone, and
    none is another's JSON name.
    """

    def __init__(self, names: Iterable[str], json_names: Iterable[str]) -> None:
        self._names, self._json_names = set(names), set(json_names)
        self._keys = set(map(_field_key, self._names))
        self._tried: Counter[str] = Counter()

    def add(self, original: str, noun: str, number: int) -> tuple[str, str]:
        """Name one more field.

        Args:
            original: what it stands for.
            noun: what that is, a column say.
            number: the field's number.

        Returns: its name, and its JSON name, which is the original where protobuf allows it.
        """
        candidates = _candidates(original, noun, number, _UNREACHABLE, self._tried)
        name = next(filter(self._is_free, candidates))
        is_legal = self._is_json_name(original) and original != name
        json_name = original if is_legal else camel(name)
        self._keys.add(_field_key(name))
        self._names.add(name)
        self._json_names.add(json_name)
        return name, json_name

    def _is_free(self, name: str) -> bool:
        is_taken = _field_key(name) in self._keys
        return not is_taken and not {name, camel(name)} & self._json_names

    def _is_json_name(self, text: str) -> bool:
        is_extension = text.startswith("[") and text.endswith("]")
        is_taken = text in self._names or text in self._json_names
        return bool(text) and "\0" not in text and not is_extension and not is_taken


def _candidates(
    original: str, noun: str, number: int, avoided: set[str], tried: Counter[str]
) -> Iterator[str]:
    spelled = snake(original)
    if not spelled:
        spelled = f"{noun}_{number}"
    elif spelled[0].isdigit():
        spelled = f"{noun}_{spelled}"
    elif spelled in avoided:
        spelled = f"{spelled}_{noun}"
    return _numbered(spelled, tried)


def _numbered(name: str, tried: Counter[str]) -> Iterator[str]:
    """Give a name and, with numbers, more of it, but none that was tried before."""
    while True:
        tried[name] += 1
        yield name if tried[name] == 1 else f"{name}_{tried[name]}"


def _field_key(name: str) -> str:
    return _key(_AFFIXES.sub("", name))


def _value_key(name: str) -> str:
    return _key(_NUMBER.sub("", name.lower()))


def _key(name: str) -> str:
    return name.replace("_", "").lower()
