"""A run's page in a real browser: it loads nothing, raises nothing, and its slider goes by mouse, touch and keyboard.

Where no Chromium is found, by $TOMOPY_EDGE_CHROMIUM or by name, nothing of this is tested.
"""

import base64
import importlib.util
import json
import os
import select
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from tomopy_edge.page import PAGE, write_page

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chromium-headless-shell")

# The browser hears its commands on file 3, and answers on file 4.
PIPED = """
import fcntl, os, sys
heard, told = (fcntl.fcntl(int(file), fcntl.F_DUPFD, 10) for file in sys.argv[1:3])
os.dup2(heard, 3)
os.dup2(told, 4)
os.execvp(sys.argv[3], sys.argv[3:])
"""
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--no-first-run", "--mute-audio"]
PATIENCE = 60

# The outputs that its other tests are made with.
spec = importlib.util.spec_from_file_location("test_page", Path(__file__).with_name("test_page.py"))
pages = importlib.util.module_from_spec(spec)
spec.loader.exec_module(pages)


class Browser:
    """One page of a browser, by the DevTools protocol."""

    def __init__(self, to, answers):
        self._to, self._answers, self._left, self._number = to, answers, b"", 0
        self.events, self.session = [], None

    def call(self, method, **params):
        self._number += 1
        session = {"sessionId": self.session} if self.session else {}
        said = {"id": self._number, "method": method, "params": params, **session}
        os.write(self._to, json.dumps(said).encode() + b"\0")
        while (said := self._next()).get("id") != self._number:
            self.events.append(said)
        assert "error" not in said, (method, said)
        return said["result"]

    def _next(self):
        end = time.monotonic() + PATIENCE
        while b"\0" not in self._left:
            ready, _, _ = select.select([self._answers], [], [], max(0, end - time.monotonic()))
            assert ready, "the browser says nothing"
            read = os.read(self._answers, 1 << 16)
            assert read, "the browser has ended"
            self._left += read
        said, self._left = self._left.split(b"\0", 1)
        return json.loads(said)

    def open(self, url, width=1280, height=900, *, dark=False, scripts=True, mobile=False):
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
        self.call("Emulation.setDeviceMetricsOverride", **screen)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.events.clear()
        self.call("Page.navigate", url=url)
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._next())

    def ask(self, expression):
        """The value of an expression in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def mouse(self, kind, x, y, **more):
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1, **more)

    def touch(self, kind, *points):
        self.call("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": x, "y": y} for x, y in points])

    def press(self, key, code):
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)

    def picture(self, path, *, whole=True):
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))

    def faults(self):
        """What the browser complained of, and what it asked for besides the page and what lies within it."""
        told = [event for event in self.events if event.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown")]
        asked = [
            event["params"]["request"]["url"]
            for event in self.events
            if event.get("method") == "Network.requestWillBeSent"
        ]
        return told, [url for url in asked if not url.startswith(("file:", "data:"))]


@contextmanager
def browsing(command, profile):
    heard, to = os.pipe()
    answers, told = os.pipe()
    words = [sys.executable, "-c", PIPED, str(heard), str(told), command, *FLAGS, f"--user-data-dir={profile}"]
    process = subprocess.Popen(words, pass_fds=(heard, told), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603 - ours
    os.close(heard)
    os.close(told)
    browser = Browser(to, answers)
    try:
        yield browser
        browser.session = None
        browser.call("Browser.close")
    finally:
        os.close(to)
        os.close(answers)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    asked = os.environ.get("TOMOPY_EDGE_CHROMIUM")
    command = asked or next(filter(None, map(shutil.which, NAMES)), None)
    if command is None:
        pytest.skip(f"no browser: $TOMOPY_EDGE_CHROMIUM is not set, and none of {', '.join(NAMES)} is on the path")
    with browsing(command, tmp_path_factory.mktemp("profile")) as one:
        yield one


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The address of a page with a flagged slice of three."""
    folder = tmp_path_factory.mktemp("output")
    pages.draw(folder, (3, 20, 36))
    findings = [pages.found(3, places=(pages.INVENTED, pages.REMOVED)), pages.found(20), pages.found(36)]
    trust = pages.trust_of(findings, {3: ["structure invented at 1 place"]})
    write_page(folder, pages.report_of(trust, notes={"find_center": [pages.HOSTILE]}))
    return (folder / PAGE).as_uri()


AT = "document.querySelector('.chosen .compare').style.getPropertyValue('--at')"
BOX = """(({ x, y, width, height }) => [x, y, width, height])(
    document.querySelector('.chosen .compare').getBoundingClientRect())"""
SEEN = "[...document.querySelectorAll('.slice')].filter((one) => one.offsetParent).map((one) => one.id)"
CURRENT = "[...document.querySelectorAll('.choice [aria-current]')].map((one) => one.textContent)"


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("dark", [False, True])
def test_a_page_raises_nothing_loads_nothing_and_fits_its_window(browser, page, width, dark):
    browser.open(page, width, dark=dark, mobile=width < 500)
    assert browser.faults() == ([], [])
    assert browser.ask("document.documentElement.scrollWidth") <= width
    assert browser.ask("[...document.images].every((one) => one.naturalWidth > 0)")
    light = browser.ask("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert light is not dark


def test_the_policy_of_a_page_stops_what_would_load_or_run(browser, page):
    browser.open(page)
    browser.ask("document.body.insertAdjacentHTML('beforeend', '<img src=http://127.0.0.1:9/x onerror=window.ran=1>')")
    browser.ask("fetch('http://127.0.0.1:9/y').catch(() => { window.refused = 1 }); 0")
    browser.call("Runtime.evaluate", expression="new Promise((done) => setTimeout(done, 100))", awaitPromise=True)
    assert browser.ask("[window.ran, window.refused]") == [None, 1]
    refused = [told["params"]["entry"]["text"] for told in browser.faults()[0]]
    assert all("Content Security Policy" in text for text in refused)
    assert len(refused) >= 2


def test_the_slider_goes_by_mouse_keyboard_and_touch(browser, page):
    browser.open(page, mobile=True)
    assert browser.ask(AT) == "50%"
    browser.ask("document.querySelector('.chosen .compare').scrollIntoView()")
    x, y, width, height = browser.ask(BOX)
    browser.mouse("mousePressed", x + 0.5 * width, y + 0.5 * height)
    browser.mouse("mouseMoved", x + 0.25 * width, y + 0.5 * height)
    browser.mouse("mouseReleased", x + 0.25 * width, y + 0.5 * height)
    browser.mouse("mouseMoved", x + 0.9 * width, y + 0.5 * height)
    assert browser.ask(AT) == "25%"
    browser.ask("document.querySelector('.chosen input').focus()")
    browser.press("ArrowRight", 39)
    assert browser.ask(AT) == "26%"
    browser.press("End", 35)
    assert browser.ask(AT) == "100%"
    assert browser.ask("document.querySelector('.chosen input').getAttribute('aria-valuetext')") == "100 % raw"
    browser.touch("touchStart", (x + 0.5 * width, y + 0.5 * height))
    browser.touch("touchMove", (x + 0.75 * width, y + 0.5 * height))
    browser.touch("touchEnd")
    assert browser.ask(AT) == "75%"
    # Raw is seen left of the line, and denoised right of it.
    clip = "getComputedStyle(document.querySelector('.chosen .raw img')).clipPath"
    assert browser.ask(clip).replace("calc(100% - 75%)", "25%") == "inset(0px 25% 0px 0px)"


def test_a_link_shows_its_slice_and_no_other(browser, page):
    browser.open(page)
    assert browser.ask(SEEN) == ["slice-3"]
    assert browser.ask(CURRENT) == ["Row 3 ▲ flagged"]
    browser.ask("document.querySelector('.choice a[href=\"#slice-36\"]').click()")
    browser.call("Runtime.evaluate", expression="new Promise((done) => setTimeout(done, 100))", awaitPromise=True)
    assert browser.ask(SEEN) == ["slice-36"]
    browser.press("Tab", 9)
    browser.ask("document.querySelector('.choice a[aria-current]').focus()")
    browser.press("ArrowLeft", 37)
    assert browser.ask(SEEN) == ["slice-20"]
    assert browser.ask("document.activeElement.textContent") == "Row 20"
    # One that the address names opens with it, and so does what a folded table holds.
    browser.open(f"{page}#slice-20")
    assert browser.ask(SEEN) == ["slice-20"]
    browser.open(f"{page}#row-36")
    assert browser.ask("document.getElementById('rows').open") is True


def test_without_scripts_and_on_paper_all_slices_are_there_side_by_side(browser, page):
    beside = """[...document.querySelectorAll('.slice')].map((one) => {
        const [denoised, raw] = one.querySelectorAll('.compare img');
        const [left, right] = [raw.getBoundingClientRect(), denoised.getBoundingClientRect()];
        return left.right <= right.left && left.top === right.top && getComputedStyle(raw).clipPath === 'none';
    })"""
    browser.open(page, scripts=False)
    assert browser.ask(SEEN) == ["slice-3", "slice-20", "slice-36"]
    assert browser.ask(beside) == [True, True, True]
    browser.open(page)
    browser.call("Emulation.setEmulatedMedia", media="print")
    assert browser.ask(SEEN) == ["slice-3", "slice-20", "slice-36"]
    assert browser.ask(beside) == [True, True, True]
    pages_printed = browser.call("Page.printToPDF", paperWidth=8.27, paperHeight=11.69, printBackground=False)["data"]
    assert base64.b64decode(pages_printed).startswith(b"%PDF")
