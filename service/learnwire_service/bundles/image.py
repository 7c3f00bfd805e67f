"""The image: a Dockerfile of two stages, the last one with neither compiler nor pip."""

import json
from collections.abc import Iterable, Mapping

from ..common.settings_file import FILE
from .bundle import BUNDLE_FILE, CODE, STORE, About
from .conda import CONDA_FILE
from .inventory import INVENTORY
from .lock import LOCK, WHEELS

DOCKERFILE = "Dockerfile"

_PLACE, _ENVIRONMENT = "/srv/bundle", "/opt/learnwire"
_CONDA_BASE, _CONDA_LAST = "condaforge/miniforge3:latest", "debian:bookworm-slim"
_APT = """\
# The release of Debian says which versions.
# hadolint ignore=DL3008
RUN apt-get update \\
    && apt-get install --yes --no-install-recommends {packages} \\
    && rm -rf /var/lib/apt/lists/*
"""
_PIP = """\
ARG BASE={base}

FROM ${{BASE}} AS build
{compiler}WORKDIR /build
COPY {wheels} {wheels}
COPY {lock} {lock}
# pip stays behind in this stage.
RUN python3 -m venv /pip \\
    && python3 -m venv --without-pip {environment} \\
    && /pip/bin/pip --python {environment}/bin/python install \\
        --no-cache-dir --no-deps --require-hashes -r {lock}

FROM ${{BASE}}
"""
_CONDA = """\
ARG CONDA={conda}
ARG BASE={base}

FROM ${{CONDA}} AS build
WORKDIR /build
COPY {wheels} {wheels}
COPY {lock} {conda_file} ./
RUN conda env create --yes --prefix {environment} --file {conda_file} \\
    && conda clean --all --yes

FROM ${{BASE}}
"""
_LAST = """\
{system}COPY --from=build {environment} {environment}
COPY {files} {place}/
COPY {store} {place}/{store}
COPY {code} {place}/{code}
ENV PATH={environment}/bin:$PATH{variables}
USER {user}
WORKDIR {place}/{code}
EXPOSE {ports}
HEALTHCHECK --interval=10s --timeout=6s --start-period=60s CMD {health}
ENTRYPOINT {entry}
"""


def dockerfile(about: About, *, compiles: bool, conda: bool) -> str:
    """Give the Dockerfile of a bundle.

    Args:
        about: what the bundle is.
        compiles: whether a package has to be compiled.
        conda: whether there is an environment of conda.
    """
    docker = about.docker
    if conda:
        head = _CONDA.format(
            conda=_CONDA_BASE,
            base=docker.base or _CONDA_LAST,
            wheels=WHEELS,
            lock=LOCK,
            conda_file=CONDA_FILE,
            environment=_ENVIRONMENT,
        )
    else:
        head = _PIP.format(
            base=docker.base or f"python:{about.python}-slim-bookworm",
            compiler=_apt(["build-essential", "python3-dev"] if compiles else []),
            wheels=WHEELS,
            lock=LOCK,
            environment=_ENVIRONMENT,
        )
    last = _LAST.format(
        system=_apt(docker.system_packages),
        environment=_ENVIRONMENT,
        place=_PLACE,
        files=f"{BUNDLE_FILE} {FILE} {INVENTORY}",
        store=STORE,
        code=CODE,
        variables="".join(f" \\\n    {name}={_quoted(value)}" for name, value in _variables(about)),
        user=docker.user,
        ports=" ".join(map(str, about.ports)),
        health=json.dumps(["learnwire", "health", "--target", f"localhost:{about.ports[0]}"]),
        entry=json.dumps([*(about.command or ("learnwire", "serve", _PLACE))]),
    )
    return head + _labels(about) + last


def _apt(packages: Iterable[str]) -> str:
    found = " ".join(packages)
    return _APT.format(packages=found) if found else ""


def _variables(about: About) -> Iterable[tuple[str, str]]:
    """Give the variables of the image: others reach it, and its cache is its own."""
    defaults = {"LEARNWIRE_CACHE": "/tmp/learnwire"}  # noqa: S108 - the image's own
    if "host" not in about.serve:
        defaults["LEARNWIRE_HOST"] = "0.0.0.0"  # noqa: S104 - a container's
        if "tls_cert" not in about.serve:
            defaults["LEARNWIRE_INSECURE"] = "true"
    return (defaults | dict(about.environment)).items()


def _labels(about: About) -> str:
    labels: Mapping[str, str] = {
        "org.opencontainers.image.title": about.name,
        "org.opencontainers.image.description": about.description,
        **about.labels,
    }
    lines = [f"{name}={_quoted(value)}" for name, value in labels.items() if value]
    return "LABEL " + " \\\n    ".join(lines) + "\n"


def _quoted(text: str) -> str:
    for special in ("\\", '"', "$"):
        text = text.replace(special, f"\\{special}")
    return f'"{text}"'
