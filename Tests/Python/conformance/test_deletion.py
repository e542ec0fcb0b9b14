"""DELETE of all keys under a prefix."""

import threading
from urllib.parse import quote

from conformance.calls import call, query
from conformance.listing import Store


class Deletion(Store):
    def delete(self, headers=None, **parameters):
        parameters = {"prefix": self.prefix} | parameters
        return call("DELETE", query("/kv", **parameters), headers=headers)

    def test_all(self):
        """All live keys under the prefix are deleted, and no others."""
        self.fill(["a", "a/", "a/1", "a/2/x", "a/é", "a/\U0010ffff", "a0", "b"])
        answer = self.assert_status(self.delete(prefix=self.key("a/")), 200)
        self.assertEqual(answer.headers["Content-Type"].split(";")[0], "application/json")
        self.assertEqual(answer.json, {"deleted": 5, "more": False})
        left = [i["key"] for i in self.page()["items"]]
        self.assertEqual(left, [self.key(n) for n in ("a", "a0", "b")])
        answer = self.delete(prefix=self.key("a/"))
        self.assertEqual(answer.json, {"deleted": 0, "more": False})
        self.assertEqual(self.delete(prefix=self.key("none")).json["deleted"], 0)

    def test_limit(self):
        """`limit` bounds it, in the order of the keys; `more` says whether keys remain."""
        self.fill([f"{n:03}" for n in range(25)])
        for left, more in ((15, True), (5, True), (0, False)):
            answer = self.assert_status(self.delete(limit=10), 200).json
            self.assertEqual(answer.pop("next_cursor", None) is not None, more)
            self.assertEqual(answer, {"deleted": 10 if more else 5, "more": more})
            keys = [i["key"] for i in self.page()["items"]]
            self.assertEqual(keys, [self.key(f"{n:03}") for n in range(25 - left, 25)])
        self.fill([f"{n:03}" for n in range(10)])
        self.assertEqual(self.delete(limit=10).json, {"deleted": 10, "more": False})

    def test_cursor(self):
        """Each request goes on where the one before has ended, also if its last key is gone."""
        self.fill([f"{n:03}" for n in range(25)])
        cursor = self.delete(limit=10).json["next_cursor"]
        self.fill(["005", "012"])
        second = self.delete(limit=10, cursor=cursor).json
        self.assertEqual(second["deleted"], 10)
        last = self.delete(limit=10, cursor=second["next_cursor"])
        self.assertEqual(last.json, {"deleted": 5, "more": False})
        self.assertEqual([i["key"] for i in self.page()["items"]], [self.key("005")])
        # A cursor does not lead out of the prefix.
        answer = self.delete(prefix=self.key("1"), cursor=cursor)
        self.assertEqual(answer.json, {"deleted": 0, "more": False})
        self.assertEqual(self.delete().json, {"deleted": 1, "more": False})

    def test_many(self):
        """A thousand by default, ten thousand at most."""
        self.fill([f"{n:05}" for n in range(3_200)])
        first = self.delete().json
        self.assertEqual((first["deleted"], first["more"]), (1_000, True))
        self.assertEqual(self.delete(limit=10_000).json, {"deleted": 2_200, "more": False})
        self.assertEqual(self.page(count="true"), {"count": 0})

    def test_revisions(self):
        """Each is an ordinary deletion: revisions go on, versions begin again."""
        old = self.put("k").revision
        self.delete()
        self.assertEqual(self.get("k").status, 404)
        new = self.put("k")
        self.assertGreater(new.revision, old)
        self.assertEqual((new.status, new.json["version"]), (201, 1))

    def test_malformed(self):
        """It needs a prefix that is not empty, and a limit from 1 to 10,000."""
        self.fill(["a"])
        for value in ("", "0", "-1", "10001", "x", "1.5"):
            self.assert_problem(self.delete(limit=value), 400, naming="limit")
        self.assert_problem(call("DELETE", "/kv?prefix="), 400, naming="prefix")
        self.assert_problem(call("DELETE", "/kv?limit=5"), 400)
        self.assert_problem(call("DELETE", "/kv"), 400)
        self.assert_problem(call("DELETE", "/kv?prefix=%ff"), 400, naming="prefix")
        self.assert_problem(call("DELETE", query("/kv", prefix="a", key="a")), 400)
        self.assert_problem(call("DELETE", query("/kv", key=self.key("a"), limit="5")), 400)
        for value in ("", "x", "1", "1ff", "261", "361"):
            self.assert_problem(self.delete(cursor=value), 400, naming="cursor")
        self.assert_problem(call("DELETE", "/kv?cursor=161"), 400, naming="cursor")
        for name in ("delimiter", "reverse", "values", "count", "recursive"):
            self.assert_problem(self.delete(**{name: "true"}), 400, naming=name)
        self.assertEqual(self.get("a").status, 200)

    def test_fields(self):
        """Fields that could not be kept are refused, and named."""
        self.fill(["a"])
        for name, value in (("Idempotency-Key", '"x"'), ("If-Match", "*"), ("If-Match", '"1"'),
                            ("If-None-Match", "*")):
            answer = self.delete({name: value})
            self.assert_problem(answer, 400, "invalid-header", naming=name)
        self.assertEqual(self.get("a").status, 200)

    def test_document_form(self):
        """DELETE of one key in the JSON form is as it was."""
        self.fill(["a"])
        answer = call("DELETE", query("/kv", key=self.key("a")))
        self.assertEqual((answer.status, answer.json), (202, {"detail": "queued"}))

    def test_beside_writers(self):
        """Deletions at once, and beside writers, count each key once."""
        self.fill([f"{n:04}" for n in range(600)])
        counts = []

        def work():
            while (answer := self.delete(limit=50)).json["more"]:
                counts.append(answer.json["deleted"])
            counts.append(answer.json["deleted"])

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sum(counts) + self.delete(limit=10_000).json["deleted"], 600)
        self.assertEqual(self.page(count="true"), {"count": 0})

    def test_odd_prefixes(self):
        """Prefixes with any characters are taken byte for byte."""
        for prefix in ("%", "%25", "a+b", "a b", "\U0010ffff", "ü", "a//", "?", "#"):
            with self.subTest(prefix=prefix):
                self.put(prefix + "1")
                target = f"/kv?prefix={quote(self.key(prefix), safe='')}"
                self.assertEqual(
                    call("DELETE", target).json, {"deleted": 1, "more": False})
