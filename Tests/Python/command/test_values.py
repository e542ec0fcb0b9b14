"""kv get, put, rm, ls, touch, add, edit, batch, op."""

import json
import os
import stat
import unittest

import support
from command.shell import kv


class Values(unittest.TestCase):
    def test_argument_and_output(self):
        """A value comes back byte for byte; put prints the revision."""
        revision = kv("put", "v/a", "Hello").text.strip()
        done = kv("get", "v/a")
        self.assertEqual(done.bytes, b"Hello")
        entry = kv("get", "--json", "v/a").json[0]
        self.assertEqual(str(entry["revision"]), revision)
        self.assertEqual((entry["value"], entry["version"]), ("Hello", 1))

    def test_binary_pipe(self):
        """Any bytes go through a pipe, also none, and more than a buffer holds."""
        for value in [bytes(range(256)) * 4_000, b"", b"\n"]:
            kv("put", "v/pipe", stdin=value)
            self.assertEqual(kv("get", "v/pipe").bytes, value)
        kv("put", "v/bytes", stdin=b"\xff\x00")
        self.assertEqual(kv("get", "--json", "v/bytes").json[0]["value_base64"], "/wA=")

    def test_file_and_type(self):
        with support_folder() as folder:
            path = folder / "photo"
            path.write_bytes(b"\x89PNG")
            kv("put", "--file", path, "--type", "image/png", "v/photo")
            done = kv("put", "--file", folder / "none", "v/none", code=1)
            self.assertIn("No such file", done.errors)
            kv("put", "--file", folder, "v/none", code=1)
        self.assertEqual(kv("get", "--json", "v/photo").json[0]["content_type"], "image/png")

    def test_odd_keys(self):
        """Keys keep every byte: dots, empty segments, spaces, percent signs, other alphabets."""
        odd = ["a/../b", "//c", "d%2Fe", "f g", "h+i", "€", "j?ttl=60", "k#l", "..", ".", "m/"]
        for key in odd:
            with self.subTest(key=key):
                kv("put", key, key)
                self.assertEqual(kv("get", key).text, key)
                self.assertIn(key, kv("ls", key).lines)
                kv("rm", key)
                kv("get", key, code=3)

    def test_ttl(self):
        kv("put", "--ttl", "1h", "v/ttl", "x")
        self.assertIsNotNone(kv("get", "--json", "v/ttl").json[0]["expires_at"])
        kv("put", "--ttl", "1w", "v/ttl", "x", code=2)

    def test_conditions(self):
        """Conditions decide, and their failure has an exit code of its own."""
        first = kv("put", "--if-none-match", "*", "v/cond", "1").text.strip()
        done = kv("put", "--if-none-match", "*", "v/cond", "2", code=4)
        self.assertIn(first, done.errors)
        second = kv("put", "--if-match", first, "v/cond", "2").text.strip()
        kv("put", "--if-match", first, "v/cond", "3", code=4)
        kv("rm", "--if-match", first, "v/cond", code=4)
        kv("rm", "--if-match", second, "v/cond")
        kv("put", "--if-match", "x", "v/cond", "3", code=2)

    def test_missing(self):
        done = kv("get", "v/missing", code=3)
        self.assertEqual(done.bytes, b"")
        self.assertIn("kv: ", done.errors)
        kv("rm", "v/missing", code=3)

    def test_remove_several(self):
        """All keys that can be deleted are; each that can't be is named."""
        for key in ["v/rm1", "v/rm2"]:
            kv("put", key, "x")
        done = kv("rm", "v/rm1", "v/none", "v/rm2", code=3)
        self.assertIn("v/none", done.errors)
        self.assertEqual(kv("ls", "v/rm").lines, [])
        revision = kv("put", "v/rm1", "x").text.strip()
        kv("put", "v/rm2", "x")
        kv("rm", "--if-match", revision, "v/rm2", "v/none", "v/rm1", code=4)
        self.assertEqual(kv("ls", "v/rm").lines, ["v/rm2"])

    def test_fresh(self):
        kv("put", "v/fresh", "x")
        self.assertEqual(kv("get", "--fresh", "v/fresh").text, "x")

    def test_usage(self):
        """A wrong command line is 2, for each of its forms."""
        kv("put", code=2)
        kv("get", "--nonsense", "a", code=2)
        kv("nonsense", code=2)
        kv("put", "--file", "x", "a", "value", code=2)
        kv("get", "a", KV_URL="localhost:1", code=2)
        kv("get", "", code=2)
        for option in ["--tree", "--long", "--reverse", "--limit=1", "--delimiter=/"]:
            kv("ls", "--count", option, code=2)

    def test_help(self):
        self.assertIn("EXIT CODES", kv("--help").text)
        self.assertIn("EXAMPLES", kv("help", "lock").text)
        self.assertRegex(kv("--version").text, r"^\d+\.\d+\.\d+$")

    def test_reader_leaves(self):
        """A reader that leaves, as `head` does, ends kv without a message."""
        import subprocess

        from command import shell

        done = subprocess.run(
            f"'{support.BINARIES / 'kv'}' get v/long | head -c 1; exit ${{PIPESTATUS[0]}}",
            shell=True, executable="/bin/bash", capture_output=True, env=shell.environment(),
        )  # fmt: skip
        self.assertIn(done.returncode, (0, 3, 141))
        self.assertNotIn(b"written", done.stderr)


class Lists(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        for key in ["l/a", "l/b/1", "l/b/2", "l/c"]:
            kv("put", key, "12345")

    def test_plain(self):
        self.assertEqual(kv("ls", "l/").lines, ["l/a", "l/b/1", "l/b/2", "l/c"])
        self.assertEqual(kv("ls", "--limit", 2, "l/").lines, ["l/a", "l/b/1"])
        self.assertEqual(kv("ls", "none/").lines, [])

    def test_long_and_json(self):
        self.assertRegex(kv("ls", "--long", "l/a").text, r"^ +5  20\d\d-.*l/a  \(text/plain")
        found = kv("ls", "--json", "--values", "l/b/").json
        self.assertEqual([entry["value"] for entry in found], ["12345"] * 2)

    def test_tree(self):
        self.assertEqual(
            kv("ls", "--tree", "l/").lines, ["a", "b/", "  1", "  2", "c"]
        )

    def test_delimiter(self):
        self.assertEqual(kv("ls", "--delimiter", "/", "l/").lines, ["l/a", "l/b/", "l/c"])

    def test_reverse(self):
        self.assertEqual(kv("ls", "--reverse", "--limit", 2, "l/").lines, ["l/c", "l/b/2"])

    def test_count(self):
        self.assertEqual(kv("ls", "--count", "l/").text, "4\n")
        self.assertEqual(kv("ls", "--count", "--json", "l/").json, [{"count": 4}])

    def test_remove_prefix(self):
        """Without a terminal nobody can be asked: nothing is deleted without --yes."""
        for number in range(3):
            kv("put", f"rmp/{number}", "x")
        kv("rm", "--prefix", "rmp/", code=2)
        self.assertEqual(len(kv("ls", "rmp/").lines), 3)
        self.assertEqual(kv("rm", "--prefix", "--yes", "rmp/").text, "3\n")
        self.assertEqual(kv("rm", "--prefix", "--yes", "rmp/").text, "0\n")
        kv("rm", "--prefix", "--yes", "", code=2)


class Changes(unittest.TestCase):
    def test_touch(self):
        first = kv("put", "t/a", "x").text
        second = kv("touch", "--ttl", "1h", "t/a").text
        self.assertNotEqual(first, second)
        self.assertIsNotNone(kv("get", "--json", "t/a").json[0]["expires_at"])
        kv("touch", "--no-ttl", "--type", "text/html", "t/a")
        entry = kv("get", "--json", "t/a").json[0]
        self.assertEqual((entry["expires_at"], entry["content_type"]), (None, "text/html"))
        kv("touch", "t/none", code=3)

    def test_add(self):
        self.assertEqual(kv("add", "t/n").text, "1\n")
        self.assertEqual(kv("add", "t/n", "41").text, "42\n")
        self.assertEqual(kv("add", "t/n", "--", "-2").text, "40\n")
        kv("put", "t/word", "word")
        kv("add", "t/word", code=1)

    def test_edit(self):
        kv("put", "--ttl", "1h", "--type", "application/json", "t/edit", '{"a":1}')
        kv("edit", "t/edit", EDITOR="sed -i s/1/2/")
        entry = kv("get", "--json", "t/edit").json[0]
        self.assertEqual((entry["value"], entry["content_type"]), ('{"a":2}', "application/json"))
        self.assertIsNotNone(entry["expires_at"])
        self.assertIn("Nothing", kv("edit", "t/edit", EDITOR="true").errors)

    def test_edit_new(self):
        kv("edit", "t/edit-new", VISUAL="sh -c 'echo made > \"$1\"' sh")
        self.assertEqual(kv("get", "t/edit-new").text, "made\n")

    def test_edit_conflict(self):
        """A concurrent change is not overwritten, and the text is kept."""
        kv("put", "t/conflict", "one")
        meanwhile = f"{support.BINARIES / 'kv'} put t/conflict theirs > /dev/null"
        done = kv(
            "edit", "t/conflict", EDITOR=f"sh -c '{meanwhile}; echo mine > \"$1\"' sh", code=4
        )
        self.assertEqual(kv("get", "t/conflict").text, "theirs")
        path = done.errors.strip().split()[-1]
        with open(path, encoding="utf-8") as file:
            self.assertEqual(file.read(), "mine\n")
        self.assertEqual(stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode), 0o700)

    def test_edit_failure(self):
        kv("put", "t/fails", "one")
        done = kv("edit", "t/fails", EDITOR="false", code=1)
        self.assertIn("your text is in", done.errors)
        self.assertEqual(kv("get", "t/fails").text, "one")
        # Without a terminal, vi would wait for ever.
        self.assertIn("EDITOR", kv("edit", "t/fails", EDITOR="", VISUAL="", code=2).errors)
        kv("put", "t/bytes", stdin=b"\xff")
        kv("edit", "t/bytes", EDITOR="true", code=1)

    def test_async(self):
        """An embedded server carries a queued write out at once, and says so."""
        done = kv("put", "--async", "t/async", "x")
        self.assertRegex(done.text, r"^\d+\n$")
        kv("op", "0198c0de-0000-7000-8000-000000000000", code=3)

    def test_batch(self):
        put = {"op": "put", "key": "t/batch", "value": "x"}
        operations = [put, {"op": "get", "key": "t/batch"}]
        lines = "\n".join(map(json.dumps, operations)).encode()
        results = kv("batch", "-", stdin=lines).json[0]["results"]
        self.assertEqual([result["status"] for result in results], [201, 200])
        missing = json.dumps([{"op": "get", "key": "t/none"}]).encode()
        kv("batch", "-", stdin=missing, code=3)
        never = json.dumps(
            [operations[0] | {"key": "t/never"}, operations[0] | {"if_none_match": "*"}]
        ).encode()
        done = kv("batch", "--atomic", "-", stdin=never, code=4)
        self.assertIn("operation 1", done.errors)
        kv("get", "t/never", code=3)
        kv("batch", "-", stdin=b"{", code=2)


def support_folder():
    import tempfile
    from contextlib import contextmanager
    from pathlib import Path

    @contextmanager
    def folder():
        with tempfile.TemporaryDirectory(prefix="kv-") as name:
            yield Path(name)

    return folder()
