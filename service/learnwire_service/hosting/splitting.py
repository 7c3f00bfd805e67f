"""What is checked at the start of the shares that versions of a model are to have."""

from collections.abc import Iterable, Sequence

from ..common.errors import SplitRefused
from ..common.logs import get_logger
from ..common.settings import ServerSettings
from ..common.shares import shares_text
from ..contracts.keeping import lock_of
from ..store.manifest import Manifest
from ..store.store import ModelStore
from ..store.tag import Tag, pick_version

# 100 %, as sums of binary fractions come to it.
_MOST = 1 + 1e-9

_log = get_logger()


def divided(settings: ServerSettings, served: Iterable[Manifest]) -> ServerSettings:
    """Give the settings, with the whole names of the versions that have shares.

    Args:
        settings: of the server.
        served: the versions that it is to serve.

    Raises:
        SplitRefused: calls cannot be divided so.
    """
    if not settings.shares:
        return settings
    newest_first = sorted(served, key=lambda one: one.created, reverse=True)
    whole = dict[str, float]()
    for tag, share in settings.shares.items():
        found = str(_meant(Tag.parse(tag), newest_first))
        if found in whole:
            raise SplitRefused(f"{found} has two shares")
        whole[found] = share
    for name in {tag.partition(":")[0] for tag in whole}:
        _check([one for one in newest_first if one.name == name], whole)
    _log.info("calls are divided", shares=shares_text(whole))
    return settings.model_copy(update={"split": shares_text(whole)})


def first_default(versions: Sequence[Manifest], settings: ServerSettings) -> Manifest:
    """Give the version of a model, of several newest first, that is its default at the start."""
    return next((one for one in versions if str(one.tag) not in settings.shares), versions[0])


def _meant(tag: Tag, served: Sequence[Manifest]) -> Tag:
    versions = [one.version for one in served if one.name == tag.name]
    if not versions:
        raise SplitRefused(f"{tag} has a share, and no version of {tag.name} is served")
    try:
        return Tag(tag.name, pick_version(tag, versions))
    except LookupError:
        there = ", ".join(f"{tag.name}:{version}" for version in sorted(versions))
        raise SplitRefused(
            f"{tag} has a share and is not served, only {there}; to serve it name it too, "
            f"as learnwire serve {tag.name}:{versions[0]} {tag}"
        ) from None


def _check(versions: Sequence[Manifest], shares: dict[str, float]) -> None:
    """Check the shares of one model's versions, which are newest first."""
    name = versions[0].name
    divided = [one for one in versions if str(one.tag) in shares]
    total = sum(shares[str(one.tag)] for one in divided)
    if total > _MOST:
        raise SplitRefused(f"the shares of {name} are {100 * total:.10g}% in all, more than 100%")
    rest = next((one for one in versions if one not in divided), None)
    if rest is None:
        raise SplitRefused(
            f"all versions of {name} that are served have a share: serve another one without, "
            "which answers the rest"
        )
    lock = lock_of(ModelStore(), name)
    contract = lock.major_of(rest.version).number
    for one in divided:
        if (other := lock.major_of(one.version).number) != contract:
            raise SplitRefused(
                f"{one.tag} has the contract v{other} and {rest.tag} v{contract}: calls that name "
                "no version cannot be divided between them, since they differ"
            )
