"""Servers of a store that others share: what is there is served, and goes on being served."""

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import learnwire_service as lw
import pytest
from learnwire_client import Client
from learnwire_service.common.settings import ServerSettings
from learnwire_service.hosting import fetching
from learnwire_service.store.blobs import Blobs
from learnwire_service.store.parcel import Parcel
from learnwire_service.store.remote import Remote
from learnwire_service.store.store import ModelStore
from learnwire_service.store.tag import Tag

from tests.conftest import Trained
from tests.end_to_end.test_cli import learnwire, learnwire_here
from tests.end_to_end.test_server import await_event, process
from tests.service import oms
from tests.service.hand_made import save


@pytest.fixture(scope="module")
def saved(penguins: Trained, tmp_path_factory: pytest.TempPathFactory) -> tuple[lw.Model, Path]:
    """A sealed version in a store of its own, and a remote store that has it."""
    folder = tmp_path_factory.mktemp("remote")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEARNWIRE_HOME", str(folder / "from"))
        model = lw.save_model("birds", penguins.learner, keep_learner=False)
        lw.push_model("birds", str(folder / "remote"))
        return model, folder / "remote"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing in the store of this machine, nor in its cache; and where that is."""
    monkeypatch.setenv("LEARNWIRE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LEARNWIRE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def push_newer(model: lw.Model, remote: str, home: Path) -> None:
    """Push the same model as a newer version."""
    store = ModelStore(home)
    update = {"version": "newer", "created": model.manifest.created + timedelta(days=1)}
    with store.saving(Tag("birds", "newer")) as directory:
        for name in model.manifest.files:
            shutil.copy(model.directory / name, directory)
        model.manifest.model_copy(update={**update, "contract": ""}).write(directory)
    Remote(remote, Blobs(0)).push(Parcel.of(store.find(Tag("birds"))))


def homes(cache: Path) -> list[Path]:
    return [path for path in (cache / "remote" / "homes").iterdir() if path.is_dir()]


def test_a_server_serves_what_a_remote_store_has_and_goes_on_when_that_is_gone(
    saved: tuple[lw.Model, Path], penguins: Trained, cache: Path, tmp_path: Path
) -> None:
    model, remote = saved
    own = shutil.copytree(remote, tmp_path / "remote")
    options = ("--remote", str(own), "--port", "0", "--workers", "2", "--watch")
    with process("birds", *options) as server:
        target = await_event(server, "serving")["target"]
        shutil.rmtree(own)
        with Client(target) as client:
            for item in penguins.items[:5]:
                assert client.predict("birds", item).label == penguins.predict(item)[0]
            assert client.model("birds").version == model.manifest.version
        assert len(homes(cache)) == 1
        server.terminate()
        assert server.wait(60) == 0
    assert homes(cache) == []
    assert not (tmp_path / "home").exists()


@pytest.mark.slow
def test_only_what_a_trusted_key_signed_is_served_where_keys_are_given(
    saved: tuple[lw.Model, Path], cache: Path, tmp_path: Path
) -> None:
    pytest.importorskip("OpenSSL", reason="the extra sign is not installed")
    model, remote = saved
    key = oms.new_key()
    (tmp_path / "key.pem").write_bytes(oms.private_pem(key))
    (tmp_path / "trusted.pem").write_bytes(oms.public_pem(key))
    own = shutil.copytree(remote, tmp_path / "remote")
    options = ("--remote", str(own), "--trusted-keys", str(tmp_path / "trusted.pem"))
    done = learnwire("serve", "birds", "--port", "0", *options)
    assert done.returncode == 1
    assert f"{model.tag} is not served: it is not signed" in done.stderr

    lw.pull_model("birds", str(own))
    assert learnwire_here("models", "sign", "birds", "--key", tmp_path / "key.pem").exit_code == 0
    lw.push_model("birds", str(own))
    with process("birds", "--port", "0", *options) as server:
        assert await_event(server, "serving")["models"] == [model.tag]


@pytest.mark.slow
def test_a_version_is_fetched_when_an_operator_loads_it(
    saved: tuple[lw.Model, Path], cache: Path, tmp_path: Path
) -> None:
    model, remote = saved
    own = str(shutil.copytree(remote, tmp_path / "remote"))
    with process("birds", "--remote", own, "--port", "0", "--workers", "2") as server:
        target = await_event(server, "serving")["target"]
        push_newer(model, own, tmp_path / "newer")
        done = learnwire_here("admin", "update", "birds", "--target", target)
        assert done.exit_code == 0, done.stderr
        with Client(target) as client:
            assert client.model("birds").version == "newer"
        done = learnwire_here("admin", "load", "birds:nothing", "--target", target)
        assert 'has no version "nothing"' in done.stderr


@pytest.mark.slow
def test_all_that_a_remote_store_has_is_served(saved: tuple[lw.Model, Path], cache: Path) -> None:
    model, remote = saved
    with process("--all", "--remote", str(remote), "--port", "0", "--workers", "1") as server:
        assert await_event(server, "serving")["models"] == [model.tag]


def test_what_a_remote_store_lacks_is_told_and_starts_nothing(
    saved: tuple[lw.Model, Path], cache: Path
) -> None:
    done = learnwire_here("serve", "bird", "--remote", saved[1])
    assert (done.exit_code, done.stderr) == (
        1,
        f'learnwire: there is no model "bird" in {saved[1]}, only birds; did you mean birds?\n',
    )
    done = learnwire_here("serve", "birds", LEARNWIRE_REMOTE="s3://user:secret@")
    assert done.exit_code == 1
    assert "secret" not in done.stderr


def test_a_version_that_is_not_sealed_comes_only_where_its_code_may_run(
    saved: tuple[lw.Model, Path], cache: Path, tmp_path: Path
) -> None:
    save(ModelStore(), "plain:aaa")
    lw.push_model("plain", str(tmp_path / "plain"))
    done = learnwire_here("serve", "plain", "--remote", tmp_path / "plain")
    assert done.exit_code == 1
    assert "plain:aaa in" in done.stderr
    assert "sealed versions only: seal it and push it again, or allow it: --allow" in done.stderr


def test_serving_says_who_fetches(saved: tuple[lw.Model, Path]) -> None:
    with pytest.raises(ValueError, match="pull_model"), lw.serving("birds", remote=str(saved[1])):
        pass


@pytest.mark.slow
def test_a_store_follows_the_remote_one(
    saved: tuple[lw.Model, Path], cache: Path, tmp_path: Path
) -> None:
    """A newer version comes, one that is gone goes, and an empty store is one that is away."""
    model, remote = saved
    own = str(shutil.copytree(remote, tmp_path / "remote"))
    options: dict[str, Any] = {"remote": own}
    settings = ServerSettings(**options)
    errand = fetching.errand(settings, tags=("birds",), follows=True)
    store = ModelStore(tmp_path / "home")
    fetching.run(fetching.errand(settings, tags=("birds",)), store.home)

    def there() -> list[str]:
        return [str(one.manifest.tag) for one in store.versions("birds")]

    assert there() == [model.tag]
    push_newer(model, own, tmp_path / "newer")
    fetching.run(errand, store.home)
    assert there() == ["birds:newer", model.tag]
    shutil.rmtree(Path(own, "birds", model.manifest.version))
    fetching.run(errand, store.home)
    assert there() == ["birds:newer"]
    shutil.rmtree(own)
    with pytest.raises(lw.RemoteFailed, match="is empty, or cannot be seen: what"):
        fetching.run(errand, store.home)
    assert there() == ["birds:newer"]
