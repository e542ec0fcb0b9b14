"""Changes as they happen."""

from console.running import ConsoleTest


class Live(ConsoleTest):
    def test_events(self):
        """Writes under the prefix appear, and no others."""
        browser = self.open("live", self.prefix)
        browser.see("Live", ".pill")
        self.put(self.prefix + "a", "x")
        self.put("elsewhere/" + self.prefix, "x")
        self.client.delete(self.prefix + "a")
        self.put(self.prefix + "b", "x")
        browser.see(f"{self.prefix}b", ".events")
        kinds = [line.text for line in browser.all(".events .state")]
        self.assertEqual(kinds, ["put", "delete", "put"])
        self.assertNotIn("elsewhere", browser.text(".events"))
        browser.click(f"{self.prefix}b")
        browser.see(f"{self.prefix}b", "h1.key")

    def test_values(self):
        browser = self.open("live", self.prefix)
        browser.find("//label[contains(.,'with values')]/input").click()

        def is_shown():
            # The stream without values may be followed for a moment longer.
            self.put(self.prefix + "a", "the value")
            return "the value" in browser.text(".events")

        browser.until(is_shown, "“the value”")

    def test_expiry(self):
        """An expiry is a change too."""
        browser = self.open("live", self.prefix)
        browser.see("Live", ".pill")
        self.put(self.prefix + "soon", "x", ttl=1)
        browser.see("expire", ".events", seconds=20)

    def test_pause(self):
        browser = self.open("live", self.prefix)
        browser.see("Live", ".pill")
        browser.click("Pause")
        browser.see("Paused", ".pill")
        self.put(self.prefix + "unseen", "x")
        browser.click("Go on")
        browser.see("Live", ".pill")
        self.put(self.prefix + "seen", "x")
        browser.see(f"{self.prefix}seen", ".events")

    def test_many(self):
        """Thousands of changes don't freeze the page; it keeps the newest."""
        browser = self.open("live", self.prefix)
        browser.see("Live", ".pill")
        self.put_many((f"{self.prefix}{number:05}", "x") for number in range(5_000))
        browser.see("5,000 changes, the newest 500 shown")
        self.assertEqual(len(browser.all(".events li")), 500)
