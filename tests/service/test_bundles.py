"""Bundles: what travels, what stays and why, and how wrong settings are told."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml  # type: ignore[import-untyped]
from learnwire_service.bundles import conda, image
from learnwire_service.bundles.bentofile import translated
from learnwire_service.bundles.bundle import About, bundled
from learnwire_service.bundles.code import pick
from learnwire_service.bundles.imports import foreign, needed
from learnwire_service.bundles.kubernetes import manifests, resource_name
from learnwire_service.bundles.lock import requirements_of
from learnwire_service.common.build_settings import BuildSettings, CondaSettings, DockerSettings
from learnwire_service.common.errors import BadFile, BuildFailed
from learnwire_service.common.settings_file import SettingsFile

from tests.end_to_end.test_cli import learnwire_here

KEY = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----\n"
ROOT = Path(__file__).parents[2]
YAML = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECRETS = (".env", ".git/config", "server.pem", "id_rsa", "prod.env", "secrets.yaml", "key.txt")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a service, a package, data, and what is to stay at home."""
    files = {
        "service.py": "import shop.prices\nimport numpy\n",
        "shop/__init__.py": "",
        "shop/prices.py": "def price():\n    from . import rates\n    from .deep.deeper import x\n",
        "shop/rates.py": "import os, torch.nn\n",
        "shop/deep/__init__.py": "",
        "shop/deep/deeper.py": "from shop import prices\n",
        "shop/unused.py": "this is no Python",
        "data/prices.csv": "a,b\n",
        ".venv/pyvenv.cfg": "",
        ".venv/x.py": "",
        "venv/pyvenv.cfg": "",
        "venv/x.py": "",
        "old/bundle.json": "{}",
        "old/x.py": "",
        "shop/__pycache__/x.py": "",
        **dict.fromkeys(SECRETS, KEY),
    }
    for name, text in files.items():
        path = tmp_path / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "project"


def told(folder: Path, text: str) -> str:
    """Read a wrong file, and give what is said of it, without the folder."""
    path = folder / "learnwire.yaml"
    path.write_text(text)
    with pytest.raises(BadFile) as caught:
        SettingsFile.find(path)
    return str(caught.value).replace(f"{folder}/", "")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("build:\n  nam: x\n", "2: build.nam is not a setting; did you mean name?"),
        (
            "build:\n  zzz: x\n",
            "2: build.zzz is not a setting; there are name, description, labels, include, exclude, "
            "models, python, conda, environment, command, docker",
        ),
        (
            "build:\n  python:\n    package: [x]\n",
            "3: build.python.package is not a setting; did you mean packages?",
        ),
        (
            "build:\n  docker: {bas: x}\n",
            "2: build.docker.bas is not a setting; did you mean base?",
        ),
        (
            "build:\n  conda:\n    pip: [x]\n",
            "3: build.conda.pip is not a setting; there are channels, dependencies",
        ),
        ("bild:\n  name: x\n", "1: bild is not a section; did you mean build?"),
        ("build: x\n", "1: build: expected keys and what they are: name: films, got 'x'"),
        (
            "build:\n  include: '*.py'\n",
            "2: build.include: expected a list, as [one, another], got",
        ),
        (
            "build:\n  python: [pandas]\n",
            "2: build.python: expected keys and what they are: packag",
        ),
        (
            "build:\n  labels: [a]\n",
            "2: build.labels: expected keys and what they are: owner: films",
        ),
        (
            "build:\n  labels:\n    a:\n",
            "3: build.labels.a: Input should be a valid string, got None",
        ),
        (
            "build:\n  environment:\n    API_TOKEN: x\n",
            "3: build.environment.API_TOKEN: this looks like a secret, which all who have",
        ),
        (
            "build:\n  environment:\n    DATABASE: postgres://me:pw@db/x\n",
            "3: build.environment.DATABASE: there is a password in it, which all who have",
        ),
        (
            "build:\n  python:\n    packages: [' -r x']\n",
            "3: build.python.packages.0: expected a p",
        ),
        (
            "build:\n  environment: {LEARNWIRE_PORT: 3}\n",
            "2: build.environment.LEARNWIRE_PORT: Learnwire's own settings belong to the section s",
        ),
        (
            "build:\n  environment: {'A B': x}\n",
            "2: build.environment.A B: expected letters, digits and _",
        ),
        (
            'build:\n  description: "a\\nUSER root"\n',
            "2: build.description: expected one line of printable characters",
        ),
        (
            "build:\n  docker:\n    user: root\n",
            "3: build.docker.user: expected the number of a us",
        ),
        ("build:\n  docker:\n    user: 0\n", "3: build.docker.user: expected the number of a u"),
        (
            "build:\n  docker:\n    system_packages: [a; rm -rf /]\n",
            "3: build.docker.system_packages.0: expected the name of a Debian package",
        ),
        ("build:\n  name: a b\n", "2: build.name: expected letters, digits, and _ . -"),
        (
            "build:\n  python:\n    index_urls: ['https://me:pw@x.org/simple']\n",
            "3: build.python.index_urls.0: keep the password out of the bundle",
        ),
        (
            "build:\n  python:\n    index_urls: ['https://pw@x.org/simple']\n",
            "3: build.python.index_urls.0: keep the password out of the bundle",
        ),
        (
            "build:\n  conda:\n    channels: ['https://me:pw@x.org/films']\n",
            "3: build.conda.channels.0: keep the password out of the bundle: pip and conda read",
        ),
        (
            "build:\n  conda:\n    channels: ['https://x.org/t/pw-12345/films']\n",
            "3: build.conda.channels.0: keep the password out of the bundle",
        ),
        (
            "build:\n  conda:\n    dependencies: ['https://pw@x.org/films::numpy=2']\n",
            "3: build.conda.dependencies.0: keep the password out of the bundle",
        ),
        (
            "build:\n  python:\n    packages: ['films @ https://me:pw@x.org/films.whl']\n",
            "3: build.python.packages.0: there is a password in it, which all who have the bundle",
        ),
        (
            "build:\n  command: [learnwire, serve, --token, pw]\n",
            "2: build.command: token looks like a secret, which all who have the bundle would",
        ),
        (
            "build:\n  command: [sh, -c, 'export API_KEY=pw; learnwire serve']\n",
            "2: build.command: API_KEY looks like a secret",
        ),
        (
            "build:\n  command:\n  - learnwire\n  - https://x.org/?access_token=pw\n",
            "4: build.command.1: there is a token in it",
        ),
        (
            f"build:\n  environment:\n    GIVEN: ghp_{'pw' * 18}\n",
            "3: build.environment.GIVEN: there is a token in it",
        ),
        (
            "build:\n  environment:\n    GIVEN: Bearer pw12345678\n",
            "3: build.environment.GIVEN: there is a token in it",
        ),
        (
            "build:\n  environment:\n    PGPASSWORD: pw\n",
            "3: build.environment.PGPASSWORD: this looks like a secret",
        ),
        (
            "build:\n  labels:\n    from: https://me:pw@x.org\n",
            "3: build.labels.from: there is a password in it",
        ),
        (
            f"build:\n  description: '{KEY.splitlines()[0]}'\n",
            "2: build.description: there is a private key in it",
        ),
        (
            "build:\n  python:\n    packages: [--pre]\n",
            "3: build.python.packages.0: expected a package, and this is an option of pip",
        ),
    ],
)
def test_a_wrong_section_is_told_with_its_line_and_makes_nothing(
    text: str, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = told(tmp_path, text)
    assert said.startswith(f"learnwire.yaml:{problem}")
    assert "pw" not in said
    monkeypatch.chdir(tmp_path)
    done = learnwire_here("build", "penguins", "-o", tmp_path / "out")
    assert done.exit_code == 1
    assert done.stderr.startswith("learnwire: learnwire.yaml:")
    assert [one.name for one in tmp_path.iterdir()] == ["learnwire.yaml"]


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ("jwt_keys: https://me:pw@x.org/keys.json", "there is a password in jwt_keys, which all"),
        ("jwt_keys: https://x.org/keys?sig=pw", "there is a token in jwt_keys, which all who have"),
    ],
)
def test_a_secret_among_the_settings_of_the_server_is_told_and_makes_nothing(
    setting: str, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "learnwire.yaml").write_text(f"serve:\n  max_queue: 3\n  {setting}\n")
    done = learnwire_here("build", "penguins", "-o", "out")
    assert done.exit_code == 1
    assert done.stderr.startswith(f"learnwire: learnwire.yaml:3: {problem}")
    assert "pw" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_what_only_tells_where_a_secret_is_or_is_none_may_be_said(tmp_path: Path) -> None:
    path = tmp_path / "learnwire.yaml"
    path.write_text(
        "build:\n  command: [sh, -c, 'TOKEN=$(cat /run/t) learnwire serve --token-file /run/t']\n"
        "  environment: {MAX_TOKENS: 9, PASSWORD_FILE: /run/p, DATABASE: 'postgres://me@db/x'}\n"
        "  description: 'see https://x.org/t/short/?page=key'\n"
        "  conda: {channels: ['https://x.org/films', conda-forge]}\n"
    )
    assert SettingsFile.find(path).build.environment["MAX_TOKENS"] == "9"


def test_all_that_the_section_may_say_is_read(tmp_path: Path) -> None:
    path = tmp_path / "learnwire.yaml"
    path.write_text(
        "build:\n  name: films\n  labels: {team: a, version: 1.10}\n  include:\n  - '*.py'\n"
        "  python: {packages: [pandas]}\n  conda:\n    dependencies: [libgdal=3.9]\n"
        "  environment: {MODE: no, TOKEN_FILE: /run/token, TOKENIZERS_PARALLELISM: false}\n"
        "  exclude:\n  docker: {user: 1000:1000}\n"
    )
    said = SettingsFile.find(path).build
    assert said.labels == {"team": "a", "version": "1.10"}
    assert said.environment["MODE"] == "no"
    assert said.conda == CondaSettings(dependencies=("libgdal=3.9",))
    assert (said.exclude, said.docker.user) == ((), "1000:1000")
    path.write_text("build:\n")
    assert SettingsFile.find(path).build == BuildSettings()


@pytest.mark.parametrize("text", YAML.findall((ROOT / "docs" / "build.md").read_text()))
def test_the_files_that_the_docs_show_are_right(text: str, tmp_path: Path) -> None:
    (tmp_path / "learnwire.yaml").write_text(text)
    assert SettingsFile.find(tmp_path / "learnwire.yaml").build != BuildSettings()


def test_the_docs_name_all_that_the_section_may_say() -> None:
    page = (ROOT / "docs" / "build.md").read_text()
    assert [name for name in BuildSettings.model_fields if f"`{name}`" not in page] == []


def test_a_service_takes_along_what_it_imports_of_the_project_and_no_more(project: Path) -> None:
    found = needed(project, ["service.py"], [project])
    assert found == (
        *("service.py", "shop/__init__.py", "shop/deep/__init__.py", "shop/deep/deeper.py"),
        *("shop/prices.py", "shop/rates.py"),
    )
    assert foreign([project / one for one in found], [project]) == {"numpy", "torch"}


def test_patterns_pick_files_and_none_that_may_be_secret(project: Path) -> None:
    code = pick(project, ["**"], ["data/"])
    assert code.files == (
        *("service.py", "shop/__init__.py", "shop/deep/__init__.py", "shop/deep/deeper.py"),
        *("shop/prices.py", "shop/rates.py", "shop/unused.py"),
    )
    assert {one.partition(": ")[0] for one in code.left_out} == {
        *SECRETS[:1],
        *SECRETS[2:],
        "data/prices.csv",
    }
    assert "data/prices.csv: exclude names it" in code.left_out
    assert "key.txt: a private key is in it" in code.left_out


def test_what_include_names_exactly_travels_all_the_same(project: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.csv").write_text("a\n")
    (project / "link.csv").symlink_to(tmp_path / "elsewhere.csv")
    os.mkfifo(project / "pipe.csv")
    assert pick(project, ["*.csv"], []).files == ("data/prices.csv",)
    code = pick(project, ["link.csv", "server.pem", "pipe.csv"], [])
    assert code.files == ("link.csv", "server.pem")
    assert code.left_out == ("pipe.csv: it is no file",)
    assert pick(project, ["*"], [], never=[project / "shop"]).files[-1] == "service.py"


def test_neither_capitals_nor_a_name_without_a_suffix_make_a_secret_travel(tmp_path: Path) -> None:
    for name in ("SERVER.PEM", "Credentials.json", "ID_RSA", "key.ppk", "credentials"):
        (tmp_path / name).touch()
    assert pick(tmp_path, ["*"], []).files == ()


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("credentials", "", "by its name it may be a secret"),
        ("clef", f"KEY = {KEY!r}".replace("\\n", " "), "a private key is in it"),
    ],
)
def test_an_import_of_what_may_be_a_secret_is_told(
    name: str, text: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / f"{name}.py").write_text(text)
    service = f"asking_{name}"
    (tmp_path / f"{service}.py").write_text(
        f"import os\nimport learnwire_service as lw\nimport {name}\n"
        "svc = lw.Service(os.environ['MOOD'], runners=[])\n"
    )
    # It is imported with the variables that it will be served with.
    (tmp_path / "learnwire.yaml").write_text("build:\n  environment: {MOOD: fine}\n")
    done = learnwire_here("build", f"{service}.py:svc", "-o", "out")
    assert f"{name}.py is imported, and {reason}: if it is to travel, have build" in done.stderr
    assert "MOOD" not in os.environ
    assert not (tmp_path / "out").exists()


def test_a_file_of_requirements_has_versions_and_no_digests(tmp_path: Path) -> None:
    path = tmp_path / "my pins.txt"
    with pytest.raises(BuildFailed, match=r"my pins\.txt cannot be read: No such file"):
        requirements_of(path)
    path.write_text("wordy==1.2 --hash=sha256:00\n")
    with pytest.raises(BuildFailed, match="has digests, and pip would want one of Learnwire's"):
        requirements_of(path)
    path.write_text("wordy==1.2\n")
    assert requirements_of(path) == f"-r '{path}'"


def test_a_bundle_serves_nothing_of_a_remote_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "learnwire.yaml").write_text("serve:\n  remote: https://me:pw@host/models\n")
    done = learnwire_here("build", "penguins", "-o", "out")
    assert done.stderr.startswith("learnwire: learnwire.yaml:2: a bundle has its models in it, and")
    assert "pw" not in done.stderr


def test_a_pattern_that_is_none_is_told(project: Path) -> None:
    with pytest.raises(BuildFailed, match=r"build\.exclude: Invalid git pattern"):
        pick(project, ["*.py"], ["!"])


@pytest.mark.parametrize(
    ("served", "folder"),
    [
        (["./out"], "out"),
        (["/srv/bundle"], "/srv/bundle"),
        (["out/"], "out"),
        (["out"], None),
        (["penguins:v1"], None),
        (["examples/sentiment_service.py:svc"], None),
        (["./sentiment_service.py:svc"], None),
        (["a/service.py"], None),
        (["package.module:svc"], None),
    ],
)
def test_a_path_with_a_slash_is_a_bundle(served: list[str], folder: str | None) -> None:
    assert bundled(served) == (folder and Path(folder))


def test_a_bundle_is_served_alone(tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match=r"\./out is a bundle, which is served alone"):
        bundled(["./out", "penguins"])
    done = learnwire_here("serve", f"{tmp_path}/")
    assert done.stderr.endswith(
        "is no bundle, there is no bundle.json; learnwire build makes one\n"
    )
    done = learnwire_here("serve", f"{tmp_path}/nowhere/")
    assert done.stderr.endswith(
        f"there is no folder {tmp_path}/nowhere; learnwire build makes a bundle\n"
    )
    (tmp_path / "bundle.json").write_text(about().model_dump_json())
    (tmp_path / "store").mkdir()
    done = learnwire_here("serve", f"{tmp_path}/")
    assert "is only a part of a bundle, without learnwire.yaml and code: copy it" in done.stderr
    (tmp_path / "bundle.json").write_text('{"format": 2}')
    done = learnwire_here("serve", f"{tmp_path}/")
    assert "bundle.json does not read (format): another release of Learnwire" in done.stderr


def about(**said: object) -> About:
    """Give what a bundle of nothing says of itself, but for what is said here."""
    return About.model_validate(
        {
            "name": "films",
            "description": "",
            "labels": {},
            "learnwire": "1",
            "models": (),
            "python": "3.11",
            "serve": {},
            "environment": {},
            "command": (),
            "docker": DockerSettings(),
            **said,
        }
    )


# hadolint takes no backslash before the last quote.
ODD = 'it\'s "1$HOME" \\ a'
FULL = {
    "description": ODD,
    "labels": {"a/b.c-d": ODD},
    "environment": {"MODE": ODD},
    "command": ("python", "-c", ODD),
    "serve": {"port": 5000, "ops_port": "5001"},
    "docker": DockerSettings(system_packages=("libgdal32", "git"), base="x/y:1"),
}


@pytest.mark.parametrize("said", [{}, FULL])
@pytest.mark.parametrize("compiles", [False, True])
@pytest.mark.parametrize("is_conda", [False, True])
def test_hadolint_finds_nothing_in_the_dockerfile(
    said: dict[str, object], compiles: bool, is_conda: bool, tmp_path: Path
) -> None:
    text = image.dockerfile(about(**said), compiles=compiles, conda=is_conda)
    (tmp_path / "Dockerfile").write_text(text)
    done = subprocess.run(
        ["hadolint", tmp_path / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")
    last = text.rpartition("FROM")[2]
    assert "build-essential" not in last
    assert "\nUSER 10001\n" in last


def test_settings_of_the_server_win_over_the_defaults_of_the_image() -> None:
    text = image.dockerfile(about(serve={"host": "127.0.0.1"}), compiles=False, conda=False)
    assert "LEARNWIRE_HOST" not in text
    text = image.dockerfile(
        about(serve={"tls_cert": "c", "tls_key": "k"}), compiles=False, conda=False
    )
    assert "LEARNWIRE_INSECURE" not in text
    assert 'LEARNWIRE_HOST="0.0.0.0"' in text
    assert "EXPOSE 5000 5001" in image.dockerfile(about(**FULL), compiles=False, conda=False)


def test_condas_environment_has_its_own_packages_and_the_rest_by_pip() -> None:
    said = CondaSettings(dependencies=("conda-forge::numpy=2.1", "pytorch>=2", "libgdal", "pip"))
    assert conda.provided(said) == {"numpy": "2.1.*", "torch": "", "libgdal": "", "pip": ""}
    assert yaml.safe_load(conda.environment("films", "3.11", said)) == {
        "name": "films",
        "channels": ["conda-forge"],
        "dependencies": ["python=3.11", *said.dependencies, {"pip": ["-r requirements.txt"]}],
    }


BENTOFILE = """\
service: "service.py:svc"
description: old
labels: {owner: films}
include:
- "*.py"
models: ["fastai_sentiment:latest"]
python:
  packages: [bentoml>=1.2, pandas]
  lock_packages: true
  requirements_txt: more.txt
  extra_index_url: https://example.org/simple
  odd: 1
docker:
  distro: debian
  system_packages: [git]
  env: {A: b}
envs:
- name: C
  value: d
"""


def test_a_build_file_of_bentoml_is_read_and_what_has_no_meaning_is_told(tmp_path: Path) -> None:
    path = tmp_path / "bentofile.yaml"
    path.write_text(BENTOFILE)
    document, told = translated(path)
    file = SettingsFile.of(document)
    said = file.build.model_dump(exclude_unset=True)
    assert [*file.models] == ["service.py:svc"]
    assert said == {
        "description": "old",
        "labels": {"owner": "films"},
        "include": ("*.py",),
        "python": {
            "packages": ("pandas",),
            "requirements": "more.txt",
            "index_urls": ("https://example.org/simple",),
        },
        "docker": {"system_packages": ("git",)},
        "environment": {"A": "b", "C": "d"},
    }
    assert [one.removeprefix(f"{path}:").partition(" has no ")[0] for one in told] == [
        *("6: models", "9: python.lock_packages", "12: python.odd", "14: docker.distro"),
        " python.packages: bentoml is not needed, Learnwire takes its place",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("name: x\n", "bentofile.yaml: expected a build file of BentoML, with service: "),
        ("- service\n", "bentofile.yaml: expected a build file of BentoML"),
        ("service: [a]\n", "bentofile.yaml: expected a build file of BentoML"),
        ("service: a:b\nlabels: 3\n", "bentofile.yaml:2: build.labels: expected keys"),
        (
            "service: a:b\npython: {packages: x}\n",
            "bentofile.yaml:2: build.python.packages: expected a list",
        ),
        (
            "service: a:b\nenvs:\n- name: API_TOKEN\n  value: x\n",
            "bentofile.yaml:2: build.environment.API_TOKEN: this looks like a secret",
        ),
        ("service: a:b\nenvs: [{value: x}]\n", "bentofile.yaml:2: build.environment.None: "),
        (
            "service: a:b\nenvs:\n- name: [A]\n- {name: {B: c}}\n",
            "bentofile.yaml:2: build.environment.['A']: expected letters, digits and _",
        ),
        ("service: a:b\nenvs: [A, [B]]\n", "bentofile.yaml:2: build.environment.['B']: expected"),
        ('service: a:b\n"a\\e[2J": x\n', "bentofile.yaml:2: a [2J has no meaning here"),
        ('service: "\\e[2J.py:svc"\n', "bentofile.yaml:1: there is no file  [2J.py"),
        ("service: a:b\nservice: c:d\n", "bentofile.yaml:2: service is there twice, first in"),
        ("service: &a a:b\nname: *a\n", "bentofile.yaml:1: anchors and aliases, & and *, are"),
        ("service: !!python/name:os.system\n", "bentofile.yaml:1: tags, as !!str, are not taken"),
        ("service: a:b\n\tname: x\n", "bentofile.yaml:2: a tab is not taken here"),
        ("", "bentofile.yaml: expected a build file of BentoML, with service: "),
        ("service: a:b\npython:\n  extra_index_url: {a: b}\n", "bentofile.yaml:3: build.python.in"),
        ("service: a:b\ndocker: x\n", "bentofile.yaml:2: docker has no meaning here"),
    ],
)
def test_a_wrong_build_file_of_bentoml_is_told_with_its_line(
    text: str, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bentofile.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    done = learnwire_here("build", "--from", "bentofile.yaml", "-o", "out")
    assert done.stderr.startswith(f"learnwire: {problem}")
    assert done.exit_code == 1
    assert not (tmp_path / "out").exists()


def checked(text: str) -> dict[str, Any]:
    """Give manifests by their kinds, each checked against the published schemas."""
    parts = list(yaml.safe_load_all(text))
    for one in parts:
        kubernetes_validate.validate(one, kubernetes_validate.latest_version(), strict=True)
    return {one["kind"]: one for one in parts}


@pytest.mark.parametrize("said", [{}, {**FULL, "name": "Fast_Films.v2"}])
def test_manifests_are_what_the_published_schemas_say(said: dict[str, object]) -> None:
    parts = checked(manifests(about(**said), 150 * 2**20, has_code=bool(said)))
    assert [*parts] == ["Deployment", "Service", "NetworkPolicy", "PodDisruptionBudget"]
    pod = parts["Deployment"]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert pod["enableServiceLinks"] is False
    assert pod["securityContext"]["runAsUser"] == 10001
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["resources"]["requests"]["memory"] == "150Mi"
    assert container["livenessProbe"]["httpGet"]["path"] == "/livez"
    names = {one["secret"]["secretName"] for one in pod["volumes"] if "secret" in one}
    name = "fast-films-v2" if said else "films"
    assert names == {f"{name}-tls", f"{name}-access"}
    assert parts["Service"]["spec"]["clusterIP"] == "None"
    assert parts["NetworkPolicy"]["spec"].get("egress") == (None if said else [])


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("films", "films"),
        ("2.Films_", "learnwire-2-films"),
        ("a" * 80, "a" * 50),
        ("_", "learnwire"),
    ],
)
def test_a_name_becomes_one_of_kubernetes(name: str, found: str) -> None:
    assert resource_name(name) == found
