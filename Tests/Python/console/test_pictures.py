"""Pictures of the console, as in the documents: KV_PICTURES=docs makes them anew.

    KV_PICTURES=docs scripts/pytest Tests/Python/console/test_pictures.py

They are always drawn, on a server of their own, so that they can be made whenever they are needed.
"""

import json
import os
import tempfile
from pathlib import Path

from console.running import ConsoleTest
from support.client import Client
from support.server import Server

CONFIGURATION = {
    "name": "checkout",
    "replicas": 3,
    "features": {"search": True, "gift_cards": None},
    "limits": {"requests_per_second": 250.5, "basket_items": 100},
    "owner": "team-payments",
    "account": 9007199254740993,
}


class Pictures(ConsoleTest):
    @classmethod
    def setUpClass(cls):
        cls.own = Server()
        cls.addClassCleanup(cls.own.stop)
        folder = tempfile.TemporaryDirectory(prefix="kv-pictures-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(os.environ.get("KV_PICTURES") or folder.name)

    def setUp(self):
        super().setUp()
        self.url = self.own.url
        self.client.close()
        self.client = Client([self.own.port])
        self.addCleanup(self.client.close)
        self.addCleanup(self.browser.resize)
        self.addCleanup(self.browser.prefer)
        self.put("app/config", json.dumps(CONFIGURATION), Content_Type="application/json")
        for name in ("feature-flags/search", "feature-flags/gift-cards", "motd"):
            self.put(f"app/{name}", "on")
        self.put("app/visits", "10418")
        for number, user in enumerate(("ada", "grace", "linus", "margaret")):
            value = json.dumps({"user": user, "roles": ["customer"], "visits": 12})
            ttl = 600 + 400 * number
            self.put(f"sessions/{user}", value, ttl, Content_Type="application/json")
        for name in ("carts/", "catalogue/", "orders/2026/"):
            self.put_many((f"{name}{number:05}", "x") for number in range(20))
        self.put("welcome.html", "<h1>Welcome</h1>", Content_Type="text/html")

    def save(self, name):
        path = self.folder / f"console-{name}.png"
        self.browser.picture(path)
        self.assertGreater(path.stat().st_size, 5_000)

    def show_entry(self):
        browser = self.open("keys", "app/config")
        browser.see("team-payments", ".value-text")
        browser.until(lambda: "motd" in browser.rows(), "the tree")
        return browser

    def test_light(self):
        self.browser.resize(1120, 680)
        self.browser.prefer(prefers_color_scheme="light")
        self.show_entry()
        self.save("light")

    def test_dark(self):
        """Two versions of a value, side by side."""
        self.browser.resize(1120, 680)
        self.browser.prefer(prefers_color_scheme="dark")
        self.put("app/motd", "Welcome to the shop.\nWe are open.\n")
        browser = self.open("keys", "app/motd")
        browser.click("Edit")
        browser.fill("Value", "Welcome to the shop.\nWe are open, also on Sundays.\n")
        self.put("app/motd", "Welcome to the shop.\nWe are closed today.\n")
        browser.see("This key has been changed")
        browser.click("Save")
        browser.see("closed today", ".theirs")
        browser.until(lambda: "motd" in browser.rows(), "the tree")
        self.save("dark")

    def test_phone(self):
        self.browser.resize(390, 720)
        self.browser.prefer(prefers_color_scheme="light")
        browser = self.open("keys", "sessions/ada")
        browser.see("ada", ".value-text")
        self.save("phone")

