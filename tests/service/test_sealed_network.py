"""A sealed model's network: its file, its weights, and the machine's cache of them."""

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import psutil
import pytest
import torch
from learnwire_service.common.errors import CorruptModel
from learnwire_service.common.threads import cores
from learnwire_service.learners.onnx_export import write_onnx
from learnwire_service.sealed import prepacked
from learnwire_service.sealed.network import Network
from learnwire_service.sealed.prepacked import weights_file
from numpy.typing import NDArray
from torch import Tensor, nn

_Numbers = NDArray[np.float32]

_MAPS = Path("/proc/self/maps")
_EMPTY = onnx.helper.make_graph([], "empty", [], [])
_WIDTH = 1600  # of a square layer, whose weights then are some 10 MB


class Large(nn.Module):
    """A layer of 10 MB."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.layer = nn.Linear(_WIDTH, _WIDTH)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Give the layer's output."""
        [values] = inputs
        return (torch.relu(self.layer(values)),)


class Spectrum(nn.Module):
    """Takes logarithms, and the largest and smallest of them."""

    def __init__(self, pool: nn.Module) -> None:
        super().__init__()
        self.pool = pool

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Give them."""
        [values] = inputs
        logs = torch.log(values)
        return self.pool(logs), logs.amax(-1), logs.min(-1).values


class Harmless(nn.Module):
    """Takes the largest of what can be no NaN."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv1d(3, 4, 3), nn.ReLU(), nn.MaxPool1d(2))

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Give it."""
        return (self.layers(*inputs),)


class Inverse(nn.Module):
    """Takes what ONNX has no operator for."""

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Give it."""
        [values] = inputs
        return (torch.erfinv(values.tanh()),)


def test_large_weights_are_in_a_file_beside_the_network(path: Path) -> None:
    assert path.stat().st_size < 10_000
    assert weights_file(path).stat().st_size > 8 * 2**20
    assert _answer(Network(path)).shape == (3, _WIDTH)


def test_a_network_without_its_weights_is_refused(path: Path) -> None:
    weights_file(path).unlink()
    _refused(path, "network.onnx.data")


def test_weights_that_end_too_soon_are_refused(path: Path) -> None:
    os.truncate(weights_file(path), 1000)
    _refused(path, "network.onnx cannot be run")


def test_a_file_that_is_no_network_is_refused(path: Path) -> None:
    path.write_bytes(b"no network")
    _refused(path, "network.onnx cannot be run")


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"op_type": "Loop", "body": _EMPTY}, "Loop runs a graph of its own"),
        ({"op_type": "If", "then_branch": _EMPTY}, "If runs a graph of its own"),
        ({"op_type": "Relu", "anything": [_EMPTY]}, "Relu runs a graph of its own"),
        ({"op_type": "Gelu", "domain": "com.microsoft"}, "Gelu of com.microsoft is no operator"),
    ],
)
def test_what_no_sealer_writes_is_refused(
    path: Path, settings: dict[str, Any], problem: str
) -> None:
    model = onnx.load(path, load_external_data=False)
    model.graph.node.append(onnx.helper.make_node(inputs=[], outputs=["more"], **settings))
    path.write_bytes(model.SerializeToString())
    _refused(path, f"network.onnx cannot be run here: {problem}")


def test_a_network_with_functions_of_its_own_is_refused(path: Path) -> None:
    model = onnx.load(path, load_external_data=False)
    model.functions.add(name="Relu", domain="")
    path.write_bytes(model.SerializeToString())
    _refused(path, "network.onnx cannot be run here: it has functions of its own")


@pytest.mark.parametrize("location", ["../elsewhere", "{folder}/elsewhere", "link"])
def test_weights_outside_of_the_versions_folder_are_refused(
    path: Path, tmp_path: Path, location: str
) -> None:
    weights_file(path).rename(tmp_path / "elsewhere")
    (path.parent / "link").symlink_to(tmp_path / "elsewhere")
    model = onnx.load(path, load_external_data=False)
    for weight in model.graph.initializer:
        for entry in weight.external_data:
            if entry.key == "location":
                entry.value = location.format(folder=tmp_path)
    path.write_bytes(model.SerializeToString())
    _refused(path, "network.onnx cannot be run")


def test_a_large_network_comes_from_the_cache_with_the_same_bits(
    path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    networks = [Network(path) for _ in range(2)]
    [entry] = _entries(cache)
    assert _is_mapped(entry)
    first, second = map(_answer, networks)
    monkeypatch.setattr(prepacked, "_LEAST_BYTES", 2**40)
    plain = _answer(Network(path))
    assert first.tobytes() == second.tobytes() == plain.tobytes()


def test_the_cache_is_its_users_alone(path: Path, cache: Path) -> None:
    Network(path)
    assert stat.S_IMODE((cache / "networks").stat().st_mode) == 0o700


def test_a_small_network_is_not_cached(tmp_path: Path, cache: Path) -> None:
    path = tmp_path / "small.onnx"
    write_onnx(Spectrum(nn.MaxPool1d(2)), [_signals()], path)
    Network(path)
    assert not cache.exists()
    assert not weights_file(path).exists()


def test_another_network_of_the_same_name_is_another_entry(path: Path, cache: Path) -> None:
    before = _answer(Network(path))
    write_onnx(Large(seed=1).eval(), [_values()], path)
    after = _answer(Network(path))
    assert not np.array_equal(before, after)
    assert len(_entries(cache)) == 2


@pytest.mark.parametrize("name", ["network.onnx", "network.onnx.data"])
def test_a_broken_entry_is_passed_over_and_made_anew(path: Path, cache: Path, name: str) -> None:
    expected = _answer(Network(path))
    [entry] = _entries(cache)
    os.truncate(entry / name, 100)
    assert np.array_equal(_answer(Network(path)), expected)
    assert not entry.exists()
    again = Network(path)
    assert _is_mapped(entry)
    assert np.array_equal(_answer(again), expected)


def _file(folder: Path) -> None:
    folder.write_text("no folder")


def _open_to_all(folder: Path) -> None:
    (folder / "networks").mkdir(parents=True)
    (folder / "networks").chmod(0o777)


def _linked(folder: Path) -> None:
    (folder.parent / "theirs").mkdir(mode=0o700)
    folder.mkdir()
    (folder / "networks").symlink_to(folder.parent / "theirs")


def _in_a_folder_of_all(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o777)


def _anothers(folder: Path) -> None:
    (folder / "networks").mkdir(parents=True, mode=0o700)
    os.chown(folder / "networks", 65534, -1)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (_file, 0),
        (_open_to_all, 1),
        (_linked, 1),
        (_in_a_folder_of_all, 1),
        pytest.param(
            _anothers,
            1,
            marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away"),
        ),
    ],
)
def test_a_cache_that_cannot_be_used_is_done_without_and_told_once(
    path: Path,
    cache: Path,
    spoil: Callable[[Path], None],
    told: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    spoil(cache)
    for _ in range(2):
        assert _answer(Network(path)).shape == (3, _WIDTH)
    assert not list(cache.glob("networks/*"))
    assert caplog.text.count("the cache of networks is not used") == told


@pytest.mark.slow
def test_the_entry_that_was_not_used_for_longest_goes_first(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [_written(tmp_path / f"network_{seed}.onnx", seed) for seed in range(3)]
    Network(paths[0])
    size = sum(file.stat().st_size for file in _entries(cache)[0].iterdir())
    monkeypatch.setattr(prepacked, "_MOST_BYTES", int(2.5 * size))
    [first] = _entries(cache)
    used = Network(paths[1])
    [second] = set(_entries(cache)) - {first}
    os.utime(first, (1e9, 1e9))
    Network(paths[0])
    os.utime(second, (1e9, 1e9))
    Network(paths[2])
    assert len(_entries(cache)) == 2
    assert first in _entries(cache)
    assert _answer(used).shape == (3, _WIDTH)


@pytest.mark.parametrize(
    ("said", "threads"), [("1", 1), ("3", 3), ("2,1", 2), ("0", None), ("many", None), ("", None)]
)
def test_a_network_has_the_threads_that_the_environment_says(
    said: str, threads: int | None, monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", said)
    before = psutil.Process().num_threads()
    network = Network(path)
    assert psutil.Process().num_threads() - before == (threads or cores()) - 1
    assert _answer(network).shape == (3, _WIDTH)


@pytest.mark.parametrize(
    "pool", [nn.MaxPool1d(2), nn.MaxPool1d(3, 2, 1), nn.AdaptiveMaxPool1d(1), nn.Identity()]
)
def test_nan_is_carried_as_pytorch_carries_it(tmp_path: Path, pool: nn.Module) -> None:
    network, path = Spectrum(pool).eval(), tmp_path / "network.onnx"
    write_onnx(network, [_signals()], path)
    signals = _signals()
    signals[0, 1, 3] = -1
    signals[1, 0, 0] = 0
    signals[2, 2, 7] = np.nan
    got = Network(path)(signals)
    for ours, theirs in zip(got, network(torch.from_numpy(signals)), strict=True):
        np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-6)
    assert all(np.isnan(part).any() for part in got)


def test_a_network_that_makes_no_nan_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "network.onnx"
    write_onnx(Harmless().eval(), [_signals()], path)
    assert "IsNaN" not in {node.op_type for node in onnx.load(path).graph.node}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("LEARNWIRE_CACHE", str(folder))
    return folder


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("version")
    _written(folder / "network.onnx", 0)
    return folder


@pytest.fixture
def path(version: Path, tmp_path: Path, cache: Path) -> Path:
    return Path(shutil.copytree(version, tmp_path / "version"), "network.onnx")


def _written(path: Path, seed: int) -> Path:
    write_onnx(Large(seed).eval(), [_values()], path)
    return path


def _values() -> _Numbers:
    return np.random.default_rng(0).random((3, _WIDTH), np.float32)


def _signals() -> _Numbers:
    return np.random.default_rng(0).random((3, 3, 16), np.float32) + np.float32(0.1)


def _answer(network: Network) -> _Numbers:
    [answer] = network(_values())
    found: Any = answer
    return found  # type: ignore[no-any-return]


def _entries(cache: Path) -> list[Path]:
    return [entry for entry in (cache / "networks").iterdir() if entry.is_dir()]


def _is_mapped(entry: Path) -> bool:
    return not _MAPS.exists() or str(entry) in _MAPS.read_text()


def _refused(path: Path, message: str) -> None:
    with pytest.raises(CorruptModel, match=message):
        Network(path)


def test_an_operator_that_onnx_has_not_is_named(tmp_path: Path) -> None:
    numbers = np.zeros((3, 4), np.float32)
    with pytest.raises(ValueError, match=r"^its network does not export: .*erf_inv[^\x1b]*$"):
        write_onnx(Inverse(), [numbers], tmp_path / "network.onnx")
