"""A process of its own that brings a server's models from a remote store into the server's store.

So a server holds nothing of what speaks to the remote store, and ends what hangs. It is told one
line, and answers with one; it ends when whoever told it does.
"""

import os
import sys
from collections.abc import Sequence
from threading import Thread

from pydantic import BaseModel

from ..common import logs
from ..common.errors import InvalidTag, LearnwireError, ModelNotFound, NotServable, RemoteFailed
from ..common.extras import needed_for
from ..common.logs import LogFormat, LogLevel
from ..models.sharing import received
from ..store.blobs import Blobs
from ..store.manifest import AnyManifest, Manifest
from ..store.parcel import Parcel
from ..store.remote import Remote
from ..store.store import ModelStore
from ..store.tag import Tag

# Of a model that is followed, so many versions stay.
_KEPT = 3


class Errand(BaseModel, frozen=True):
    """What is to be fetched.

    Attributes:
        remote: the remote store's address.
        cache_bytes: see `Blobs`.
        allow_unpickling: whether also versions come that are not sealed.
        tags: what is to come, as `get` takes it.
        everything: whether the newest version of each model is to come besides.
        follows: whether versions of these models that are gone from there, or have become old,
            are to go here too.
        kept: versions that stay though they are old.
        log_format: as `logs.configure` takes it.
        log_level: as `logs.configure` takes it.
    """

    remote: str
    cache_bytes: int
    allow_unpickling: bool
    tags: tuple[str, ...] = ()
    everything: bool = False
    follows: bool = False
    kept: tuple[str, ...] = ()
    log_format: LogFormat = "auto"
    log_level: LogLevel = "info"


class Result(BaseModel, frozen=True):
    """What came of it.

    Attributes:
        problem: why not all is here; "" where it is.
        lacking: why the remote store has no such model, by what was asked for.
    """

    problem: str = ""
    lacking: dict[str, str] = {}


def main() -> int:
    """Do what the line on stdin says, and write on stdout what came of it."""
    errand = Errand.model_validate_json(sys.stdin.buffer.readline())
    Thread(target=_end_with_caller, daemon=True).start()
    logs.configure(errand.log_format, errand.log_level)
    try:
        result = _done(errand)
    except LearnwireError as error:
        result = Result(problem=str(error))
    except ModuleNotFoundError as error:
        if not (problem := needed_for(error)):
            raise
        result = Result(problem=problem)
    except KeyboardInterrupt:
        return 1
    sys.stdout.write(result.model_dump_json() + "\n")
    sys.stdout.flush()
    # What hangs would be waited for.
    os._exit(0)


def _end_with_caller() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


def _done(errand: Errand) -> Result:
    blobs = Blobs(errand.cache_bytes)
    remote = Remote(errand.remote, blobs)
    names = _names(remote, errand)
    lacking = dict[str, str]()
    for one in dict.fromkeys((*errand.tags, *names)):
        try:
            parcel = remote.find(Tag.parse(one))
        except (ModelNotFound, InvalidTag) as error:
            lacking[one] = str(error)
            continue
        _check_sealed(remote, parcel, errand)
        received(remote, parcel, blobs)
    if errand.follows:
        _forget(remote, None if errand.everything else errand.tags, errand.kept)
    return Result(lacking=lacking)


def _names(remote: Remote, errand: Errand) -> list[str]:
    """Give the models that come without being named.

    Raises:
        RemoteFailed: there is none, where there have been some.
    """
    names = remote.names() if errand.everything or errand.follows else []
    if errand.follows and not names:
        raise RemoteFailed(f"{remote} is empty, or cannot be seen: what was there is kept")
    return names if errand.everything else []


def _check_sealed(remote: Remote, parcel: Parcel, errand: Errand) -> None:
    """Refuse what runs code of its own, before it comes.

    Raises:
        NotServable: it would, and that is not allowed.
    """
    if errand.allow_unpickling or _is_sealed(parcel.manifest):
        return
    raise NotServable(
        f"{parcel.tag} in {remote} is not sealed, so loading it would run code that comes with it, "
        "and --remote serves sealed versions only: seal it and push it again, or allow it: "
        "--allow-unpickling"
    )


def _is_sealed(manifest: AnyManifest) -> bool:
    return isinstance(manifest, Manifest) and manifest.is_sealed


def _forget(remote: Remote, names: Sequence[str] | None, kept: Sequence[str]) -> None:
    """Remove here what is gone from there, and what is old."""
    store = ModelStore()
    for name in store.names():
        if names is not None and name not in names:
            continue
        there = {str(one.tag) for one in remote.readable(name)[0]}
        for number, version in enumerate(store.readable(name)[0]):
            tag = version.manifest.tag
            if str(tag) not in there or (number >= _KEPT and str(tag) not in kept):
                store.remove(tag)


if __name__ == "__main__":
    raise SystemExit(main())
