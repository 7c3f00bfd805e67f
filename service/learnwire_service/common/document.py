"""A document of YAML: plain texts by keys, and the line of each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import yaml  # type: ignore[import-untyped]

from .errors import BadFile

# Settings take a few levels, and a few kilobytes.
_MOST_BYTES = 256 * 1024
_MOST_LEVELS = 8
_NULLS = {"", "~", "null", "Null", "NULL"}

# The keys and places that lead to a value.
Steps = tuple[str | int, ...]


@dataclass(frozen=True)
class Document:
    """What a file of YAML says.

    Scalars stay texts, as flags are, whatever YAML makes of them: `no` is no false, and 1.10 no
    number.

    Attributes:
        file: what messages call it.
        values: dicts, lists, texts, and None where nothing is said.
        lines: where each value begins, by the steps that lead to it; from 1.
    """

    file: str
    values: Any
    lines: Mapping[Steps, int]

    @classmethod
    def read(cls, path: Path) -> "Document":
        """Read a file.

        Raises:
            BadFile: it is not there, or no YAML of one document; or it is too long, or has what
                settings do not need: tags, anchors, aliases, a key twice.
        """
        builder = _Builder(str(path))
        text = builder.decoded(_read(path))
        values = builder.document(text)
        return cls(str(path), values, builder.lines)

    def line(self, steps: Steps) -> int:
        """Give the line of the value that some steps lead to, or of the nearest above."""
        while steps and steps not in self.lines:
            steps = steps[:-1]
        return self.lines.get(steps, 1)


def _read(path: Path) -> bytes:
    try:
        if path.exists() and not path.is_file():
            raise BadFile(f"{path}: expected a file, and it is none")
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except BadFile:
        raise
    except OSError as error:
        raise BadFile(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > _MOST_BYTES:
        raise BadFile(f"{path}: expected {_MOST_BYTES // 1024} KiB at most, and it has more")
    return data


@dataclass
class _Builder:
    """Makes values of what a parser of YAML finds."""

    file: str
    lines: dict[Steps, int] = field(default_factory=dict)

    def decoded(self, data: bytes) -> str:
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data[: error.start].count(b"\n") + 1
            raise BadFile(f"{self.file}:{line}: expected UTF-8, and a byte is none") from None

    def document(self, text: str) -> Any:
        try:
            return self._document(yaml.parse(text, yaml.SafeLoader))
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            self._refuse(mark, _plainly(error.problem or error.context or "this is no YAML"))
        except yaml.reader.ReaderError as error:
            line = text[: error.position].count("\n") + 1
            raise BadFile(
                f"{self.file}:{line}: the character U+{error.character:04X} is not taken"
            ) from None

    def _document(self, events: Iterator[Any]) -> Any:
        values = None
        for number, event in enumerate(events):
            if isinstance(event, yaml.DocumentStartEvent):
                if number > 1:
                    self._refuse(event.start_mark, "expected one document, and another begins")
                values = self._value(next(events), events, ())
        return values

    def _value(self, event: Any, events: Iterator[Any], steps: Steps) -> Any:
        self.lines.setdefault(steps, event.start_mark.line + 1)
        self._check(event, steps)
        if isinstance(event, yaml.ScalarEvent):
            return _text(event)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(events, steps)
        return self._mapping(events, steps)

    def _sequence(self, events: Iterator[Any], steps: Steps) -> list[Any]:
        values: list[Any] = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            values.append(self._value(event, events, (*steps, len(values))))
        return values

    def _mapping(self, events: Iterator[Any], steps: Steps) -> dict[str, Any]:
        values: dict[str, Any] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            self._check(event, steps)
            key = _text(event) if isinstance(event, yaml.ScalarEvent) else None
            if key is None:
                self._refuse(event.start_mark, "expected a name in front of the colon")
            there = (*steps, key)
            if key in values:
                problem = f"{'.'.join(map(str, there))} is there twice, first in line"
                self._refuse(event.start_mark, f"{problem} {self.lines[there]}")
            # That of the key: its value may begin in the next line.
            self.lines[there] = event.start_mark.line + 1
            values[key] = self._value(next(events), events, there)
        return values

    def _check(self, event: Any, steps: Steps) -> None:
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            self._refuse(event.start_mark, "anchors and aliases, & and *, are not taken")
        if event.tag is not None:
            self._refuse(event.start_mark, "tags, as !!str, are not taken")
        if len(steps) > _MOST_LEVELS:
            self._refuse(event.start_mark, "this is nested too deep")

    def _refuse(self, mark: Any, problem: str) -> NoReturn:
        line = f":{mark.line + 1}" if mark else ""
        raise BadFile(f"{self.file}{line}: {problem}") from None


def _text(event: Any) -> str | None:
    """Give the text of a scalar; None where nothing is written, or null."""
    is_plain: bool = event.implicit[0]
    text: str = event.value
    return None if is_plain and text in _NULLS else text


def _plainly(problem: str) -> str:
    return "a tab is not taken here: indent with spaces" if "'\\t'" in problem else problem
