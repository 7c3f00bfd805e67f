"""The settings file, learnwire.yaml: what it says of a server, of its models, and of a bundle."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from .build_settings import SECRET, BuildSettings
from .errors import BadFile, LearnwireError
from .model_settings import OwnSettings
from .settings import FLAGS
from .spelling import meant

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from .document import Document

FILE = "learnwire.yaml"
# The variable of the environment that names another one.
VARIABLE = "LEARNWIRE_CONFIG"

_MOST_FAULTS, _MOST_SHOWN = 10, 60
_PASSWORD = re.compile(r"//[^/@]+@")

_BUILD_EXAMPLES = {
    "labels": "owner: films",
    "environment": "OMP_NUM_THREADS: 1",
    "python": "packages: [pandas>=2]",
    "conda": "dependencies: [libgdal=3.9]",
    "docker": "user: 10001",
}
_NOTHING = OwnSettings.model_validate({})
_STRICT = ConfigDict(extra="forbid")
_fields: Any = {name: (one.annotation, one) for name, one in FLAGS.items()}
# What flags may complete is checked where they have.
_Serve = create_model("Serve", __config__=_STRICT, **_fields)


class _Sections(BaseModel):
    model_config = _STRICT

    serve: _Serve | None = None  # type: ignore[valid-type]  # made above
    models: dict[str, OwnSettings | None] | None = None
    build: BuildSettings | None = None


@dataclass(frozen=True)
class SettingsFile:
    """What a settings file says.

    Attributes:
        serve: settings of the server, by their names.
        models: what is to be served, and what each model's own settings are.
        build: what a bundle has besides.
    """

    serve: Mapping[str, Any] = field(default_factory=dict)
    models: Mapping[str, OwnSettings] = field(default_factory=dict)
    build: BuildSettings = field(default_factory=BuildSettings)
    _document: "Document | None" = None

    @classmethod
    def find(cls, path: Path | None = None) -> "SettingsFile":
        """Read a file; without a path learnwire.yaml of the working directory, if it is there.

        Raises:
            BadFile: it does not read, or says what is no setting; with the lines.
        """
        if path is None and not Path(FILE).exists():
            return cls()
        # Servers without a file do without YAML.
        from .document import Document

        return cls.of(Document.read(path or Path(FILE)))

    @classmethod
    def of(cls, document: "Document") -> "SettingsFile":
        """Read what a document says; see `find`."""
        try:
            said = _Sections.model_validate(document.values or {})
        except ValidationError as error:
            raise BadFile("\n".join(_faults(document, error.errors()))) from None
        return cls(
            serve=said.serve.model_dump(exclude_unset=True) if said.serve else {},
            models={name: own or _NOTHING for name, own in (said.models or {}).items()},
            build=said.build or BuildSettings(),
            _document=document,
        )

    @property
    def name(self) -> str:
        """What messages call it; "" where there is none."""
        return self._document.file if self._document else ""

    @contextmanager
    def blamed_for(self, *steps: str | int) -> Iterator[None]:
        """Tell the line of what some keys lead to in front of what is raised inside.

        Raises:
            BadFile: something was.
        """
        try:
            yield
        except LearnwireError as error:
            if self._document is None or steps not in self._document.lines:
                raise
            raise BadFile(f"{self.name}:{self._document.line(steps)}: {error}") from error


def _faults(document: "Document", errors: "Iterable[ErrorDetails]") -> list[str]:
    """Tell what is wrong in the first of the lines where something is."""
    by_line = sorted((document.line(one["loc"]), number, one) for number, one in enumerate(errors))
    first = by_line[:_MOST_FAULTS]
    return [f"{document.file}:{line}: {_problem(error)}" for line, _, error in first]


def _problem(error: "ErrorDetails") -> str:
    # A wrong key of a dict has a step that is none.
    steps = tuple(one for one in error["loc"] if one != "[key]")
    *above, name = steps or ("",)
    path = ".".join(map(str, steps))
    given = _PASSWORD.sub("//...@", repr(error["input"]))
    if len(given) > _MOST_SHOWN:
        given = f"{given[:_MOST_SHOWN]}..."
    match error["type"]:
        case "extra_forbidden":
            kind = "setting" if above else "section"
            return f"{path} is not a {kind}{_instead(above, str(name))}"
        case "model_type" | "model_attributes_type" | "dict_type":
            return f"{path or 'the file'}: expected {_expected(steps)}, got {given}"
        case _ if error["type"] == SECRET:
            return f"{path}: {error['msg']}"
        case "tuple_type":
            return f"{path}: expected a list, as [one, another], got {given}"
        case _:
            return f"{path}: {error['msg'].removeprefix('Value error, ')}, got {given}"


def _names(above: list[str | int]) -> list[str]:
    """Give the names that there are below some keys."""
    holder: type[BaseModel] = _Sections
    for step in above:
        if found := holder.model_fields.get(str(step)):
            holder = next(_models_of(found.annotation), holder)
    return list(holder.model_fields)


def _models_of(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_of(part)


def _instead(above: list[str | int], name: str) -> str:
    """Say what there is instead of a name."""
    names = _names(above)
    if not above and (known := name.replace("-", "_")) in FLAGS:
        return f"; did you mean serve.{known}?"
    return meant(name, names) or f"; there are {', '.join(names)}"


def _expected(steps: tuple[str | int, ...]) -> str:
    match steps:
        case ():
            *most, last = _Sections.model_fields
            return f"sections, {', '.join(most)} and {last}"
        case ("models",):
            return "a line for each model, as penguins:"
        case ("build", *_):
            return f"keys and what they are: {_BUILD_EXAMPLES.get(str(steps[-1]), 'name: films')}"
        case _:
            return "settings, as max_wait: 2"
