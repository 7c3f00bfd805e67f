"""Settings of a bundle: the section `build` of learnwire.yaml."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from .secrecy import is_secret_name, secret_in, secret_of

# The type of an error whose value is not repeated.
SECRET = "secret"  # noqa: S105 - it is none
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
# As Kubernetes takes them, too.
_KEY = re.compile(r"([a-z0-9]([a-z0-9.-]{0,250}[a-z0-9])?/)?" + _NAME.pattern)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_USER = re.compile(r"[1-9][0-9]{0,8}(:[0-9]{1,9})?")
_SYSTEM_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.:~=-]+")
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@-]*")


def _secret(what: str) -> PydanticCustomError:
    """Give the error of a secret, which does not tell it."""
    return PydanticCustomError(
        SECRET,
        "{what}, which all who have the bundle would read: set it where the bundle is served",
        {"what": what},
    )


def _line(text: str) -> str:
    if secret := secret_in(text):
        raise _secret(f"there is {secret} in it")
    if not text.isprintable():
        raise ValueError("expected one line of printable characters")
    return text


def _word(text: str) -> str:
    if not text.strip():
        raise ValueError("expected a text, and it is empty")
    return _line(text)


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError("expected letters, digits, and _ . - between them")
    return text


def _key(text: str) -> str:
    if not _KEY.fullmatch(text):
        raise ValueError(
            "expected a label's name: letters, digits, and _ . - between them, maybe behind a "
            "domain and a slash"
        )
    return text


def _variable(name: str) -> str:
    if not _VARIABLE.fullmatch(name):
        raise ValueError("expected letters, digits and _ as a variable's name")
    if name.upper().startswith("LEARNWIRE_"):
        raise ValueError("Learnwire's own settings belong to the section serve")
    if is_secret_name(name):
        raise _secret("this looks like a secret")
    return name


def _command(words: tuple[str, ...]) -> tuple[str, ...]:
    if name := secret_of(words):
        raise _secret(f"{name} looks like a secret")
    return words


def _package(text: str) -> str:
    if text.strip().startswith("-"):
        raise ValueError("expected a package, and this is an option of pip")
    return _word(text)


def _index(url: str) -> str:
    if not url.startswith(("https://", "http://", "file://")):
        raise ValueError("expected an address that begins with https://")
    return _address(url)


def _address(text: str) -> str:
    # Tokens stand there as users do.
    if "@" in text.partition("://")[2].partition("/")[0] or secret_in(text):
        raise PydanticCustomError(
            SECRET, "keep the password out of the bundle: pip and conda read it from .netrc"
        )
    return _word(text)


def _user(user: str) -> str:
    if not _USER.fullmatch(user):
        raise ValueError("expected the number of a user who is not root, such as 10001")
    return user


def _system_package(name: str) -> str:
    if not _SYSTEM_PACKAGE.fullmatch(name):
        raise ValueError("expected the name of a Debian package")
    return name


def _image(name: str) -> str:
    if not _IMAGE.fullmatch(name):
        raise ValueError("expected the name of an image, such as python:3.11-slim-bookworm")
    return name


Line = Annotated[str, AfterValidator(_line)]
Word = Annotated[str, AfterValidator(_word)]
Address = Annotated[str, AfterValidator(_address)]
Variable = Annotated[str, AfterValidator(_variable)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PythonSettings(_Strict):
    """Which packages the code needs besides Learnwire, as pip takes them.

    Attributes:
        packages: such as `pandas>=2`.
        requirements: a file of more, in the project's folder.
        index_urls: of indexes beside pip's own, such as that of PyTorch for CPUs.
    """

    packages: tuple[Annotated[str, AfterValidator(_package)], ...] = ()
    requirements: Word | None = None
    index_urls: tuple[Annotated[str, AfterValidator(_index)], ...] = ()


class CondaSettings(_Strict):
    """Which packages come from conda; those of Learnwire, and of `python`, still come by pip.

    Attributes:
        channels: where they are looked for, first one first.
        dependencies: such as `libgdal=3.9`.
    """

    channels: tuple[Address, ...] = ("conda-forge",)
    dependencies: tuple[Address, ...] = ()


class DockerSettings(_Strict):
    """What the image stands on.

    Attributes:
        base: an image of Debian with this Python; None: the official slim one.
        system_packages: of Debian, that the code needs.
        user: who runs it: a number, or two, of user and group.
    """

    base: Annotated[str, AfterValidator(_image)] | None = None
    system_packages: tuple[Annotated[str, AfterValidator(_system_package)], ...] = ()
    user: Annotated[str, AfterValidator(_user)] = "10001"


class BuildSettings(_Strict):
    """What a bundle has beside what is served.

    Attributes:
        name: of the bundle and its image; empty: that of the service, or of the first model.
        description: a line for people.
        labels: to find it by.
        include: which files of the project's folder travel, as .gitignore writes patterns; None:
            those of the services and what they import of the folder.
        exclude: which of them do not.
        models: which models the code gets, beside those of its runners.
        python: packages of Python.
        conda: packages of conda.
        environment: variables that it is served with, unless they are set there.
        command: what the image runs, in place of `learnwire serve`.
        docker: what the image stands on.
    """

    name: Annotated[str, AfterValidator(_name)] | None = None
    description: Line = ""
    labels: dict[Annotated[str, AfterValidator(_key)], Line] = Field(default_factory=dict)
    include: tuple[Word, ...] | None = None
    exclude: tuple[Word, ...] = ()
    models: tuple[Word, ...] = ()
    python: PythonSettings = PythonSettings()
    conda: CondaSettings | None = None
    environment: dict[Variable, Line] = Field(default_factory=dict)
    command: Annotated[tuple[Word, ...], AfterValidator(_command)] = ()
    docker: DockerSettings = DockerSettings()

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, data: object) -> object:
        """Take what is named and left empty for what is not said."""
        if not isinstance(data, dict):
            return data
        return {name: value for name, value in data.items() if value is not None}
