"""What runs the calls that the console shows, in each language."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from examples.clients.languages import LANGUAGES, SOURCES
from tests.installing import ROOT, run

_PROTOS = ("--path", "protos/learnwire/v1")
# What each asked-for code prints, by what it asks.
Printed = dict[str, str]
_TSC = ("--target", "ES2022", "--module", "NodeNext", "--lib", "ES2022,DOM", "--strict")


def _each(codes: Mapping[str, str], command: Callable[[str], list[str]], folder: Path) -> Printed:
    return {name: _run(command(code), folder) for name, code in codes.items()}


def _run(command: list[str], folder: Path, **environment: str) -> str:
    variables = {**os.environ, **environment}
    done = subprocess.run(
        command, cwd=folder, env=variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stderr}\n{done.stdout}"
    return done.stdout


def in_shell(codes: Mapping[str, str], folder: Path) -> Printed:
    """Run commands."""
    return _each(codes, lambda code: ["bash", "-c", code], folder)


def in_python(codes: Mapping[str, str], folder: Path) -> Printed:
    """Run programs in Python."""
    return _each(codes, lambda code: [sys.executable, "-W", "error", "-c", code], folder)


def in_node(codes: Mapping[str, str], folder: Path) -> Printed:
    """Run programs in JavaScript."""
    _has("node")
    return _each(codes, lambda code: ["node", "--input-type=module", "-e", code], folder)


def in_typescript(codes: Mapping[str, str], folder: Path) -> Printed:
    """Generate stubs, have the compiler check programs, and run them."""
    _has("node")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(SOURCES / "node" / name, folder)
    npm = ["npm", "ci", "--silent", "--no-audit", "--no-fund"]
    if subprocess.run(npm, cwd=folder, check=False).returncode:
        pytest.skip("the packages of the example cannot be had from npm's registry")
    _generate(
        {
            "local": str(folder / "node_modules/.bin/protoc-gen-es"),
            "out": str(folder / "gen"),
            "opt": ["target=ts", "import_extension=js"],
        },
        "--include-imports",
    )
    for name, code in codes.items():
        (folder / f"{name}.ts").write_text(code)
    files = [f"{name}.ts" for name in codes]
    _run(["node_modules/.bin/tsc", *_TSC, "--outDir", "dist", *files], folder)
    return {name: _run(["node", f"dist/{name}.js"], folder) for name in codes}


def in_go(codes: Mapping[str, str], folder: Path) -> Printed:
    """Generate stubs, compile programs with Debian's packages of Go, and run them."""
    _has("go")
    for plugin in ("protoc-gen-go", "protoc-gen-go-grpc"):
        _generate({"local": plugin, "out": str(folder / "src"), "opt": ["paths=source_relative"]})
    variables = {
        "GO111MODULE": "off",
        "GOFLAGS": "-p=2",
        "GOPATH": f"{folder}:/usr/share/gocode",
        "GOCACHE": str(folder / "cache"),
    }
    for name, code in codes.items():
        (folder / "src" / name).mkdir()
        (folder / "src" / name / "main.go").write_text(f"{code}\n")
    _run(["go", "vet", *codes], folder, **variables)
    _run(["go", "build", "-o", "bin/", *codes], folder, **variables)
    return {name: _run([f"bin/{name}"], folder) for name in codes}


def _has(name: str) -> None:
    """Skip where the tools of an example's language are not here."""
    [language] = [one for one in LANGUAGES if one.name == name]
    if missing := language.missing():
        pytest.skip(f"{', '.join(missing)} not installed: {language.get}")


def _generate(plugin: object, *more: str) -> None:
    template = json.dumps({"version": "v2", "plugins": [plugin]})
    os.chdir(ROOT)
    run("buf", "generate", *_PROTOS, "--template", template, *more)
