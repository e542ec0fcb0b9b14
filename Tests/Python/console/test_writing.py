"""Creating, changing and deleting, also while others do the same."""

import json

from selenium.webdriver.common.keys import Keys

from console.running import ConsoleTest


# Only a cluster answers 202 to `Prefer: respond-async`. A single node does that in the JSON form,
# which is sent instead; the operation is a real one.
QUEUE = """
    const send = window.fetch;
    window.fetch = async (path, options) => {
      if (!options.headers.Prefer) return send(path, options);
      const key = decodeURIComponent(path.split("/").pop());
      const value = new TextDecoder().decode(options.body);
      const body = JSON.stringify({ data: { key, value } });
      const { operation } = await (await send("/kv", { method: "PUT", body })).json();
      return new Response("{}", { status: 202, headers: { Location: `/operations/${operation}` } });
    };
"""


class Creating(ConsoleTest):
    def test_create(self):
        """A new key has the value, type and expiry of the form, and appears in the tree."""
        key = f"{self.prefix}dir/new"
        browser = self.open()
        browser.click("New key")
        browser.fill("Key", key)
        browser.fill("Value", '{"a":1}')
        browser.fill("Content type", "application/json")
        browser.choose("Expires", "after…")
        browser.fill_named("How many", "2")
        browser.click("Create")
        browser.see('"a": 1', ".value-text")
        browser.until(lambda: "new" in browser.rows(), "the key in the tree")
        self.assertRegex(browser.facts()["Expires"], r"in (2 h|1 h 59 m)")
        answer = self.get(key)
        self.assertEqual(answer.body, b'{"a":1}')
        self.assertEqual(answer.headers["Content-Type"], "application/json")

    def test_existing(self):
        """Creating a key that exists shows what is there, and overwrites nothing."""
        key = self.prefix + "there"
        self.put(key, "first")
        browser = self.open("new", key)
        browser.fill("Value", "second")
        browser.click("Create")
        browser.see("first", ".theirs")
        self.assertEqual(self.get(key).body, b"first")
        browser.click("Save yours over it")
        browser.see("second", ".value-text")
        self.assertEqual(self.get(key).body, b"second")

    def test_faults(self):
        """A key that can't be one is refused before it is sent."""
        browser = self.open("new", self.prefix)
        browser.fill("Key", "x" * 1025)
        browser.see("at most 1,024 bytes: this one has 1025")
        self.assertFalse(browser.is_enabled("Create"))

    def test_file(self):
        """A file of any bytes becomes the value."""
        path = self.browser.downloads / "bytes.bin"
        path.write_bytes(bytes(range(256)))
        browser = self.open("new", self.prefix + "file")
        browser.file("Or from a file:", path)
        browser.see("bytes.bin, 256 bytes")
        browser.click("Create")
        browser.see("00000000  00 01 02", ".value-hex")
        self.assertEqual(self.get(self.prefix + "file").body, bytes(range(256)))


class Editing(ConsoleTest):
    def setUp(self):
        super().setUp()
        self.key = self.prefix + "doc"
        self.first = self.put(self.key, "one\ntwo\n", ttl=3600, Content_Type="text/x-notes")

    def edit(self, text):
        browser = self.open("keys", self.key)
        browser.click("Edit")
        browser.fill("Value", text)
        return browser

    def test_save(self):
        """An edit keeps the type and the expiry."""
        browser = self.edit("three")
        browser.click("Save")
        browser.see("three", ".value-text")
        answer = self.get(self.key)
        self.assertEqual(answer.body, b"three")
        self.assertEqual(answer.headers["Content-Type"], "text/x-notes")
        self.assertIsNotNone(answer.headers["Expires"])
        self.assertGreater(answer.revision, self.first.revision)

    def test_keyboard(self):
        """`e` edits, Ctrl and Enter save."""
        browser = self.open("keys", self.key)
        browser.see("one", ".value-text")
        browser.press("e")
        browser.fill("Value", "typed")
        browser.press(Keys.CONTROL, Keys.ENTER)
        browser.see("typed", ".value-text")

    def test_conflict(self):
        """What somebody else wrote meanwhile is shown beside the user's, and not overwritten."""
        browser = self.edit("mine")
        theirs = self.put(self.key, "one\ntheirs\n")
        browser.see("This key has been changed since you began.")
        browser.click("Save")
        browser.see("This key was changed while you edited it.")
        browser.see("theirs", ".theirs")
        self.assertEqual(self.get(self.key).revision, theirs.revision)
        # And once more, while both versions are compared.
        theirs = self.put(self.key, "one\nagain\n")
        browser.click("Save yours over it")
        browser.see("again", ".theirs")
        self.assertEqual(self.get(self.key).revision, theirs.revision)
        browser.click("Save yours over it")
        browser.see("mine", ".value .value-text")
        self.assertEqual(self.get(self.key).body, b"mine")

    def test_take_theirs(self):
        browser = self.edit("mine")
        self.put(self.key, "theirs")
        browser.click("Save")
        browser.see("theirs", ".theirs")
        browser.click("Take theirs")
        browser.gone("This key was changed")
        self.assertEqual(browser.find("#edit-text").get_property("value"), "theirs")

    def test_deleted_meanwhile(self):
        browser = self.edit("mine")
        self.client.delete(self.key)
        browser.click("Save")
        browser.see("This key was deleted while you edited it.")
        self.assertEqual(self.get(self.key).status, 404)
        browser.click("Save yours over it")
        browser.see("mine", ".value .value-text")

    def test_touch(self):
        """Touch changes the expiry, and nothing else."""
        browser = self.open("keys", self.key)
        browser.click("Touch")
        browser.choose("Expires", "never")
        browser.click("Touch", "//dialog")
        browser.until(lambda: browser.facts().get("Expires") == "never", "no expiry")
        answer = self.get(self.key)
        self.assertEqual(answer.body, b"one\ntwo\n")
        self.assertIsNone(answer.headers["Expires"])
        self.assertGreater(answer.revision, self.first.revision)

    def test_touch_conflict(self):
        """A touch of a revision that is gone does nothing, and says so."""
        browser = self.open("keys", self.key)
        browser.click("Touch")
        browser.find("//dialog")
        theirs = self.put(self.key, "theirs")
        browser.click("Touch", "//dialog")
        browser.see("It was changed meanwhile, so nothing was done.")
        browser.see("theirs", ".value-text")
        self.assertEqual(self.get(self.key).revision, theirs.revision)

    def test_add(self):
        """A number can be counted up, also by somebody else at the same time."""
        key = self.prefix + "count"
        self.put(key, "41")
        browser = self.open("keys", key)
        browser.click("Add")
        browser.until(lambda: browser.value() == "42", "42")
        self.put(key, "9007199254740993")
        browser.until(lambda: browser.value() == "9007199254740993", "the new number")
        browser.fill("This is a number: add", "-3")
        browser.click("Add")
        browser.until(lambda: browser.value() == "9007199254740990", "the sum")

    def test_change_elsewhere(self):
        """An open entry follows what others write."""
        browser = self.open("keys", self.key)
        browser.see("one", ".value-text")
        self.put(self.key, "from elsewhere")
        browser.see("from elsewhere", ".value-text")
        self.client.delete(self.key)
        browser.see("There is no such key")


class Queued(ConsoleTest):
    def test_queue(self):
        """A write can be queued; a node without a queue carries it out at once."""
        key = self.prefix + "queued"
        browser = self.open("new", key)
        browser.fill("Value", "later")
        browser.click("Queue it")
        browser.see("later", ".value-text")
        self.assertEqual(self.get(key).body, b"later")

    def test_accepted(self):
        """What a cluster has queued is followed until it has been applied."""
        key = self.prefix + "queued"
        browser = self.open("new", key)
        browser.fill("Value", "later")
        browser.run(QUEUE)
        browser.click("Queue it")
        browser.see("has been applied", ".notices")
        browser.see("later", ".value-text")
        browser.go("queue")
        browser.see(f"PUT {key}", ".operations")
        browser.see("applied", ".operations .state")

    def test_follow(self):
        """An operation is followed to its end."""
        answer = self.client.put_document(self.prefix + "op", "x")
        self.assertEqual(answer.status, 202, answer)
        browser = self.open("queue")
        browser.see("Nothing has been queued")
        browser.fill("Follow another operation", json.loads(answer.body)["operation"])
        browser.click("Follow")
        browser.see("applied", ".operations .state")

    def test_unknown(self):
        browser = self.open("queue")
        browser.fill("Follow another operation", "0197c0f4-8b2a-7e21-9d0f-3a6b5c4d2e1f")
        browser.click("Follow")
        browser.see("unknown", ".operations .state")


class Deleting(ConsoleTest):
    def test_delete(self):
        key = self.prefix + "old"
        self.put(key, "x")
        browser = self.open("keys", key)
        browser.until(lambda: "old" in browser.rows(), "the key in the tree")
        browser.click("Delete")
        browser.click("Delete", "//dialog")
        browser.see("There is no such key")
        browser.until(lambda: self.prefix not in browser.rows(), "tree without the empty folder")
        self.assertEqual(self.get(key).status, 404)

    def test_cancel(self):
        key = self.prefix + "kept"
        self.put(key, "x")
        browser = self.open("keys", key)
        browser.click("Delete")
        browser.find("//dialog")
        browser.press(Keys.ESCAPE)
        browser.until(lambda: not browser.all("dialog"), "end of the dialog")
        self.assertEqual(self.get(key).status, 200)

    def test_conflict(self):
        """A key that was changed since it was shown is not deleted."""
        key = self.prefix + "changed"
        self.put(key, "first")
        browser = self.open("keys", key)
        browser.click("Delete")
        browser.find("//dialog")
        self.put(key, "second")
        browser.click("Delete", "//dialog")
        browser.see("It was changed meanwhile, so nothing was done.")
        browser.see("second", ".value-text")
        self.assertEqual(self.get(key).body, b"second")

    def test_prefix(self):
        """All keys under a prefix go after the user has typed it; others stay."""
        self.put_many((f"{self.prefix}gone/{number}", "x") for number in range(2_500))
        self.put(self.prefix + "kept", "x")
        browser = self.open("folder", f"{self.prefix}gone/")
        browser.click("Delete all…")
        browser.see("2,500 keys", "dialog")
        self.assertFalse(browser.is_enabled("Delete all", "//dialog"))
        browser.fill("Type the prefix to confirm", f"{self.prefix}gon", "//dialog")
        self.assertFalse(browser.is_enabled("Delete all", "//dialog"))
        browser.fill("Type the prefix to confirm", f"{self.prefix}gone/", "//dialog")
        browser.click("Delete all", "//dialog")
        browser.see("2,500 keys deleted.")
        self.assertEqual(self.get(f"{self.prefix}gone/7").status, 404)
        self.assertEqual(self.get(self.prefix + "kept").status, 200)
