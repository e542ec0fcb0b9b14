"""Export and import."""

import base64
import json
import time

from console.running import ConsoleTest
from support import wait_until


class Transfer(ConsoleTest):
    def setUp(self):
        super().setUp()
        for left in self.browser.downloads.glob("*"):
            left.unlink()

    def export(self, prefix):
        """The lines of an export, made with the button."""
        browser = self.open("transfer", prefix)
        browser.click("Export", "//section[@aria-label='Export']")
        browser.see("Your browser has the file.")
        found = wait_until(
            lambda: list(self.browser.downloads.glob("keys-*.ndjson")), 15, "downloaded file"
        )
        return [json.loads(line) for line in found[0].read_text().splitlines()]

    def import_lines(self, lines, *choices, action="Import"):
        path = self.browser.downloads / "import.ndjson"
        path.write_text("".join(f"{line}\n" for line in lines))
        browser = self.open("transfer")
        browser.file("File", path)
        for choice in choices:
            browser.click_check(choice)
        browser.click(action, "//section[@aria-label='Import']")
        return browser

    def line(self, name, value, **members):
        return json.dumps({"key": self.prefix + name, "value": value} | members)

    def test_round_trip(self):
        """An export holds every byte, type and expiry; an import brings them back."""
        self.put(self.prefix + "text", "grüße 😀\n", Content_Type="text/x-greeting")
        self.put(self.prefix + "bytes", bytes(range(256)))
        self.put(self.prefix + "soon", "x", ttl=3600)
        lines = self.export(self.prefix)
        names = [line["key"].removeprefix(self.prefix) for line in lines]
        self.assertEqual(names, ["bytes", "soon", "text"])
        self.assertEqual(base64.b64decode(lines[0]["value_base64"]), bytes(range(256)))
        self.assertIsNone(lines[0]["expires_at"])
        self.assertEqual(lines[2]["value"], "grüße 😀\n")
        self.assertEqual(lines[2]["content_type"], "text/x-greeting")
        for name in names:
            self.client.delete(self.prefix + name)
        browser = self.import_lines(json.dumps(line) for line in lines)
        browser.see("3 entries stored.")
        self.assertEqual(self.get(self.prefix + "bytes").body, bytes(range(256)))
        self.assertEqual(self.get(self.prefix + "text").headers["Content-Type"], "text/x-greeting")
        expires = self.get(self.prefix + "soon").headers["Expires"]
        self.assertIsNotNone(expires)

    def test_pages(self):
        """More keys than a page has are all exported."""
        self.put_many((f"{self.prefix}{number:05}", "x") for number in range(2_300))
        self.assertEqual(len(self.export(self.prefix)), 2_300)

    def test_broken_line(self):
        """A broken line is named, and what follows it waits for the user."""
        lines = [self.line("a", "x"), '{"key":', self.line("b", "x")]
        browser = self.import_lines(lines)
        browser.see("Line 2: this is not JSON", ".faults")
        browser.see("1 entries stored, 1 broken.")
        self.assertEqual(self.get(self.prefix + "a").status, 200)
        self.assertEqual(self.get(self.prefix + "b").status, 404)

    def test_go_on(self):
        """With the choice made, each broken line is named and the others are stored."""
        past = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60))
        lines = [
            self.line("a", "x"),
            "",
            "[]",
            self.line("b", "x", tll=5),
            '{"value":"x"}',
            json.dumps({"key": self.prefix + "c", "value_base64": "?"}),
            json.dumps({"key": self.prefix + "c"}),
            self.line("c", "x", expires_at="soon"),
            self.line("", "x").replace(self.prefix, ""),
            self.line("c", "x" * 1_100_000),
            self.line("gone", "x", expires_at=past),
            self.line("d", "x"),
        ]
        browser = self.import_lines(lines, "go on after a broken line")
        browser.see("2 entries stored, 1 expired already, 8 broken.")
        faults = browser.text(".faults").splitlines()
        numbers = [fault.split(":")[0] for fault in faults]
        self.assertEqual(numbers, [f"Line {number}" for number in range(3, 11)])
        self.assertIn("there is no member tll", faults[1])
        self.assertEqual(self.get(self.prefix + "d").status, 200)

    def test_leave_existing(self):
        """Keys that exist can be left alone."""
        self.put(self.prefix + "a", "mine")
        lines = [self.line("a", "theirs"), self.line("b", "theirs")]
        browser = self.import_lines(lines, "leave keys alone that exist already")
        browser.see("1 entries stored, 1 left alone.")
        self.assertEqual(self.get(self.prefix + "a").body, b"mine")

    def test_check(self):
        """A check writes nothing."""
        browser = self.import_lines([self.line("a", "x")], action="Check only")
        browser.see("1 good lines.")
        self.assertEqual(self.get(self.prefix + "a").status, 404)
