"""Pages of the console, as somebody with a browser uses them."""

import csv
from pathlib import Path
from typing import Any

from PIL import Image

from tests.end_to_end.test_http import row_of
from tests.end_to_end.test_workers import await_that

MODELS = ("sentiment", "penguins", "digits", "hostile", "mask", "point")
# It would rename the page, wherever it ran.
SCRIPT = "<img src=x onerror=\"document.title='owned'\">"
COPIES = "The same call to copy: curl, grpcurl, Python, TypeScript, Go"


class Page:
    """A page of the console, as somebody uses it."""

    def __init__(self, driver: Any, url: str, path: str = "") -> None:
        self.driver, self.url = driver, url
        # Nothing that was there before stays, a token in particular.
        driver.get("about:blank")
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
        driver.get_log("browser")
        driver.get(f"{url}/{path}")

    def all(self, css: str) -> list[Any]:
        """Find all there are now."""
        script = "return [...document.querySelectorAll(arguments[0])]"
        found: list[Any] = self.driver.execute_script(script, css)
        return found

    def one(self, css: str) -> Any:
        """Wait for one, and find it."""
        return self.driver.find_element("css selector", css)

    def named(self, label: str) -> Any:
        """Find a control by its label."""
        label = f'//label[normalize-space()="{label}"]'
        return self.driver.find_element(
            "id", self.driver.find_element("xpath", label).get_attribute("for")
        )

    def press(self, text: str) -> None:
        path = f'//*[self::button or self::summary][normalize-space()="{text}"]'
        self.driver.find_element("xpath", path).click()

    def write(self, label: str, text: str) -> None:
        control = self.named(label)
        if control.tag_name != "select" and control.get_attribute("type") != "file":
            control.clear()
        control.send_keys(text)

    def paste(self, label: str, text: str) -> None:
        """Put in what nobody types, such as a tabulator."""
        self.driver.execute_script("arguments[0].value = arguments[1]", self.named(label), text)

    def ask(self) -> str:
        """Ask, and give the answer in words."""
        self.press("Ask")
        return str(self.one(".answers .told").text)

    def probabilities(self) -> dict[str, float]:
        """Give what the bars say, as shares of one."""
        told = {name: cells[-1] for name, *cells in self.rows(".probabilities tr")}
        return {name: float(share.removesuffix("%")) / 100 for name, share in told.items()}

    def rows(self, css: str) -> list[list[str]]:
        """Give the cells of rows of a table."""
        script = "return [...document.querySelectorAll(arguments[0])]" + (
            ".map((row) => [...row.cells].map((one) => one.textContent.trim()))"
        )
        found: list[list[str]] = self.driver.execute_script(script, css)
        return found

    def snippets(self) -> dict[str, str]:
        """Open the box of the same call to copy; give each by its language."""
        self.press(COPIES)
        self.one(".copies pre")
        script = "return [...document.querySelectorAll('.snippet')]" + (
            ".map((one) => [one.querySelector('h3').textContent, "
            "one.querySelector('pre').textContent])"
        )
        return dict(self.driver.execute_script(script))

    def heading(self, text: str) -> Any:
        return self.driver.find_element("xpath", f'//h1[normalize-space()="{text}"]')

    def problem_of(self, label: str) -> str:
        """Give what stands at a field that was refused."""
        self.one("[aria-invalid]")
        ids = self.named(label).get_attribute("aria-describedby").split()
        return str(self.driver.find_element("id", ids[-1]).text)

    def tab_to(self, tag: str) -> None:
        """Press the tabulator until the focus is on an element of this kind."""
        for _ in range(40):
            self.driver.switch_to.active_element.send_keys("\ue004")
            if self.driver.switch_to.active_element.tag_name == tag:
                return
        raise AssertionError(f"the focus never came to a {tag}")

    def drag(self, css: str, down: int) -> None:
        """Press the pointer on the middle of an element, and move it down by so many pixels."""
        script = """
            arguments[0].scrollIntoView();
            const { x, y, width, height } = arguments[0].getBoundingClientRect();
            return [x + width / 2, y + height / 2];
        """
        x, y = self.driver.execute_script(script, self.one(css))
        for kind, moved in (("mousePressed", 0), ("mouseMoved", down), ("mouseReleased", down)):
            told = {"type": kind, "x": x, "y": y + moved, "button": "left", "clickCount": 1}
            self.driver.execute_cdp_cmd("Input.dispatchMouseEvent", told)

    def downloaded(self, name: str) -> list[dict[str, str]]:
        """Read a file of CSV that was downloaded."""
        path = self.driver.downloads / name
        await_that(path.exists, f"{name} is there")
        with path.open(newline="") as file:
            return list(csv.DictReader(file))

    def faults(self) -> list[str]:
        """Give what the browser complained of, but for answers that are errors."""
        told = self.driver.get_log("browser")
        return [one["message"] for one in told if "the server responded with" not in one["message"]]


def filled(page: Page, item: Any) -> None:
    """Type a row's cells, choose its categories."""
    for name, cell in row_of(item).items():
        is_chosen = page.named(name).tag_name == "select"
        page.write(name, ("no value" if is_chosen else "") if cell is None else str(cell))


def image(folder: Path, pixels: Any) -> str:
    """Write an image as a file, and give its path."""
    path = folder / "it's.png"
    Image.fromarray(pixels).save(path)
    return str(path)
