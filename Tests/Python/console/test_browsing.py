"""Looking at keys and values."""

import json
import struct
import time
import zlib

from selenium.webdriver.common.keys import Keys

from console.running import ConsoleTest


class Tree(ConsoleTest):
    def test_folders(self):
        """Folders open by a click, and show their keys."""
        for name in ("a/b/c", "a/d", "e"):
            self.put(self.prefix + name, name)
        browser = self.open()
        browser.row(self.prefix)
        browser.fill_search(self.prefix)
        browser.until(lambda: browser.rows() == ["a/", "e"], "its keys alone")
        browser.row("a/")
        browser.row("b/")
        browser.row("c")
        browser.see(f"{self.prefix}a/b/c", "h1")
        self.assertEqual(browser.value(), "a/b/c")
        self.assertEqual(browser.facts()["Version"], "1")

    def test_address(self):
        """The address of an entry leads to it, with its folders open."""
        self.put(self.prefix + "a/b", "here")
        browser = self.open("keys", self.prefix + "a/b")
        browser.see("here", ".value-text")
        browser.find("//div[@role='treeitem'][@aria-selected='true'][contains(.,'b')]")

    def test_odd_keys(self):
        """Keys that a careless page would get wrong are found in the tree, and read."""
        names = [
            "folder/",
            "100%",
            "%2F",
            "me@home",
            "x//y",
            "+ plus & q?a=1#b",
            "<b>bold",
            "ü/ñ 😀",
            "'\"",
            "back\\slash",
            " ",
        ]
        for name in names:
            self.put(self.prefix + name, f"value of {name}")
        browser = self.open()
        browser.fill_search(self.prefix)
        browser.see("me@home", ".tree")
        for name in names:
            with self.subTest(name):
                *folders, last = name.split("/")
                for folder in folders:
                    browser.row(f"{folder or 'empty name'}/")
                browser.row(last or "empty name")
                browser.until(
                    lambda wanted=name: browser.value() == f"value of {wanted}", f"value of {name}"
                )

    def test_keys_named_like_routes(self):
        """A key may be called like a path of the API, or like a step out of a folder."""
        names = ["health", "metrics", "../x", "kv", "/leading", "//", "docs#a", "...", "./y"]
        for name in names:
            self.put(name, f"value of {name}")
            self.addCleanup(self.client.delete, name.replace("/", "%2F").replace("#", "%23"))
        for name in names:
            with self.subTest(name):
                browser = self.open("keys", name)
                browser.see(f"value of {name}", ".value-text")
                self.assertEqual(browser.text("h1.key"), name)

    def test_dots(self):
        """`.` and `..`, which no path in a browser can name, are created, read and deleted."""
        for name in (".", ".."):
            browser = self.open("new", name)
            browser.fill("Value", "dots")
            browser.click("Create")
            browser.see("dots", ".value-text")
            browser.click("Delete")
            browser.click("Delete", "//dialog")
            browser.see("There is no such key")

    def test_siblings(self):
        """100,000 keys in a folder don't freeze the page, and their end can be reached."""
        self.put_many((f"{self.prefix}many/{number:06}", "") for number in range(100_000))
        browser = self.open("folder", f"{self.prefix}many/")
        browser.click("Count")
        browser.see("100,000", ".figure")
        browser.row("many/")
        browser.see("000000", ".tree")
        answered = []

        def drag_down():
            """As a person drags the scroll bar to its end; returns how many rows are read."""
            start = time.monotonic()
            count = browser.run(
                "const tree = document.querySelector('.tree');"
                "tree.scrollTop = tree.scrollHeight; return tree.scrollHeight / 28;"
            )
            answered.append(time.monotonic() - start)
            return count

        browser.until(lambda: drag_down() > 20_000, "20,000 rows", seconds=60)
        self.assertLess(max(answered), 2, "the page did not answer")
        self.assertLess(len(browser.rows()), 200)
        # The search leads to any of them at once.
        browser.fill_search(f"{self.prefix}many/09999")
        browser.until(lambda: browser.rows() == [f"09999{last}" for last in range(10)], "ten rows")
        browser.row("099999")
        browser.see(f"{self.prefix}many/099999", "h1")

    def test_search(self):
        """The search lists what begins with its text, also within a name."""
        for name in ("user-1", "user-2/x", "visit"):
            self.put(self.prefix + name, "")
        browser = self.open()
        browser.find("#search")
        browser.press("/")
        browser.press(f"{self.prefix}us")
        browser.until(lambda: browser.rows() == ["user-1", "user-2/"], "two rows")
        browser.press("zz")
        browser.see("No key begins with this")
        browser.press(Keys.ESCAPE)
        browser.until(lambda: self.prefix in browser.rows(), "all rows")

    def test_keyboard(self):
        """The tree is one stop of the Tab key, and the arrows move in it."""
        for name in ("a/b", "a/c"):
            self.put(self.prefix + name, f"value of {name}")
        browser = self.open()
        browser.fill_search(self.prefix)
        browser.until(lambda: browser.rows() == ["a/"], "the folder")
        browser.run("document.querySelector('.tree').focus()")
        browser.press(Keys.HOME, Keys.ARROW_RIGHT)
        browser.until(lambda: browser.rows() == ["a/", "b", "c"], "its keys")
        browser.press(Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ENTER)
        browser.see("value of a/c", ".value-text")
        browser.press(Keys.ARROW_LEFT, Keys.ARROW_LEFT)
        browser.until(lambda: browser.rows() == ["a/"], "the closed folder")


class Values(ConsoleTest):
    def look(self, name, value, **options):
        self.put(self.prefix + name, value, **options)
        return self.open("keys", self.prefix + name)

    def test_text(self):
        """Text is shown as it is: markup in it is no markup of the page."""
        text = "<img src=x onerror=alert(1)> &amp;\n\tüñ 😀"
        browser = self.look("text", text.encode())
        browser.see("<img src=x", ".value-text")
        self.assertEqual(
            browser.run("return document.querySelector('.value-text').textContent"), text
        )

    def test_json(self):
        """JSON gets a line for each member, and numbers keep all their digits."""
        text = '{"id":9007199254740993,"list":[1,{}],"text":"a:{,","null":null,"e":1e400}'
        browser = self.look("json", text, Content_Type="application/json")
        browser.see("9007199254740993", ".value-text")
        lines = browser.value().splitlines()
        self.assertEqual(lines[:2], ["{", '  "id": 9007199254740993,'])
        self.assertIn('  "e": 1e400', lines)
        self.assertEqual(browser.text(".json-string"), '"a:{,"')
        browser.click("Text")
        browser.until(lambda: browser.value() == text, "the text as it is")

    def test_broken_json(self):
        """What only claims to be JSON is shown as text."""
        browser = self.look("broken", '{"a":', Content_Type="application/json")
        browser.see('{"a":', ".value-text")
        self.assertEqual(browser.text(".tabs").split(), ["Text", "Hex"])

    def test_image(self):
        """An image is shown as one, and as bytes."""
        browser = self.look("image", png(12, 8), Content_Type="image/png")
        browser.see("12 × 8", "figcaption")
        browser.click("Hex")
        browser.see("00000000  89 50 4e 47", ".value-hex")

    def test_bytes(self):
        """Bytes that are no text are shown in hexadecimal."""
        browser = self.look("bytes", bytes(range(256)))
        browser.see("00000010  10 11 12 13", ".value-hex")

    def test_empty(self):
        browser = self.look("empty", b"")
        browser.see("The value is empty.")

    def test_large(self):
        """Of a large value only a part is read, until the user wants all."""
        text = "".join(f"line {number}\n" for number in range(60_000))
        browser = self.look("large", text)
        browser.see("These are the first 256 KiB of")
        self.assertNotIn("line 59999", browser.value())
        browser.click("Load all")
        browser.see("line 59999", ".value-text")
        browser.gone("These are the first")

    def test_expiry(self):
        """A time to live counts down, and the key goes when it is over."""
        browser = self.look("soon", "gone", ttl=4)
        browser.until(lambda: browser.facts().get("Expires", "").startswith("in "), "countdown")
        first = browser.facts()["Expires"]
        browser.until(lambda: browser.facts().get("Expires") != first, "another second")
        browser.see("There is no such key")

    def test_missing(self):
        """The address of a key that is not there says so, and offers to create it."""
        browser = self.open("keys", self.prefix + "missing")
        browser.see("There is no such key")
        browser.click("Create it")
        browser.find("//h1[.='New key']")


def png(width, height):
    """An image of one colour."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    rows = b"".join(b"\0" + b"\x40\x60\xc0" * width for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
