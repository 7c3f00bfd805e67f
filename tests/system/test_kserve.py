"""The server as KServe starts it: the command of our ServingRuntime, as another user, on what was
downloaded for it, which nobody may write to.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import learnwire_service as lw
import pytest
import yaml  # type: ignore[import-untyped, unused-ignore]
from learnwire_client import ChannelOptions, Client
from learnwire_service.rpc.probe import health_of

from tests.conftest import Trained
from tests.end_to_end.test_server import await_event
from tests.end_to_end.web import free_port

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]
GIVEN = ROOT / "examples" / "kserve"
RUNTIME: dict[str, Any] = yaml.safe_load((GIVEN / "runtime.yaml").read_text())["spec"]
SERVICE: dict[str, Any] = yaml.safe_load((GIVEN / "inferenceservice.yaml").read_text())
CONTAINER: dict[str, Any] = RUNTIME["containers"][0]
MOUNT = "/mnt/models"
# Where a pod has nothing of this machine's.
_HIDDEN = ("/tmp", "/mnt", "/root")
# Ports of the pod, which shares ours here.
PORTS = {9000: free_port(), 8080: free_port(), 8081: free_port()}


def sandbox(store: Path) -> list[str]:
    """Give what runs a command as in the pod: root's files unseen, the store read-only."""
    for tool in ("bwrap", "setpriv"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed: apt-get install bubblewrap util-linux")
    if os.getuid() != 0:
        pytest.skip("only root can become the user of the pod: sudo make test-system")
    user = str(CONTAINER["securityContext"]["runAsUser"])
    hidden = [part for path in _HIDDEN for part in ("--tmpfs", path)]
    code = dict.fromkeys([Path(sys.base_prefix), Path(sys.prefix), ROOT])
    shown = [part for path in code for part in _shown(path)]
    return [
        *("bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--unshare-pid"),
        "--die-with-parent",
        *(*hidden, "--chmod", "1777", "/tmp", *shown, "--ro-bind", str(store), MOUNT),
        *("setpriv", "--reuid", user, "--regid", user, "--clear-groups", "--no-new-privs"),
    ]


def _shown(path: Path) -> Iterator[str]:
    for parent in reversed(path.parents):
        if any(parent.is_relative_to(one) for one in _HIDDEN):
            yield from ("--perms", "0755", "--dir", str(parent))
    yield from ("--ro-bind", str(path), str(path))


def command() -> list[str]:
    """Give the command of the runtime as KServe renders it, on ports of ours."""
    shown = [one.replace("{{.Name}}", SERVICE["metadata"]["name"]) for one in CONTAINER["args"]]
    program = [sys.executable, "-m", "learnwire_service", *CONTAINER["command"][1:]]
    renamed = [
        f"{flag}={PORTS[int(value)]}" if value.isdecimal() else one
        for one in shown
        for flag, _, value in [one.partition("=")]
    ]
    return [*program, *renamed]


def probed(name: str) -> str:
    probe = CONTAINER[name]["grpc"]
    target = f"127.0.0.1:{PORTS[probe['port']]}"
    return health_of(probe.get("service", ""), target, ChannelOptions(retries=0))


@pytest.fixture(scope="module")
def pod(
    trained: dict[str, Trained], home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator["subprocess.Popen[str]"]:
    name = SERVICE["metadata"]["name"]
    # A storage initialiser writes what it downloads as files of its own.
    store = tmp_path_factory.mktemp("downloaded")
    shutil.copytree(home / "models" / name, store / "models" / name, copy_function=shutil.copyfile)
    for path in (store, *store.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("LEARNWIRE")},
        **{one["name"]: one["value"] for one in CONTAINER["env"]},
        "HOME": "/nonexistent",
    }
    with subprocess.Popen(
        [*sandbox(store), *command(), "--log-format", "json", "--log-sample", "0"],
        env=environment,
        cwd="/",
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            await_event(server, "serving")
            yield server
        finally:
            server.send_signal(signal.SIGTERM)
            server.communicate(timeout=60)


def test_the_probes_find_it_serving(pod: "subprocess.Popen[str]") -> None:
    for name in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert probed(name) == "SERVING"


def test_it_answers_as_the_learner_does(
    pod: "subprocess.Popen[str]", trained: dict[str, Trained]
) -> None:
    name = SERVICE["metadata"]["name"]
    with Client(f"127.0.0.1:{PORTS[9000]}") as client:
        for item in trained[name].items[:5]:
            label, _, probabilities = trained[name].predict(item)
            answer = client.predict(name, item)
            assert answer.label == label
            assert answer.probabilities == pytest.approx(probabilities, abs=1e-5)
        assert lw.get(name).manifest.version == answer.version


def test_it_speaks_the_open_inference_protocol_by_whatever_name_the_gateway_gives_it(
    pod: "subprocess.Popen[str]",
) -> None:
    name = SERVICE["metadata"]["name"]
    url = f"http://127.0.0.1:{PORTS[8080]}/v2"
    host = {"host": f"{name}.default.example.com"}
    for path in ("health/live", "health/ready", f"models/{name}/ready"):
        assert httpx.get(f"{url}/{path}", headers=host).status_code == 200
    assert httpx.get(f"{url}/models/{name}", headers=host).json()["name"] == name


def test_its_metrics_are_where_the_annotations_say(pod: "subprocess.Popen[str]") -> None:
    said = RUNTIME["annotations"]
    port = PORTS[int(said["prometheus.kserve.io/port"])]
    answer = httpx.get(f"http://127.0.0.1:{port}{said['prometheus.kserve.io/path']}")
    assert answer.status_code == 200
    assert "learnwire_" in answer.text


def test_the_ports_are_called_as_kserve_looks_for_them() -> None:
    named = {one["name"]: one["containerPort"] for one in CONTAINER["ports"]}
    assert named == {"http1": 8080, "h2c": 9000}
    assert RUNTIME["protocolVersions"] == ["v2", "grpc-v2"]
