"""Builds the clients of all languages that this machine has the tools for, and compares answers.

Usage: `python -m examples.clients --protos FOLDER [LANGUAGE ...]`, from the root of the
repository; the folder is as in the released archive of the .proto files.
"""

import argparse
import os
import shutil
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import learnwire_service as lw

from examples.demo.compare import Answer
from examples.demo.data import CACHE
from examples.demo.errors import DemoError
from examples.demo.recipes import RECIPES
from examples.demo.trained import prepare

from .languages import LANGUAGES, Language
from .oracle import Expected, Refusal, complaints, expect

_TIMEOUT = 1800


class Targets(NamedTuple):
    """Where a server speaks gRPC, and where HTTP."""

    grpc: str
    http: str


def main() -> None:
    """Build and run; exit with 0 only if no client failed."""
    parser = argparse.ArgumentParser(prog="python -m examples.clients", description=__doc__)
    parser.add_argument("--protos", type=Path, required=True, help="the contract's .proto files")
    names = [language.name for language in LANGUAGES]
    parser.add_argument("languages", nargs="*", metavar="LANGUAGE", help=f"of {names}; all")
    arguments = parser.parse_args()
    if unknown := set(arguments.languages) - set(names):
        parser.error(f"expected languages of {names}, got {sorted(unknown)}")
    os.environ.setdefault("LEARNWIRE_HOME", str(CACHE.with_name("store")))
    # As in the demo: fastai and torch warn about each other, and about pickle.
    warnings.filterwarnings("ignore", category=UserWarning)
    CACHE.mkdir(parents=True, exist_ok=True)
    try:
        models = [prepare(recipe) for recipe in RECIPES]
        expected = expect({model.name: model.load() for model in models})
        protos = _with_contracts(arguments.protos, [model.name for model in models])
        # The page of the browser's client is of another site.
        web: dict[str, Any] = {"http_port": _free_port(), "http_origins": "*"}
        with lw.serving(*(model.tag for model in models), **web) as target:
            targets = Targets(target, f"127.0.0.1:{web['http_port']}")
            results = [
                _try(language, protos, targets, *expected)
                for language in LANGUAGES
                if not arguments.languages or language.name in arguments.languages
            ]
    except (DemoError, lw.LearnwireError) as error:
        sys.exit(f"The clients stopped: {error}")
    passed, failed, skipped = map(results.count, ("passed", "failed", "skipped"))
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    sys.exit(failed > 0)


def _with_contracts(protos: Path, models: list[str]) -> Path:
    """Put the models' own contracts beside the generic one."""
    folder = CACHE.with_name("clients") / "protos"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(protos, folder)
    for model in models:
        _run(folder, "learnwire", "contract", model, "-o", ".")
    return folder


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _try(
    language: Language, protos: Path, targets: Targets, generic: Expected, typed: Expected
) -> str:
    if missing := language.missing():
        print(f"{language.name}: skipped, for want of {', '.join(missing)}")
        print(f"  to get them: {language.get}")
        return "skipped"
    start = time.monotonic()
    try:
        folder = _build(language, protos)
        found = [
            *_compare_first(folder, language, targets.grpc, generic["text"]),
            *_compare(folder, language.generic, targets.grpc, generic),
            *_compare(folder, language.typed, targets.grpc, typed),
            *_compare(folder, language.http, targets.http, typed),
        ]
    except DemoError as error:
        found = [str(error)]
    for complaint in found:
        print(f"{language.name}: {complaint}")
    verdict = "failed" if found else "passed"
    print(f"{language.name}: {verdict} in {time.monotonic() - start:.0f} s", flush=True)
    return verdict


def _build(language: Language, protos: Path) -> Path:
    folder = CACHE.with_name("clients") / language.name
    shutil.copytree(language.sources, folder, dirs_exist_ok=True)
    _run(folder, "sh", "build.sh", str(protos))
    return folder


def _compare_first(
    folder: Path, language: Language, target: str, expected: Answer | Refusal
) -> Iterator[str]:
    assert isinstance(expected, Answer)
    for program in language.first:
        if (printed := _run(folder, *program, target).strip()) != expected.label:
            yield f"{' '.join(program)}: expected {expected.label}, got {printed}"


def _compare(
    folder: Path, programs: Sequence[Sequence[str]], target: str, expected: Expected
) -> Iterator[str]:
    for program in programs:
        for complaint in complaints(_run(folder, *program, target), expected):
            yield f"{' '.join(program)}: {complaint}"


def _run(folder: Path, *command: str) -> str:
    try:
        done = subprocess.run(
            command, cwd=folder, text=True, timeout=_TIMEOUT, capture_output=True, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise DemoError(str(error)) from error
    if done.returncode:
        raise DemoError(f"{' '.join(command)} exits with {done.returncode}:\n{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
