"""The explorer in a browser: by keyboard, as wide as a telephone, in light and dark, offline."""

import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from landscape_gym.explorer.setting import STEPS

page = pytest.importorskip("landscape_gym.explorer.page", reason="Dash is of the extra 'explore'")
command = pytest.importorskip("landscape_gym.explorer.command")
webdriver: Any = pytest.importorskip("selenium.webdriver", reason="it is of the extra 'dev'")
WebDriverWait = pytest.importorskip("selenium.webdriver.support.wait").WebDriverWait
Keys = webdriver.Keys
ID, CSS = "id", "css selector"
"""Ways to find an element."""
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver"),
]
WIDE, NARROW = 1200, 420
DARK = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
ROOT = Path(__file__).parents[2]
PATIENCE = 60
"""Seconds to wait for what takes one where nothing else is computed."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = command.serving(0)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    # Its own requests, for updates and the like, go nowhere.
    options.add_argument("--disable-background-networking")
    options.add_argument("--disable-component-update")
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def opened(address: str, browser: Any) -> Callable[..., Any]:
    def opened(query: str = "", width: int = WIDE, dark: bool = False) -> Any:
        browser.get("about:blank")
        size = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": width == NARROW}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", DARK if dark else {"features": []})
        browser.get_log("browser")
        browser.get(address + query)
        answered(browser, 0)
        return browser

    return opened


def answered(browser: Any, before: int) -> int:
    """Wait for a whole answer behind one; its number."""

    def there(_: object) -> bool:
        shown = browser.execute_script("return {...document.documentElement.dataset}")
        return int(shown.get("answer", 0)) > before and shown["whole"] == "true"

    WebDriverWait(browser, PATIENCE).until(there)
    return int(browser.execute_script("return document.documentElement.dataset.answer"))


def text(browser: Any, name: str) -> str:
    return browser.find_element(ID, name).text


def test_nothing_is_asked_of_another_machine(opened: Callable, address: str):
    browser = opened("?regime=double-well")
    asked = [
        message["params"]["request"]["url"]
        for entry in browser.get_log("performance")
        if (message := json.loads(entry["message"])["message"])["method"]
        == "Network.requestWillBeSent"
    ]
    assert len([url for url in asked if url.startswith(address)]) > 5
    elsewhere = [url for url in asked if not url.startswith((address, "data:", "blob:", "about:"))]
    assert not elsewhere
    refused = [entry["message"] for entry in browser.get_log("browser")]
    assert not refused  # neither by the policy, nor errors of scripts
    assert "http" not in page.POLICY  # and the browser would not load anything else


def test_a_keyboard_is_enough(opened: Callable):
    browser = opened()
    number = answered(browser, 0)
    keys = browser.switch_to.active_element
    reached = []
    for _ in range(40):
        keys.send_keys(Keys.TAB)
        keys = browser.switch_to.active_element
        name = keys.get_attribute("id") or keys.get_attribute("type") or keys.tag_name
        reached.append(name)
        if name == "time":
            break
    # A regime, every slider that can be moved, the rules, and the moment.
    order = ["radio", "gamma", "eta", "noise", "curvature", "checkbox", "time"]
    assert [name for name in dict.fromkeys(reached) if name != "body"] == order

    slider = browser.find_element(ID, "gamma")
    slider.send_keys(Keys.HOME)
    number = answered(browser, number)
    assert text(browser, "gamma-value") == slider.get_attribute("aria-valuetext") == "0"
    slider.send_keys(Keys.END)
    number = answered(browser, number)
    assert text(browser, "gamma-value") == f"{STEPS['gamma'][-1]}"
    assert "The horizon is short" in text(browser, "verdict")
    assert browser.current_url.endswith("?regime=long-horizon&gamma=30")

    browser.switch_to.active_element.send_keys(Keys.SHIFT + Keys.TAB)
    chosen = browser.switch_to.active_element
    assert chosen.get_attribute("type") == "radio"
    chosen.send_keys(Keys.ARROW_DOWN)
    number = answered(browser, number)
    assert browser.current_url.endswith("?regime=short-horizon")
    assert text(browser, "gamma-value") == "10"

    rule = browser.find_element(CSS, "#rules input[type=checkbox]")
    rule.send_keys(Keys.SPACE)  # gradient descent, off
    answered(browser, number)
    assert "gradient descent" not in text(browser, "table")
    assert "rules=ballistic+learned" in browser.current_url


def test_a_focus_can_be_seen(opened: Callable):
    browser = opened()
    browser.find_element(ID, "gamma").send_keys(Keys.ARROW_RIGHT)
    style = "return getComputedStyle(document.activeElement).outlineStyle"
    assert browser.execute_script(style) == "solid"


def test_a_link_shows_what_it_says(opened: Callable):
    query = "?regime=task-switching&gamma=1&hazard=0.5&rules=soft_reset"
    browser = opened(query)
    assert browser.current_url.endswith(query)
    assert text(browser, "hazard-value") == "0.5"
    assert "soft reset" in text(browser, "table")
    assert "gradient descent" not in text(browser, "table")
    assert browser.find_element(ID, "link").get_attribute("href") == browser.current_url


def test_a_link_that_cannot_be_shown_says_so(opened: Callable):
    browser = opened("?gamma=<b>4</b>")
    assert "gamma is a number, got '<b>4</b>'" in text(browser, "note")
    assert browser.current_url.endswith("?regime=long-horizon")


def test_time_cuts_paths_without_the_server(opened: Callable):
    browser = opened()
    length = (
        "return document.querySelector('#paths .js-plotly-plot').data"
        ".filter((trace) => trace.meta === 'path').map((trace) => trace.x.length)"
    )
    assert set(browser.execute_script(length)) == {101}
    browser.find_element(ID, "time").send_keys(Keys.HOME)
    WebDriverWait(browser, PATIENCE).until(
        lambda _: set(browser.execute_script(length)) == {1} and text(browser, "time-value") == "0"
    )


CUT_OFF = """
return [...document.querySelectorAll('h1, p, label, legend, th, td, output, main svg')]
  .filter((part) => part.offsetParent !== null || part.tagName === 'svg')
  .map((part) => [part.getBoundingClientRect(), part])
  .filter(([box]) => box.width > 0 && (box.left < -1 || box.right > innerWidth + 1))
  .map(([box, part]) => part.outerHTML.slice(0, 80));
"""
CONTRAST = """
const lum = (colour) => colour.match(/[0-9.]+/g).slice(0, 3).map((x) => x / 255)
  .map((x) => x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4)
  .reduce((sum, x, i) => sum + x * [0.2126, 0.7152, 0.0722][i], 0);
const behind = (part) => {
  const colour = getComputedStyle(part).backgroundColor;
  return colour === 'rgba(0, 0, 0, 0)' && part.parentElement ? behind(part.parentElement) : colour;
};
return [...document.querySelectorAll('h1, p, label, legend, th, td, output, a, main svg text')]
  .filter((part) => part.textContent.trim())
  .map((part) => {
    const style = getComputedStyle(part);
    const a = lum(part instanceof SVGElement ? style.fill : style.color), b = lum(behind(part));
    return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), part.textContent.slice(0, 40)];
  })
  .filter(([ratio]) => ratio < 4.5);
"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_everything_fits_and_can_be_read(opened: Callable, width: int, dark: bool):
    browser = opened("?regime=landscape-nav&rules=momentum adam self_tuning", width, dark)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert browser.execute_script(CUT_OFF) == []
    assert browser.execute_script(CONTRAST) == []
    back = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (back == "rgb(24, 26, 27)") is dark
    if place := os.environ.get("SCREENSHOTS"):  # for an eye
        browser.save_screenshot(f"{place}/explorer-{width}-{'dark' if dark else 'light'}.png")


def test_scenes_of_the_site_can_be_moved_through(browser: Any, tmp_path: Path):
    """As the site lays them out: with Plotly's script beside them, and no server."""
    plotly = Path(str(resources.files("plotly").joinpath("package_data", "plotly.min.js")))
    shutil.copy(plotly, tmp_path)
    shutil.copy(ROOT / "docs" / "static" / "explorer.html", tmp_path)
    browser.get_log("browser")
    browser.get((tmp_path / "explorer.html").as_uri())
    points = (
        "return [...document.querySelectorAll('.pair > div:first-child')].map((drawn) => "
        "drawn.data.find((trace) => trace.meta === 'path').x.length)"
    )
    assert browser.execute_script(points) == [101, 101, 101]
    browser.find_element(CSS, "input[type=range]").send_keys(Keys.HOME)
    WebDriverWait(browser, PATIENCE).until(
        lambda _: browser.execute_script(points) == [1, 101, 101]
    )
    assert [entry["message"] for entry in browser.get_log("browser")] == []
