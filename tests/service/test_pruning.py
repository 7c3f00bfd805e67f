"""Old versions go when they are told to, and nothing that is needed."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import learnwire_service as lw
import pytest
from learnwire_service.common.errors import ModelNotFound
from learnwire_service.models.pruning import old_versions, prune
from learnwire_service.store.in_use import Use, unused
from learnwire_service.store.manifest import SEALED_FROM, Origin
from learnwire_service.store.store import ModelStore
from learnwire_service.store.tag import Tag

from tests.end_to_end.test_cli import learnwire_here

from .hand_made import created, save


@pytest.fixture
def store(own_home: Path) -> ModelStore:
    """Five versions of `m`, e the newest, each ten days older than the next; one of `n`."""
    store = ModelStore()
    for i, version in enumerate("abcde"):
        save(store, f"m:{version}", 10 * (4 - i))
    save(store, "n:a", 1000)
    return store


def there() -> list[str]:
    return [model.tag for model in lw.list_models()]


def alter(tag: str, **update: object) -> None:
    version = ModelStore().find(Tag.parse(tag))
    version.manifest.model_copy(update=update).write(version.directory)


@pytest.mark.usefixtures("store")
def test_it_only_tells_until_it_is_told_to_delete() -> None:
    before = there()
    done = learnwire_here("models", "prune", "--keep", "2")
    assert done.exit_code == 0, done.stderr
    assert [line.split(",")[0] for line in done.stdout.splitlines()[:3]] == [
        f"delete  m:{version}" for version in "cba"
    ]
    assert done.stdout.splitlines()[-1].startswith("could go: 3, which frees ")
    assert done.stdout.splitlines()[-1].endswith("; --yes deletes them")
    assert there() == before
    done = learnwire_here("models", "prune", "--keep", "2", "--yes")
    assert "deleted  m:a" in done.stdout
    assert "are free" in done.stdout
    assert there() == ["m:e", "m:d", "n:a"]
    done = learnwire_here("models", "prune", "--keep", "2")
    assert done.stdout == "could go: 0, which frees 0 B\n"


@pytest.mark.usefixtures("store")
def test_of_the_old_the_newest_stays() -> None:
    old = old_versions("n", older_than=timedelta(days=30))
    assert old == []
    done = learnwire_here("models", "prune", "--older-than", "2w", "--keep", "1")
    assert "m:e" not in done.stdout
    assert "n:a" not in done.stdout


def test_both_have_to_say_that_it_is_old(store: ModelStore) -> None:
    days = (datetime.now(UTC) - created(0)).days
    # c is the youngest that is twenty days older than e.
    old = old_versions("m", keep=1, older_than=timedelta(days=days + 15))
    assert [one.tag for one in old] == ["m:c", "m:b", "m:a"]
    old = old_versions("m", keep=4, older_than=timedelta(days=days + 15))
    assert [one.tag for one in old] == ["m:a"]


def test_what_a_version_that_stays_was_made_of_stays_too(store: ModelStore) -> None:
    alter("m:e", origin=Origin(tag="m:b", sha256="0" * 64))
    alter("m:b", labels={SEALED_FROM: "m:a"})
    alter("m:c", labels={SEALED_FROM: "m:d"})
    old = {one.tag: one.stays for one in old_versions("m", keep=1)}
    assert old == {
        "m:d": "",
        "m:c": "",
        "m:b": "m:e was made of it",
        "m:a": "m:b was made of it",
    }


@pytest.mark.usefixtures("store")
def test_what_a_settings_file_names_stays(tmp_path: Path) -> None:
    (tmp_path / "learnwire.yaml").write_text(
        "models:\n  none:\n  m:\nserve:\n  split: m:b=5%\nbuild:\n  models: [m:a]\n"
    )
    done = learnwire_here(
        "models", "prune", "m", "--keep", "3", "--config", tmp_path / "learnwire.yaml"
    )
    assert "keep    m:b: the settings name m:b" in done.stdout
    assert "keep    m:a: the settings name m:a" in done.stdout
    (tmp_path / "learnwire.yaml").write_text("models:\n  m:b:\n")
    done = learnwire_here(
        "models", "prune", "m", "--keep", "3", "--config", tmp_path / "learnwire.yaml"
    )
    assert "keep    m:b: the settings name m:b" in done.stdout
    assert "delete  m:a" in done.stdout


def test_what_a_server_serves_stays_until_it_ends(saved_shop: lw.Model) -> None:
    for version in ("later", "latest-one"):
        save(ModelStore(), f"shop:{version}", -1000)
    with lw.serving(saved_shop.tag):
        [found] = [one for one in old_versions("shop", keep=1) if one.tag == saved_shop.tag]
        assert found.stays == "a server serves it"
    [found] = [one for one in old_versions("shop", keep=1) if one.tag == saved_shop.tag]
    assert found.stays == ""
    # It comes into use after it was looked at.
    with lw.serving(saved_shop.tag):
        assert [one.tag for one in prune([found])] == []
    assert [one.tag for one in prune([found, found])] == [saved_shop.tag]


def test_who_begins_to_use_a_version_that_is_looked_at_is_seen_afterwards(
    store: ModelStore,
) -> None:
    directory = store.find(Tag("m", "a")).directory
    use = Use(directory)
    with ThreadPoolExecutor() as pool:
        with unused(directory) as is_free:
            assert is_free
            begun = pool.submit(use.begin)
        begun.result()
    with unused(directory) as is_free:
        assert not is_free
    use.end()


def test_what_another_deleted_takes_no_version_along_that_is_called_alike(
    store: ModelStore,
) -> None:
    save(store, "m:a2")
    store.remove(Tag("m", "a"))
    with pytest.raises(ModelNotFound, match="m:a has just been deleted by another"):
        store.remove(Tag("m", "a"))
    assert "m:a2" in there()


@pytest.mark.usefixtures("store")
def test_nothing_is_older_than_time() -> None:
    done = learnwire_here("models", "prune", "--older-than", "999999w")
    assert done.stdout == "could go: 0, which frees 0 B\n"


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "say what is old: --keep 3, --older-than 30d, or both"),
        (["--older-than", "soon"], "expected a number of hours, days or weeks, as 30d, got 'soon'"),
        (["--keep", "0"], "'--keep'"),
        (["none", "--keep", "1"], 'there is no model "none"'),
    ],
)
def test_what_is_not_understood_is_told_and_deletes_nothing(
    arguments: list[str], sentence: str
) -> None:
    before = there()
    done = learnwire_here("models", "prune", *arguments, "--yes")
    assert done.exit_code != 0
    assert sentence in " ".join(done.stderr.split())
    assert there() == before
