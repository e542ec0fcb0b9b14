"""kv export and import."""

import json
import tempfile
import unittest
from pathlib import Path

from command import shell
from command.shell import kv


class Copies(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kv-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.file = self.folder / "copy.ndjson"

    def lines(self, *entries):
        self.file.write_text("".join(json.dumps(entry) + "\n" for entry in entries))

    def test_round_trip(self):
        """What is exported, deleted and imported is as it was."""
        kv("put", "x/text", "ü\n")
        kv("put", "--type", "image/png", "x/bytes", stdin=bytes(range(256)))
        kv("put", "--ttl", "1h", "x/ttl", "x")
        before = kv("export", "x/").text
        for line in before.splitlines():
            self.assertLessEqual(
                json.loads(line).keys(),
                {"key", "content_type", "value", "value_base64", "expires_at"},
            )
        kv("rm", "x/text", "x/bytes", "x/ttl")
        done = kv("import", "-", stdin=before.encode())
        self.assertIn("3 keys imported", done.errors)
        after = [json.loads(line) for line in kv("export", "x/").lines]
        for one, other in zip(map(json.loads, before.splitlines()), after, strict=True):
            if one["key"] == "x/ttl":
                self.assertIsNotNone(other["expires_at"])
                one["expires_at"] = other["expires_at"]
            self.assertEqual(one, other)
        self.assertEqual(kv("get", "x/bytes").bytes, bytes(range(256)))

    def test_many(self):
        """More than a page and a batch, also again, also into a file."""
        self.lines(*({"key": f"many/{n:05}", "value": str(n)} for n in range(2_500)))
        for _ in range(2):
            kv("import", self.file)
        kv("export", "--output", self.folder / "out", "many/")
        keys = [json.loads(line)["key"] for line in (self.folder / "out").read_text().splitlines()]
        self.assertEqual(keys, [f"many/{n:05}" for n in range(2_500)])
        self.assertEqual({path.name for path in self.folder.iterdir()}, {"copy.ndjson", "out"})

    def test_export_resumes(self):
        """A file that was begun is finished, without what came after its last page."""
        self.lines(*({"key": f"resume/{n:05}", "value": str(n)} for n in range(1_500)))
        kv("import", self.file)
        kv("export", "--output", self.folder / "whole", "resume/")
        whole = (self.folder / "whole").read_text()
        first = whole.splitlines(keepends=True)[:1_000]
        page = "".join(first)
        cursor = "1" + b"resume/00999".hex()
        state = {"prefix": "resume/", "cursor": cursor, "bytes": len(page), "keys": 1_000}
        (self.folder / "out.part").write_text(page + '{"key":"half a li')
        (self.folder / "out.part.state").write_text(json.dumps(state))
        kv("export", "--output", self.folder / "out", "other/", code=2)
        done = kv("export", "--output", self.folder / "out", "resume/")
        self.assertIn("1000", done.errors)
        self.assertEqual((self.folder / "out").read_text(), whole)

    def test_broken_line(self):
        """The line is named, what stands before it is stored, what comes after it is not."""
        self.file.write_text(
            '{"key":"broken/1","value":"1"}\n\n{"key":"broken/2","valu":"2"}\n'
            '{"key":"broken/3","value":"3"}\n'
        )
        done = kv("import", self.file, code=1)
        self.assertIn("line 3: the member valu is not known", done.errors)
        self.assertIn("--from-line 3", done.errors)
        self.assertEqual(kv("ls", "broken/").lines, ["broken/1"])
        done = kv("import", "--on-error", "continue", "--json", self.file, code=1)
        self.assertIn("line 3", done.errors)
        self.assertEqual(
            done.json, [{"imported": 2, "existing": 0, "expired": 0, "failed": 1}]
        )
        self.assertEqual(kv("ls", "broken/").lines, ["broken/1", "broken/3"])

    def test_refused_line(self):
        """A line that the server refuses is named, too."""
        self.lines({"key": "ref/1", "value": "1"}, {"key": "ref/\u0001", "value": "2"})
        done = kv("import", self.file, code=2)
        self.assertIn("line 2", done.errors)
        self.assertEqual(kv("ls", "ref/").lines, ["ref/1"])

    def test_from_line(self):
        self.lines(*({"key": f"from/{n}", "value": ""} for n in range(1, 4)))
        kv("import", "--from-line", 3, self.file)
        self.assertEqual(kv("ls", "from/").lines, ["from/3"])

    def test_dry_run(self):
        self.lines({"key": "dry/1", "value": "1"})
        done = kv("import", "--dry-run", self.file, KV_URL="http://127.0.0.1:1")
        self.assertIn("1 keys would be imported", done.errors)
        self.file.write_text("{}\n")
        kv("import", "--dry-run", self.file, code=1)

    def test_if_absent(self):
        kv("put", "abs/1", "old")
        self.lines({"key": "abs/1", "value": "new"}, {"key": "abs/2", "value": "new"})
        done = kv("import", "--if-absent", self.file)
        self.assertIn("1 keys imported, 1 existed", done.errors)
        self.assertEqual(kv("get", "abs/1").text, "old")

    def test_expired(self):
        self.lines({"key": "exp/1", "value": "", "expires_at": "2020-01-01T00:00:00Z"})
        done = kv("import", self.file)
        self.assertIn("1 have expired", done.errors)
        kv("get", "exp/1", code=3)

    def test_dead_server(self):
        """The import says how far it is, and goes on from there."""
        self.lines({"key": "dead/1", "value": ""})
        kv("import", "--retries", 0, self.file, KV_URL="http://127.0.0.1:1", code=5)
        self.assertNotEqual(shell.URL, "")
