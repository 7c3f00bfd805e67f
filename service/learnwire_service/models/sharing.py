"""Saved versions in a store that others share: pushed there, pulled from there."""

from ..common.logs import get_logger
from ..common.moving import moving
from ..store.blobs import Blobs
from ..store.manifest import AnyManifest
from ..store.parcel import Parcel
from ..store.remote import Remote
from ..store.store import ModelStore
from ..store.tag import Tag
from ..torch_models.model import TorchModel
from .model import Model, get
from .travel import incoming, outgoing

# Of the files that were fetched, how many bytes are kept.
CACHE_BYTES = 10 * 2**30

_log = get_logger()


def push_model(tag: str, remote: str, *, sealed: bool = False) -> str:
    """Put a saved version into a remote store, whole or not at all.

    Usage: `push_model("penguins", "s3://bucket/models")`

    Where a push broke off, the next one sends what is missing.

    Args:
        tag: the version's.
        remote: the store's address; see docs/travel.md.
        sealed: whether pickles are left out; see `export_model`.

    Returns: the tag of the version that is there now.

    Raises:
        ModelNotFound: there is none.
        InvalidTag: the tag is malformed, or the prefix fits several versions.
        NotServable: it is not sealed, and its Learner was to be left out.
        CorruptModel: a file of the version is missing or was altered.
        VersionExists: there is another version of that tag, or another pusher was first.
        RemoteFailed: the store cannot be reached, or refuses.
    """
    parcel = outgoing(tag, sealed=sealed)
    with moving(f"pushing {parcel.tag}", parcel.size) as told:
        Remote(remote, Blobs(CACHE_BYTES)).push(parcel, told)
    return str(parcel.tag)


def pull_model(tag: str, remote: str, *, cache_bytes: int = CACHE_BYTES) -> Model | TorchModel:
    """Bring a version of a remote store into the store of this machine, whole or not at all.

    Usage: `pull_model("penguins", "s3://bucket/models").tag`

    Nothing is unpickled. Where a pull broke off, the next one fetches what is missing. The version
    does not count as the user's own; see `import_model`.

    Args:
        tag: the version's, as in a store of this machine.
        remote: the store's address; see docs/travel.md.
        cache_bytes: how many bytes of files that were fetched are kept.

    Raises:
        ModelNotFound: there is none.
        InvalidTag: the tag is malformed, or the prefix fits several versions.
        CorruptModel: it is not as it was pushed.
        VersionExists: another version of that tag is here already.
        ContractClash: its contract contradicts the one of the model here.
        RemoteFailed: the store cannot be reached, or refuses.
        StoreFailed: the disk has no room, or refuses it.
    """
    blobs = Blobs(cache_bytes)
    store = Remote(remote, blobs)
    return received(store, store.find(Tag.parse(tag)), blobs)


def list_remote(remote: str, name: str | None = None) -> list[AnyManifest]:
    """List the versions of one model of a remote store, or of all, by name and newest first.

    What does not read is left out, and told in the log.

    Raises:
        ModelNotFound: there is none of that name.
        RemoteFailed: the store cannot be reached, or refuses.
    """
    store = Remote(remote, Blobs(CACHE_BYTES))
    listed: list[AnyManifest] = []
    for one in store.names() if name is None else [Tag.parse(name).name]:
        versions, broken = store.readable(one)
        listed += versions
        for error in broken:
            _log.warning(f"left out: {error}")
    if name is not None and not listed:
        raise store.lacks(name)
    return listed


def received(remote: Remote, parcel: Parcel, blobs: Blobs) -> Model | TorchModel:
    """Bring a version that was found in a remote store into that of this machine."""
    if is_here(parcel):
        model: Model | TorchModel = get(str(parcel.tag))
        return model
    with moving(f"pulling {parcel.tag}", parcel.size) as told:
        remote.fetch(parcel, told)
    model = incoming(parcel)
    blobs.trim()
    return model


def is_here(parcel: Parcel) -> bool:
    """Tell whether just that version is in the store of this machine."""
    there = ModelStore().exact(parcel.tag)
    return there is not None and there.written == parcel.written
