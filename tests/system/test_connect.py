"""Connect's own clients in Node and in a browser: what goes wrong comes out right in each."""

import base64
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from google.protobuf import json_format
from google.rpc import code_pb2

from tests.end_to_end.test_http_matrix import WRONG, End, http
from tests.installing import ROOT

from .conftest import tool

__all__ = ["http"]

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]

PROGRAMS = Path(__file__).parent
# What they are built of is pinned there.
PACKAGE = ROOT / "examples" / "clients" / "node"
TRANSPORTS = [(how, binary) for how in ("connect", "grpc-web") for binary in (True, False)]


class Built(NamedTuple):
    """A folder with the programs, the script for a page, and the contract's descriptors."""

    folder: Path
    script: str
    descriptors: str


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("connect")
    for path in (*PACKAGE.glob("package*.json"), *PROGRAMS.glob("connecting*.js")):
        shutil.copy(path, folder)
    command = [tool("npm", "apt-get install npm"), "ci", "--silent", "--no-audit", "--no-fund"]
    if subprocess.run(command, cwd=folder, check=False).returncode:
        pytest.skip("Connect's clients cannot be had from npm's registry")
    bundle = ["npx", "esbuild", "connecting-web.js", "--bundle", "--global-name=connecting"]
    subprocess.run([*bundle, "--outfile=page.js"], cwd=folder, check=True, capture_output=True)
    buf = Path(sys.executable).with_name("buf")
    subprocess.run([buf, "build", ROOT, "-o", folder / "all.binpb"], cwd=ROOT, check=True)
    descriptors = base64.b64encode((folder / "all.binpb").read_bytes()).decode()
    return Built(folder, (folder / "page.js").read_text(), descriptors)


def asked(
    http: tuple[httpx.Client, dict[str, str]], built: Built, *, binary: bool
) -> dict[str, Any]:
    """Give all that goes wrong, each asked about once and among many."""
    client, tokens = http
    return {
        "baseUrl": str(client.base_url).rstrip("/"),
        "binary": binary,
        "descriptors": built.descriptors,
        "calls": list(calls(tokens)),
    }


def calls(tokens: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    for wrong, (one, _) in WRONG.items():
        headers = dict(one.headers)
        if one.token:
            headers["authorization"] = f"Bearer {tokens[one.token]}"
        for method, message in (("predict", one.one), ("predictMany", one.many)):
            request = json_format.MessageToDict(message)
            step = f"{wrong}, {method}"
            yield {"step": step, "method": method, "request": request, "headers": headers}
            if wrong == "a deadline":
                own = {"authorization": headers["authorization"]}
                told = {"step": f"its own, {method}", "method": method, "request": request}
                yield {**told, "headers": own, "timeoutMs": 1}


def check(ends: Mapping[str, Any]) -> None:
    found = {
        step: End(
            code_pb2.Code.Name(one["code"]).lower(),
            one["reason"],
            # Where an item is among others, its place is told before its field.
            tuple(field.partition("].")[2] or field for field in one["fields"]),
        )
        for step, one in ends.items()
    }
    for method in ("predict", "predictMany"):
        assert found.pop(f"its own, {method}").code == "deadline_exceeded"
        for wrong, (_, expected) in WRONG.items():
            assert found.pop(f"{wrong}, {method}") == expected, (wrong, method)
    assert found == {}


@pytest.mark.parametrize(("how", "binary"), TRANSPORTS)
def test_what_is_wrong_is_told_to_clients_in_node(
    http: tuple[httpx.Client, dict[str, str]], built: Built, how: str, binary: bool
) -> None:
    done = subprocess.run(
        [tool("node", "apt-get install nodejs"), "connecting-node.js", how],
        input=json.dumps(asked(http, built, binary=binary)),
        cwd=built.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    check(json.loads(done.stdout))


@pytest.mark.parametrize(("how", "binary"), TRANSPORTS)
def test_what_is_wrong_is_told_to_clients_in_a_browser(
    http: tuple[httpx.Client, dict[str, str]], built: Built, driver: Any, how: str, binary: bool
) -> None:
    driver.get(str(http[0].base_url))
    driver.set_script_timeout(120)
    ask = "const [how, asked, done] = arguments; connecting.ask(how, asked).then(done, done);"
    ends = driver.execute_async_script(built.script + ask, how, asked(http, built, binary=binary))
    check(ends)
