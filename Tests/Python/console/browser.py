"""Headless Chromium on the console, driven as a person would: by what is written on things."""

import re
import shutil
import tempfile
from pathlib import Path
from urllib.parse import quote

from selenium import webdriver
from selenium.common.exceptions import (
    ElementClickInterceptedException,
    ElementNotInteractableException,
    StaleElementReferenceException,
)
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from support import wait_until

# What may be true in a moment only: the page is drawn again while it is looked at.
PASSING = (
    ElementClickInterceptedException,
    ElementNotInteractableException,
    StaleElementReferenceException,
)


class Browser:
    def __init__(self):
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        driver = shutil.which("chromedriver")
        if not chromium or not driver:
            raise RuntimeError("there is no chromium or no chromedriver: see scripts/packages")
        options = webdriver.ChromeOptions()
        options.binary_location = chromium
        self._downloads = tempfile.TemporaryDirectory(prefix="kv-downloads-")
        self.downloads = Path(self._downloads.name)
        for argument in (
            "--headless=new",
            # Its sandbox does not work for root; it opens only pages of our own server.
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--no-first-run",
        ):
            options.add_argument(argument)
        options.add_experimental_option(
            "prefs", {"download.default_directory": self._downloads.name}
        )
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(driver))
        self.resize()

    def close(self):
        self.driver.quit()
        self._downloads.cleanup()

    def resize(self, width=1280, height=800, scale=1):
        """The size of the page, without the frame of a window."""
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": width < 600},
        )

    def prefer(self, **features):
        """What the user prefers: `prefers_color_scheme="dark"`."""
        listed = [
            {"name": name.replace("_", "-"), "value": value} for name, value in features.items()
        ]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": listed})

    # MARK: Going places

    def open(self, url, view="keys", part=None):
        """Opens the console anew, as in a new tab."""
        self.driver.get("about:blank")
        self.driver.get(f"{url}/{address(view, part)}")

    def go(self, view, part=None):
        """Another view of the same page."""
        self.run("location.hash = arguments[0]", address(view, part))

    def forget_token(self, url):
        self.driver.get(f"{url}/health/live")
        self.run("sessionStorage.clear()")

    # MARK: Looking

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def all(self, selector):
        """All elements by a CSS selector, or by an XPath."""
        by = By.XPATH if selector.startswith(("/", "(")) else By.CSS_SELECTOR
        return self.driver.find_elements(by, selector)

    def until(self, condition, what, seconds=15):
        def look():
            try:
                return condition()
            except PASSING:
                return None

        return wait_until(look, seconds, lambda: f"no {what} on:\n{self.text()}\nbut")

    def find(self, selector, seconds=15):
        """The first element that can be seen, when there is one."""
        return self.until(
            lambda: next((one for one in self.all(selector) if one.is_displayed()), None),
            selector,
            seconds,
        )

    def text(self, selector="body"):
        return self.run(
            "return document.querySelector(arguments[0])?.innerText ?? ''", selector
        )

    def see(self, text, selector="body", seconds=15):
        """Waits until the text can be read."""
        self.until(lambda: text in self.text(selector), f"“{text}”", seconds)

    def gone(self, text, selector="body", seconds=15):
        """Waits until the text can't be read any more."""
        self.until(lambda: text not in self.text(selector), f"end of “{text}”", seconds)

    def rows(self):
        """What the rows of the tree say that are drawn."""
        return self.run(
            "return [...document.querySelectorAll('.tree .row')]"
            ".map((row) => row.querySelector('.row-name')?.textContent ?? row.textContent)"
        )

    def facts(self):
        """The metadata of the open entry."""
        pairs = self.run(
            "return [...document.querySelectorAll('.facts > div')]"
            ".map((fact) => [...fact.children].map((part) => part.textContent))"
        )
        return dict(pairs)

    def value(self):
        return self.text(".value-text")

    # MARK: Doing

    def act(self, selector, action, what):
        """Does something with an element as soon as it lets that be done."""

        def attempt():
            element = next((one for one in self.all(selector) if one.is_displayed()), None)
            if element is None or not element.is_enabled():
                return False
            action(element)
            return True

        self.until(attempt, what)

    def click(self, label, within=""):
        """A button or link, by what is written on it or what it is called."""
        self.act(f"{within}{button(label)}", lambda element: element.click(), f"button {label}")

    def row(self, name):
        """Clicks a row of the tree."""
        path = f"//div[@role='treeitem'][.//span[contains(@class,'row-name') and .={quoted(name)}]]"
        self.act(path, lambda element: element.click(), f"row {name}")

    def fill(self, label, text, within=""):
        """Replaces what a field holds, by its label."""

        def replace(element):
            element.send_keys(Keys.CONTROL, "a")
            element.send_keys(text or Keys.BACKSPACE)

        self.act(f"{within}{field(label)}", replace, f"field {label}")

    def fill_named(self, name, text):
        """Replaces what a field holds that has no label of its own, by what it is called."""
        path = f"//input[@aria-label={quoted(name)}]"

        def replace(element):
            element.send_keys(Keys.CONTROL, "a")
            element.send_keys(text)

        self.act(path, replace, f"field {name}")

    def fill_search(self, text):
        self.fill_named("Search by prefix", text)

    def click_check(self, label):
        path = f"//label[contains(normalize-space(.),{quoted(label)})]/input"
        self.act(path, lambda element: element.click(), f"choice {label}")

    def click_id(self, name):
        self.act(f"#{name}", lambda element: element.click(), name)

    def choose(self, label, option):
        self.act(
            f"{field(label)}//option[normalize-space(.)={quoted(option)}]",
            lambda element: element.click(),
            f"{label} {option}",
        )

    def file(self, label, path):
        self.act(field(label), lambda element: element.send_keys(str(path)), f"file of {label}")

    def press(self, *keys):
        """Keys where the focus is."""
        self.driver.switch_to.active_element.send_keys(*keys)

    def is_enabled(self, label, within=""):
        return self.find(f"{within}{button(label)}").is_enabled()

    # MARK: What went wrong

    def complaints(self):
        """What the page's script and its security policy have complained about since the last call.

        Chromium also logs each answer with an error status, which tests cause on purpose.
        """
        return [
            entry["message"]
            for entry in self.driver.get_log("browser")
            if entry["source"] != "network"
        ]

    def picture(self, path):
        """Saves what can be seen."""
        self.driver.save_screenshot(str(path))


def address(view, part):
    return f"#/{view}" if part is None else f"#/{view}/{quote(part, safe='')}"


def button(label):
    named = f"[normalize-space(.)={quoted(label)} or @aria-label={quoted(label)}]"
    return f"//*[self::button or self::a]{named}"


def field(label):
    return (
        f"//label[span[contains(@class,'field-label') and normalize-space(.)={quoted(label)}]"
        f" or normalize-space(.)={quoted(label)}]"
        "/descendant::*[self::input or self::textarea or self::select][1]"
    )


def quoted(text):
    """An XPath literal, which has no escapes."""
    if "'" not in text:
        return f"'{text}'"
    parts = re.split("(')", text)
    literals = ['"\'"' if part == "'" else f"'{part}'" for part in parts if part]
    return f"concat({', '.join(literals)}, '')"
