"""Tokens, a server that is away, and what the page must never do."""

import hashlib
import os
import re
import signal
import tempfile
from pathlib import Path

from selenium.webdriver.common.keys import Keys

import support
from console.running import ConsoleTest
from support.client import Client
from support.server import Server

VIEWS = ("keys", "live", "transfer", "queue", "health")


class Tokens(ConsoleTest):
    """A server that wants tokens."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="kv-tokens-")
        cls.addClassCleanup(folder.cleanup)
        lines = [
            ("operator", "all", "read,write,admin", "*"),
            ("reader", "look", "read", "*"),
            ("team", "team", "read,write", "team/"),
        ]
        path = Path(folder.name) / "tokens"
        path.write_text(
            "".join(
                f"{name} {hashlib.sha256(token.encode()).hexdigest()} {scopes} {prefix}\n"
                for name, token, scopes, prefix in lines
            )
        )
        path.chmod(0o600)
        cls.own = Server(KV_TOKENS_FILE=str(path))
        cls.addClassCleanup(cls.own.stop)

    def setUp(self):
        super().setUp()
        self.url = self.own.url
        client = Client([self.own.port])
        self.addCleanup(client.close)
        for key in ("team/plan", "other/plan"):
            answer = client.put(key, "x", Authorization="Bearer all")
            self.assertIn(answer.status, (200, 201), answer)
        self.browser.forget_token(self.url)
        self.addCleanup(self.browser.forget_token, self.url)

    def enter(self, token, view="keys", part=None):
        browser = self.open(view, part)
        browser.see("This store wants a token")
        browser.fill("Token", token)
        browser.click("Use this token")
        return browser

    def test_entry(self):
        """A token is asked for, kept in this tab, and is no part of the address."""
        browser = self.enter("all")
        browser.row("team/")
        self.assertNotIn("all", browser.driver.current_url.replace("folder", ""))
        self.assertEqual(browser.run("return {...sessionStorage}"), {"kv-token": "all"})
        self.assertEqual(browser.run("return localStorage.length"), 0)
        self.assertEqual(browser.driver.get_cookies(), [])
        browser.driver.refresh()
        browser.row("other/")

    def test_wrong(self):
        browser = self.enter("wrong")
        browser.see("The server does not know this token.")
        browser.fill("Token", "look")
        browser.click("Use this token")
        browser.row("team/")

    def test_reader(self):
        """What a token may not do is grey, and says why."""
        browser = self.enter("look", "keys", "team/plan")
        browser.see("x", ".value-text")
        for label in ("Edit", "Touch", "Delete", "New key"):
            with self.subTest(label):
                self.assertFalse(browser.is_enabled(label))
        title = browser.find("#edit").get_attribute("title")
        self.assertEqual(title, "This needs a token with the scope write.")
        browser.go("health")
        browser.see("No charts for this token")
        browser.go("transfer")
        browser.see("Import")
        self.assertFalse(browser.is_enabled("Import", "//section[@aria-label='Import']"))
        self.assertTrue(browser.is_enabled("Export", "//section[@aria-label='Export']"))

    def test_prefix(self):
        """A token for a prefix sees that prefix, and can work there."""
        browser = self.enter("team")
        browser.see("Your token sees only team/")
        browser.until(lambda: browser.rows() == ["plan"], "the team's key")
        browser.row("plan")
        browser.click("Edit")
        browser.fill("Value", "changed")
        browser.click("Save")
        browser.see("changed", ".value-text")
        browser.go("live")
        browser.see("Live", ".pill")
        browser.go("new", "other/")
        browser.fill("Key", "other/x")
        browser.until(lambda: not browser.is_enabled("Create"), "grey button")

    def test_who(self):
        """The token's dialog says what it may, and can forget it."""
        browser = self.enter("team")
        browser.click_id("who")
        browser.see("You are team.", "dialog")
        browser.see("may not admin", "dialog")
        browser.click("Forget the token")
        browser.see("This store wants a token")
        self.assertEqual(browser.run("return sessionStorage.length"), 0)

    def test_health_without_token(self):
        """Health is for everybody."""
        browser = self.open("health")
        browser.see("Database")
        browser.see("healthy", ".components")


class Away(ConsoleTest):
    """A server that goes away and comes back."""

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory(prefix="kv-away-")
        self.addCleanup(folder.cleanup)
        self.settings = {
            "KV_LISTEN": f"127.0.0.1:{support.free_port()}",
            "KV_DATA_DIR": folder.name,
        }
        self.own = Server(**self.settings)
        self.addCleanup(lambda: self.own.stop())
        self.url = self.own.url
        self.client = Client([self.own.port])
        self.addCleanup(self.client.close)

    def crash(self):
        os.kill(self.own.process.pid, signal.SIGKILL)
        self.own.process.wait()
        self.client.close()

    def restart(self):
        self.own.stop()
        self.own = Server(**self.settings)

    def test_reconnect(self):
        """The page says that the server is away, loses nothing, and goes on when it is back."""
        self.put(self.prefix + "a", "first")
        browser = self.open("keys", self.prefix + "a")
        browser.see("first", ".value-text")
        browser.click("Edit")
        browser.fill("Value", "edited while it was away")
        self.crash()
        browser.see("The server does not answer.", ".down-bar")
        browser.click("Save")
        browser.see("It is not known whether this took effect.", ".trouble")
        self.restart()
        browser.until(lambda: not browser.all(".down-bar"), "connection", seconds=30)
        browser.click("Save")
        browser.see("edited while it was away", ".value .value-text")

    def test_views(self):
        """Each view says that nothing can be had, and fills by itself later."""
        self.crash()
        self.restart()
        self.put(self.prefix + "a", "first")
        browser = self.open("keys")
        browser.until(lambda: self.prefix in browser.rows(), "the folder")
        self.crash()
        browser.row(self.prefix)
        browser.see("The server does not answer", ".tree")
        browser.go("health")
        browser.see("unreachable", ".pill")
        browser.go("keys", self.prefix + "a")
        browser.see("The server does not answer", ".trouble")
        self.restart()
        browser.see("first", ".value-text", seconds=30)
        browser.until(lambda: "a" in browser.rows(), "its row")

    def test_live(self):
        """Live changes go on when the server is back."""
        browser = self.open("live", self.prefix)
        browser.see("Live", ".pill")
        self.crash()
        browser.see("The connection is lost", ".pill")
        self.restart()
        browser.until(lambda: browser.text(".pill") == "Live", "live stream", seconds=30)
        self.put(self.prefix + "after", "x")
        browser.see(f"{self.prefix}after", ".events")


class Page(ConsoleTest):
    def test_opening_changes_nothing(self):
        """Opening every view only reads."""
        key = self.prefix + "still"
        self.put(key, "x", ttl=600)
        before = self.writes()
        self.assertGreater(before, 0)
        for view in VIEWS:
            self.open(view).find("main section")
        self.open("keys", key).see("x", ".value-text")
        self.open("keys", self.prefix + "missing").see("There is no such key")
        self.open("folder", self.prefix).click("Count")
        self.browser.see("1", ".figure")
        for view in ("new", "live", "transfer"):
            self.open(view, self.prefix).find("form")
        self.assertEqual(self.writes(), before)
        self.assertEqual(self.client.get(key).headers["ETag"], self.get(key).headers["ETag"])

    def writes(self):
        """How many requests that are no reads the server has answered."""
        text = self.client.request("GET", "/metrics").body.decode()
        pattern = r'^kv_http_requests_total\{.*method="(PUT|POST|PATCH|DELETE)".*\} (\d+)$'
        return sum(int(count) for _, count in re.findall(pattern, text, re.MULTILINE))

    def test_alone(self):
        """The page asks no other server, and its policy forbids it to."""
        browser = self.open()
        browser.find(".tree-pane")
        names = browser.run(
            "return performance.getEntriesByType('resource').map(({ name }) => name)"
        )
        self.assertEqual([name for name in names if not name.startswith(self.url)], [])
        policy = self.client.request("GET", "/").headers["Content-Security-Policy"]
        self.assertIn("default-src 'none'", policy)
        self.assertNotIn("unsafe", policy)

    def test_policy(self):
        """Text can't be made into markup or into a script, not even by the page's own code."""
        browser = self.open()
        browser.find(".tree-pane")
        for attempt in (
            "document.body.innerHTML += '<img src=x onerror=\\'document.title = 1\\'>'",
            "document.body.setAttribute('onclick', 'document.title = 1')",
            "const one = document.createElement('script'); one.textContent = 'document.title = 1';"
            "document.body.append(one)",
        ):
            with self.subTest(attempt):
                refusal = browser.run(f"try {{ {attempt} }} catch (error) {{ return error.name }}")
                self.assertEqual(refusal, "TypeError")
        # The policy's refusals are in the log.
        browser.until(browser.complaints, "complaints")
        self.assertEqual(browser.driver.title, "Key-value store")

    def test_charts(self):
        """Charts of this node appear, and have a figure."""
        browser = self.open("health")
        browser.see("Requests")
        self.assertEqual(len(browser.all(".chart")), 4)
        browser.until(
            lambda: self.get(self.prefix) and re.search(r"\d", browser.text(".chart-now")), "figure"
        )

    def test_charts_behind_a_proxy(self):
        """Where /metrics is not passed on, the page says so and shows what it can know."""
        browser = self.open()
        browser.find(".tree-pane")
        browser.run(
            "const send = window.fetch;"
            "window.fetch = (path, options) => path === '/metrics'"
            " ? Promise.resolve(new Response('{}', { status: 404 })) : send(path, options);"
        )
        browser.go("health")
        browser.see("The proxy does not pass on /metrics")
        browser.see("Cache hits", ".chart")
        self.assertEqual(len(browser.all(".chart")), 1)

    def test_names(self):
        """Everything that can be used has a name that is read out."""
        self.put(self.prefix + "a", "1")
        for view, part in [(view, None) for view in VIEWS] + [
            ("keys", self.prefix + "a"),
            ("folder", self.prefix),
            ("new", self.prefix),
        ]:
            with self.subTest(view):
                browser = self.open(view, part)
                browser.find("main section, main form")
                self.assertEqual(browser.run(NAMELESS), [])

    def test_focus(self):
        """The Tab key reaches everything, and shows where it is."""
        browser = self.open()
        browser.find(".tree-pane")
        seen = []
        for _ in range(12):
            browser.press(Keys.TAB)
            seen.append(
                browser.run(
                    "const one = document.activeElement; const style = getComputedStyle(one);"
                    "return [one.id || one.textContent || one.className,"
                    " style.outlineStyle !== 'none']"
                )
            )
        self.assertEqual([name for name, is_visible in seen if not is_visible], [])
        self.assertIn("search", [name for name, _ in seen])

    def test_help(self):
        browser = self.open()
        browser.find(".tree-pane")
        browser.press("?")
        browser.see("Search", "dialog")
        browser.press(Keys.ESCAPE)
        browser.until(lambda: not browser.all("dialog"), "end of the dialog")
        browser.press("5")
        browser.find("//h1[.='Health']")

    def test_phone(self):
        """On a phone nothing is wider than the screen, and one part is shown at a time."""
        key = self.prefix + "a/" + "long-name-" * 12
        self.put(key, "word " * 200)
        self.browser.resize(390, 844)
        self.addCleanup(self.browser.resize)
        for view, part in [(view, None) for view in VIEWS] + [
            ("keys", key),
            ("folder", self.prefix),
            ("new", self.prefix),
        ]:
            with self.subTest(f"{view} {part}"):
                browser = self.open(view, part)
                browser.find("main section, main form, main article")
                self.assertLessEqual(
                    browser.run("return document.documentElement.scrollWidth"), 390
                )
        browser = self.open()
        browser.row(self.prefix)
        self.assertFalse(browser.all(".tree-pane")[0].is_displayed())
        browser.click("Back to the keys")
        browser.find(".tree-pane")

    def test_reduced_motion(self):
        """Nothing moves for those who want that."""
        self.browser.prefer(prefers_reduced_motion="reduce")
        self.addCleanup(self.browser.prefer)
        browser = self.open()
        browser.find(".tree-pane")
        duration = browser.run(
            "const twist = document.querySelector('.twist .icon') ?? document.body;"
            "return getComputedStyle(twist).transitionDuration"
        )
        self.assertEqual(duration, "0s")


NAMELESS = """
  return [...document.querySelectorAll('button, a, input, select, textarea, [role=tree]')]
    .filter((one) => {
      const labels = [...(one.labels ?? [])].map((label) => label.textContent).join('');
      return !(one.getAttribute('aria-label') || one.textContent.trim() || labels.trim());
    })
    .map((one) => one.outerHTML);
"""
