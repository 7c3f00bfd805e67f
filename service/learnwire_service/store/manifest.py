"""The manifest: what the store knows of a version without unpickling anything."""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    JsonValue,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic import Tag as KindTag
from pydantic_core import PydanticSerializationError

from ..common.errors import CorruptModel
from ..signature.specs import Signature
from .tag import Tag

MANIFEST_FILE = "manifest.json"
# What signs the version, beside the files that it covers.
SIGNATURE_FILE = "model.sig"
# The label of what was sealed later, which names the version that it was made of.
SEALED_FROM = "sealed_from"
UNTOLD = "why is not told, since columns are private; the log says it at save and at load"


class File(BaseModel):
    """A file of the version: its SHA-256 in hex and its size in bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str
    size: int

    @classmethod
    def of(cls, path: Path) -> "File":
        """Describe a file on disk."""
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return cls(sha256=digest, size=path.stat().st_size)


def _plain(name: str) -> str:
    if (
        not name
        or "/" in name
        or "\\" in name
        or name in (".", "..", MANIFEST_FILE, SIGNATURE_FILE)
    ):
        raise ValueError(f"{name!r} is no name of a file in a version")
    return name


def _utc(moment: datetime) -> datetime:
    # Times without a zone do not compare with others, and those of far zones overflow.
    if moment.utcoffset() != timedelta(0):
        raise ValueError("expected a time of UTC")
    return moment


FileName = Annotated[str, AfterValidator(_plain)]
Moment = Annotated[datetime, AfterValidator(_utc)]


class Proof(BaseModel):
    """Where a sealed model proved to be exact.

    Attributes:
        machine: the processor and the release of ONNX Runtime.
        varies: why an answer's last bits depend on who shares its batch; empty where they do not.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    machine: str
    varies: str = ""


class Sealed(BaseModel):
    """What came of sealing a version.

    Attributes:
        plan: what runs its recipe; None where there is none.
        reason: why there is none; empty where there is.
        proof: where it was proven; None where there is no recipe.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    plan: str | None = None
    reason: str = ""
    proof: Proof | None = None


class Origin(BaseModel):
    """The version that a copy was made of.

    Attributes:
        tag: its full tag.
        sha256: of its manifest.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tag: str
    sha256: str


class BaseManifest(BaseModel):
    """What is known of any version, whatever was saved.

    Attributes:
        kind: what was saved; it decides on the rest.
        created: when it was saved, UTC.
        library_versions: of Python and the libraries at save, by name.
        verified: whether golden examples with answers are kept with it.
        files: the version's other files by name, but for what signs it.
        contract: the digest of the names and numbers that its contract has for it; empty where it
            has no contract, or was saved before that was noted.
        origin: the version that this is a sealed copy of; None where it is none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    kind: str
    name: str
    version: str
    created: Moment
    verified: bool
    labels: dict[str, str]
    metadata: dict[str, JsonValue]
    library_versions: dict[str, str]
    files: dict[FileName, File]
    contract: str = ""
    origin: Origin | None = None

    @property
    def tag(self) -> Tag:
        """The version's full tag."""
        return Tag(self.name, self.version)

    def as_bytes(self) -> bytes:
        """Give the manifest as it is written."""
        return (self.model_dump_json(indent=2) + "\n").encode()

    def write(self, directory: Path) -> None:
        """Write the manifest into `directory`."""
        (directory / MANIFEST_FILE).write_bytes(self.as_bytes())

    @property
    def public(self) -> Self:
        """The manifest without what its saver keeps private."""
        return self

    def check_files(self, directory: Path) -> None:
        """Compare the version's files in `directory` with their digests.

        Raises:
            CorruptModel: one is missing, differs, or is a symlink.
        """
        for name in self.files:
            self.check_file(name, directory)

    def check_file(self, name: str, directory: Path) -> None:
        """Compare one file of the version; see `check_files`."""
        if problem := _problem(directory / name, self.files[name]):
            raise CorruptModel(f"{self.tag}: the file {name} {problem}; save the model again")


def _problem(path: Path, wanted: File) -> str:
    if path.is_symlink():
        return "is a symlink"
    if not path.is_file():
        return "is missing"
    return "" if File.of(path) == wanted else "was altered"


class Manifest(BaseManifest):
    """What is known of a version of a Learner.

    Attributes:
        adapter: what stands between the Learner and the service: a built-in's name,
            or `package.module:Class`.
        oracle: the call whose answers its golden examples are; empty where none was noted.
        sealed: what came of sealing it; None where it was saved before that was tried.
    """

    kind: Literal["learner"] = "learner"
    signature: Signature
    adapter: str
    oracle: str = ""
    sealed: Sealed | None = None

    @model_validator(mode="before")
    @classmethod
    def _without_compiled(cls, data: Any) -> Any:
        """Pass over the networks that were kept before models were sealed."""
        if not isinstance(data, dict):
            return data
        return {name: value for name, value in data.items() if name != "compiled"}

    @property
    def public(self) -> Self:
        """See BaseManifest."""
        if not self.signature.is_private:
            return self
        update: dict[str, Any] = {"signature": self.signature.public}
        if self.sealed is not None and self.sealed.reason:
            # What a learner raised may quote what is private.
            update["sealed"] = self.sealed.model_copy(update={"reason": UNTOLD})
        return self.model_copy(update=update)

    @property
    def is_sealed(self) -> bool:
        """Whether a recipe answers, and not the Learner."""
        return self.sealed is not None and self.sealed.plan is not None


class TorchArray(BaseModel):
    """An array that a method takes or gives.

    Attributes:
        name: the method's parameter; empty where the method gives it.
        dtype: its element type, as numpy calls it.
        shape: its shape in the example, -1 along the dimension of batches.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = ""
    dtype: str
    shape: tuple[int, ...]


class TorchMethod(BaseModel):
    """A method of a module.

    Attributes:
        batchable: whether calls that wait at the same time are made as one.
        batch_dim: the dimension of all arrays along which they are put together.
        inputs: what it takes, in order; without types where it was saved without an example.
        outputs: what it gives; none where it was saved without an example.
        several: whether it gives a tuple, be it of one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    batchable: bool
    batch_dim: int
    inputs: tuple[TorchArray, ...]
    outputs: tuple[TorchArray, ...]
    several: bool


class TorchManifest(BaseManifest):
    """What is known of a version of a torch module.

    Attributes:
        factory: `package.module:function`, which makes the module that the weights are put in;
            None where the module was pickled, which runs code of the pickle when it is loaded.
        methods: its methods by name.
    """

    kind: Literal["torch"] = "torch"
    factory: str | None
    methods: dict[str, TorchMethod]


AnyManifest = Manifest | TorchManifest


def _kind(data: Any) -> Any:
    # What was written before there were several kinds is a Learner's.
    return data.get("kind", "learner") if isinstance(data, dict) else None


_READER: TypeAdapter[AnyManifest] = TypeAdapter(
    Annotated[
        Annotated[Manifest, KindTag("learner")] | Annotated[TorchManifest, KindTag("torch")],
        Discriminator(_kind),
    ]
)


def read_manifest(written: bytes, tag: Tag) -> AnyManifest:
    """Read a manifest in a store.

    Args:
        written: its bytes.
        tag: where it lies in the store, for errors.

    Raises:
        CorruptModel: it is no manifest that this release understands.
    """
    try:
        return parse_manifest(written)
    except ValueError as error:
        raise CorruptModel(
            f"the manifest of {tag} does not read ({error}); where it is of no newer release, "
            f"delete it: learnwire models delete {tag}"
        ) from error


def parse_manifest(written: bytes) -> AnyManifest:
    """Read a manifest, wherever it comes from.

    Raises:
        ValueError: it is no manifest that this release understands; the message says where.
    """
    try:
        return _READER.validate_json(written)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ValueError(f"{where or 'no JSON'}: {first['msg']}") from error


class Notes(BaseModel):
    """What a saver notes about a model: labels are strings, metadata JSON values."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    labels: dict[str, str]
    metadata: dict[str, JsonValue]

    @classmethod
    def of(cls, labels: Mapping[str, str] | None, metadata: Mapping[str, Any] | None) -> "Notes":
        """Check what was given.

        Raises:
            TypeError: a label is no string or a value no JSON; the message names it.
        """
        try:
            notes = cls(labels=dict(labels or {}), metadata=dict(metadata or {}))
            notes.model_dump_json()
        except (PydanticSerializationError, RecursionError) as error:
            raise TypeError(f"labels or metadata cannot be written as JSON: {error}") from error
        except ValidationError as error:
            where = ".".join(map(str, error.errors()[0]["loc"]))
            raise TypeError(
                f"{where}: labels hold only strings and metadata only JSON values"
            ) from error
        return notes
