"""A server with a console and a browser, which all files of tests here share."""

import hashlib
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any

import learnwire_service as lw
import pytest

from tests.conftest import Trained
from tests.end_to_end.web import web_serving
from tests.service import small_learners as small
from tests.service import small_networks as networks

from .pages import MODELS, SCRIPT, Page

PATIENCE = 20
AXE = "axe-core@4.14.1"

service = lw.Service("shouting")


@service.api(
    input={"text": lw.Text(max_chars=50), "times": lw.Number(int, minimum=1, maximum=9)},
    output=lw.Text(),
)
def shout(text: str, times: int = 1) -> str:
    """<script>document.title = 'owned'</script> Shout."""
    return text.upper() * times


@service.api(input=lw.Text(), output=lw.Text())
def digest(text: str) -> str:
    """Tell whether a text came as it was sent."""
    return hashlib.sha256(text.encode()).hexdigest()


@service.api(input=lw.Text(), output=lw.Text())
async def letters(text: str) -> AsyncIterator[str]:
    """Give a text letter by letter."""
    for one in text:
        yield one


def tool(name: str, package: str) -> str:
    """Find a program, or say what has it."""
    if (found := shutil.which(name)) is None:
        pytest.skip(f"{name} is not installed: {package}")
    return found


@pytest.fixture(scope="session")
def console(trained: dict[str, Trained]) -> Iterator[tuple[str, str]]:
    """A server of the demo's models, of a hostile one, of masks and points, and of endpoints.

    It is given as where it speaks gRPC, and where HTTP.
    """
    frame = small.shop_frame().assign(sold=lambda one: one["sold"].replace("yes", SCRIPT))
    frame["shop"] = frame["shop"].replace("north", SCRIPT)
    metadata = {SCRIPT: SCRIPT, "accuracy": 0.5}
    lw.save_model("hostile", small.shop_learner(frame), metadata=metadata, labels={"by": SCRIPT})
    lw.save_model("mask", networks.segmenter())
    lw.save_model("point", networks.point_learner())
    assert trained
    with web_serving(*MODELS, service, max_wait=600) as (target, http):
        yield target, str(http.base_url)


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A headless Chromium that keeps its downloads in a folder of this run."""
    from selenium import webdriver

    chromium = tool("chromium", "apt-get install chromium")
    chromedriver = tool("chromedriver", "apt-get install chromium-driver")
    folder = tmp_path_factory.mktemp("downloads")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for one in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(one)
    options.add_experimental_option("prefs", {"download.default_directory": str(folder)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    found: Any = webdriver.Chrome(options, webdriver.ChromeService(chromedriver))
    found.implicitly_wait(PATIENCE)
    found.downloads = folder
    yield found
    found.quit()


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The script that finds what keeps people from using a page."""
    folder = tmp_path_factory.mktemp("axe")
    npm = tool("npm", "apt-get install npm")
    command = [npm, "install", "--silent", "--prefix", str(folder), AXE]
    if subprocess.run(command, check=False).returncode:
        pytest.skip(f"{AXE} cannot be had from npm's registry")
    return (folder / "node_modules/axe-core/axe.min.js").read_text()


@pytest.fixture
def page(driver: Any, console: tuple[str, str]) -> Callable[..., Page]:
    """Open a page of the console."""
    return partial(Page, driver, console[1])
