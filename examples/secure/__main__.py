"""Serves a signed model with mutual TLS and tokens, and shows who gets in and who does not.

Usage: `python -m examples.secure`, from the root of the repository.
"""

import os
import sys
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import learnwire_service as lw
import rich
from learnwire_client import CallError, ChannelOptions, Client

from ..demo.compare import Way, compare
from ..demo.data import CACHE
from ..demo.errors import DemoError
from ..demo.recipes import RECIPES
from ..demo.report import table_of
from ..demo.trained import prepare
from .authority import Authority, Certificate, signing_key
from .commands import refused, run, served

_MODEL = "penguins"
_RECIPE = next(one for one in RECIPES if one.name == _MODEL)


def main() -> None:
    """Run the demo; exit with 0 only if all went as it should."""
    warnings.filterwarnings("ignore", category=UserWarning)
    CACHE.mkdir(parents=True, exist_ok=True)
    try:
        learner = _trained()
        with TemporaryDirectory() as folder:
            _show(Path(folder), learner)
    except (DemoError, lw.LearnwireError) as error:
        sys.exit(f"The demo stopped: {error}")


def _trained() -> Any:
    """Give the learner of the other demo, which keeps it in its own store."""
    os.environ.setdefault("LEARNWIRE_HOME", str(CACHE.with_name("store")))
    return prepare(_RECIPE).load()


def _show(folder: Path, learner: Any) -> None:
    store = folder / "store"
    os.environ["LEARNWIRE_HOME"] = str(store)
    lw.save_model(_MODEL, learner, nulls="allow")
    private, public = signing_key(folder)
    print(run("models", "sign", _MODEL, "--key", private))

    authority = Authority(folder)
    server, client = authority.issue("server", "localhost"), authority.issue("client", "shop")
    access = folder / "access.json"
    # grpcurl asks reflection for the contract, which is to read.
    token = run("token", "new", "shop", "--role", "predict", "--role", "read", "--file", access)
    guarded = [
        *("--host", "localhost", "--port", 0, "--tls-cert", server.chain, "--tls-key", server.key),
        *("--tls-client-ca", authority.root, "--access", access, "--trusted-keys", public),
    ]
    with served(_MODEL, *guarded) as target:
        way = _way(target, authority, client, token)
        comparisons = list(compare(way, _MODEL, learner, _RECIPE.items()))
        rich.print(f"[bold]{_MODEL}[/] served at {target}", table_of(comparisons))
        if not all(one.agrees for one in comparisons):
            raise DemoError("answers disagree, marked ✗ above")
        _knock(target, authority, client)
    _alter(store)
    rich.print(f"[yellow]a byte was flipped[/]: {refused('serve', _MODEL, *guarded)}")
    rich.print("[bold green]All as it should be.[/] docs/security.md tells more.")


def _way(target: str, authority: Authority, client: Certificate, token: str) -> Way:
    options = ChannelOptions(
        tls=authority.root.read_bytes(),
        certificate=client.chain.read_bytes(),
        private_key=client.key.read_bytes(),
        token=token,
    )
    shown = {
        "-cacert": authority.root,
        "-cert": client.chain,
        "-key": client.key,
        "-H": f"authorization: Bearer {token}",
    }
    return Way(target, options, [str(word) for pair in shown.items() for word in pair])


def _knock(target: str, authority: Authority, client: Certificate) -> None:
    """Ask without a certificate, and without a token: both are refused."""
    tls = authority.root.read_bytes()
    certificate, key = client.chain.read_bytes(), client.key.read_bytes()
    ways = {
        "no certificate": ChannelOptions(tls=tls, retries=0),
        "no token": ChannelOptions(tls=tls, certificate=certificate, private_key=key),
    }
    for missing, options in ways.items():
        with Client(target, options=options) as stranger:
            try:
                stranger.models()
            except CallError as error:
                rich.print(f"[yellow]{missing}[/]: {error.code.name}: {error.message}")
            else:
                raise DemoError(f"a caller with {missing} got in")


def _alter(store: Path) -> None:
    """Flip a byte of the model's network."""
    network = next(store.glob(f"models/{_MODEL}/*/*.onnx"))
    content = bytearray(network.read_bytes())
    content[len(content) // 2] ^= 1
    network.write_bytes(content)


if __name__ == "__main__":
    main()
