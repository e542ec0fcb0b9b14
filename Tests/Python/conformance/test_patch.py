"""PATCH: an entry changes without its value being sent; and `add`, which counts."""

import datetime
import threading

from conformance.calls import PATCH_TYPE, Case, call, in_parallel, kv

INT64_MAX = 2**63 - 1
INT64_MIN = -(2**63)
LONGEST_TTL = 315_360_000


def seconds_between(earlier, later):
    """Between two times in RFC 3339."""
    first, last = (
        datetime.datetime.fromisoformat(text.replace("Z", "+00:00")) for text in (earlier, later)
    )
    return (last - first).total_seconds()


class Patch(Case):
    def test_expiry(self):
        """`ttl` gives a new expiry, and null none; value, type and creation stay."""
        old = self.put("e", "bytes", content_type="image/png").json
        answer = self.assert_status(self.patch("e", {"ttl": 60}), 200)
        new = answer.json
        self.assertEqual(answer.headers["Content-Type"].split(";")[0], "application/json")
        self.assertEqual(answer.headers["ETag"], f'"{new["revision"]}"')
        self.assertGreater(new["revision"], old["revision"])
        self.assertEqual(new["version"], old["version"] + 1)
        for member in ("key", "size", "content_type", "created_at"):
            self.assertEqual(new[member], old[member])
        self.assertAlmostEqual(
            seconds_between(new["updated_at"], new["expires_at"]), 60, delta=0.01)
        self.assertNotIn("value", new)
        stored = self.get("e")
        self.assertEqual(stored.body, b"bytes")
        self.assertEqual(stored.headers["ETag"], answer.headers["ETag"])
        self.assertIn("Expires", stored.headers)
        again = self.assert_status(self.patch("e", {"ttl": None}), 200).json
        self.assertIsNone(again["expires_at"])
        self.assertNotIn("Expires", self.get("e").headers)

    def test_content_type(self):
        """`content_type` changes the type, alone or with an expiry."""
        self.put("t", "{}")
        answer = self.assert_status(self.patch("t", {"content_type": "application/json"}), 200)
        self.assertEqual(answer.json["content_type"], "application/json")
        self.assertIsNone(answer.json["expires_at"])
        self.assertEqual(self.get("t").headers["Content-Type"], "application/json")
        both = self.patch("t", {"content_type": "text/css; charset=utf-8", "ttl": 1_000}).json
        self.assertEqual(both["content_type"], "text/css; charset=utf-8")
        self.assertEqual(both["version"], 3)
        self.assertIsNotNone(both["expires_at"])
        kept = self.patch("t", {"content_type": "text/plain"}).json
        self.assertEqual(kept["expires_at"], both["expires_at"])

    def test_touch(self):
        """An empty object changes nothing but revision and version."""
        self.put("t", "v")
        old = self.patch("t", {"ttl": 500}).json
        new = self.assert_status(self.patch("t", {}), 200).json
        for member in ("size", "content_type", "created_at", "expires_at"):
            self.assertEqual(new[member], old[member])
        self.assertGreater(new["revision"], old["revision"])
        self.assertEqual(new["version"], old["version"] + 1)

    def test_ttl_bounds(self):
        """A ttl is a whole number from 1 to 315,360,000."""
        tag = self.put("b").headers["ETag"]
        for ttl in (0, -1, LONGEST_TTL + 1, 1.5, "60", True, [], {}, 2**63, 2**64):
            with self.subTest(ttl=ttl):
                self.assert_problem(self.patch("b", {"ttl": ttl}), 400, naming="ttl")
        self.assertEqual(self.get("b").headers["ETag"], tag)
        for ttl in (1, LONGEST_TTL):
            self.assert_status(self.patch("b", {"ttl": ttl}), 200)

    def test_content_type_bounds(self):
        """A content type is a string that can be a header field; it can't be removed."""
        tag = self.put("c").headers["ETag"]
        for text in (None, 1, True, [], "", "text", "a/b\r\nX: 1", "a/b\n", "text/ü",
                     "a/" + "x" * 9_000):
            with self.subTest(content_type=text):
                answer = self.patch("c", {"content_type": text})
                self.assert_problem(answer, 400, naming="content_type")
        self.assertEqual(self.get("c").headers["ETag"], tag)

    def test_documents(self):
        """What is no merge patch of the known members is refused, and named."""
        tag = self.put("d").headers["ETag"]
        for body in (b"", b"{", b"[]", b"1", b'"x"', b"null", b"true", b"{} {}", b"{'ttl':1}",
                     b'{"ttl":1,}', b'{"ttl":01}', b'{"ttl":+1}', b'{"ttl":NaN}', b"\xff",
                     b'{"ttl":1,"ttl":2}', b'{"ttl":1,"ttl":1}', b"[" * 10_000):
            with self.subTest(body=body[:30]):
                self.assert_problem(self.patch("d", body), 400)
        for name in ("tll", "TTL", "value", "key", "version", ""):
            with self.subTest(member=name):
                answer = self.patch("d", {name: 1})
                self.assert_problem(answer, 400, naming=name or None)
        self.assertEqual(self.get("d").headers["ETag"], tag)

    def test_media_types(self):
        """Only a merge patch is accepted, with any parameters; Accept-Patch says so."""
        self.put("m")
        for kind in (None, "", "application/json", "text/plain", "application/json-patch+json",
                     "application/x-www-form-urlencoded", "application/merge-patch+jsonx",
                     "application/merge-patch", "*/*"):
            with self.subTest(kind=kind):
                fields = {} if kind is None else {"Content-Type": kind}
                answer = call("PATCH", kv(self.key("m")), {"ttl": 5}, fields)
                self.assert_problem(answer, 415)
                self.assertEqual(answer.headers["Accept-Patch"], PATCH_TYPE)
        for kind in (PATCH_TYPE, "Application/Merge-Patch+JSON", PATCH_TYPE + ";charset=utf-8",
                     PATCH_TYPE + ' ; charset="utf-8"'):
            with self.subTest(kind=kind):
                answer = call("PATCH", kv(self.key("m")), {}, {"Content-Type": kind})
                self.assert_status(answer, 200)
        self.assertIsNone(self.get("m").headers["Expires"])

    def test_missing(self):
        """An entry that is not there, was deleted or has expired can't be changed: 404."""
        for document in ({}, {"ttl": 5}, {"ttl": None}, {"content_type": "a/b"}):
            self.assert_problem(self.patch("none", document), 404, "key-not-found")
        self.put("gone")
        call("DELETE", kv(self.key("gone")))
        self.assert_problem(self.patch("gone", {"ttl": 5}), 404, "key-not-found")
        self.assertEqual(self.get("gone").status, 404)
        self.put("short")
        self.assert_status(self.patch("short", {"ttl": 1}), 200)
        self.expire("short")
        self.assert_problem(self.patch("short", {"ttl": None}), 404, "key-not-found")

    def expire(self, name):
        while self.get(name).status != 404:
            threading.Event().wait(0.05)

    def test_conditions(self):
        """If-Match and If-None-Match decide, as for PUT."""
        old = self.put("c").headers["ETag"]
        new = self.patch("c", {"ttl": 100}, if_match=old).headers["ETag"]
        answer = self.patch("c", {"ttl": 200}, if_match=old)
        self.assert_problem(answer, 412, "precondition-failed")
        self.assertEqual(answer.headers["ETag"], new)
        for fields in ({"if_match": "W/" + new}, {"if_none_match": new}, {"if_none_match": "*"},
                       {"if_match": '"1", "2"'}):
            with self.subTest(fields):
                answer = self.patch("c", {}, **fields)
                self.assert_problem(answer, 412, "precondition-failed")
                self.assertEqual(answer.headers["ETag"], new)
        for fields in ({"if_match": "1"}, {"if_match": '"'}, {"if_none_match": '"a" "b"'},
                       {"if_match": "*, " + new}):
            with self.subTest(fields):
                self.assert_problem(
                    self.patch("c", {}, **fields), 400, naming=list(fields)[0].replace("_", "-"))
        self.assertEqual(self.get("c").headers["ETag"], new)
        self.assert_status(self.patch("c", {}, if_match=f'"1", {new}'), 200)
        self.assert_status(self.patch("c", {}, if_match="*"), 200)
        missing = self.patch("none", {}, if_match="*")
        self.assert_problem(missing, 412, "precondition-failed")
        self.assertNotIn("ETag", missing.headers)

    def test_preferences(self):
        """return=minimal leaves the body out; a change is never queued."""
        self.put("p")
        answer = self.patch("p", {"ttl": 5}, prefer="return=minimal")
        self.assert_status(answer, 204)
        self.assertEqual(answer.body, b"")
        self.assertEqual(answer.headers["Preference-Applied"], "return=minimal")
        self.assertEqual(self.get("p").headers["ETag"], answer.headers["ETag"])
        answer = self.patch("p", {"ttl": 6}, prefer="respond-async")
        self.assert_status(answer, 200)
        self.assertNotIn("respond-async", answer.headers.get("Preference-Applied", ""))
        self.assertNotIn("Location", answer.headers)
        answer = self.patch("n", {"add": 5}, prefer="respond-async, return=minimal")
        self.assert_status(answer, 201)
        self.assertEqual(answer.body, b"")
        self.assertEqual(self.get("n").body, b"5")

    def test_targets(self):
        """Parameters, methods and keys around it are checked as for PUT."""
        self.put("q")
        fields = {"Content-Type": PATCH_TYPE}
        for parameter in ("ttl", "if_match", "x"):
            answer = call("PATCH", kv(self.key("q")) + f"?{parameter}=5", {}, fields)
            self.assert_problem(answer, 400, "invalid-parameter", naming=parameter)
        answer = self.assert_problem(
            call("PATCH", "/kv", {}, fields), 405, "method-not-allowed")
        self.assert_problem(call("PATCH", "/kv/", {}, fields), 400, "invalid-key")
        self.assert_problem(call("PATCH", "/kv/a%00b", {}, fields), 400, "invalid-key")
        self.assert_problem(
            call("PATCH", "/kv/" + "k" * 1_025, {}, fields), 414, "key-too-long")
        for method in ("OPTIONS", "POST"):
            answer = call(method, kv(self.key("q")))
            self.assertIn("PATCH", answer.headers["Allow"].replace(" ", "").split(","), answer)
        answer = self.patch("q", {}, content_encoding="gzip")
        self.assert_problem(answer, 415)
        # Decided before the body is sent.
        fields = {"Content-Type": PATCH_TYPE, "Content-Length": str(9 << 20)}
        answer = call("PATCH", kv(self.key("q")), headers=fields)
        self.assert_problem(answer, 413, "content-too-large")

    def test_odd_keys(self):
        """Keys with any characters are changed, and none of their neighbours."""
        for name in ("%", "a//b", "@", "ü/😀", "a b+c", "x/", "watch", "?#[]"):
            with self.subTest(key=name):
                self.put(name, "1")
                answer = self.patch(name, {"add": 1})
                self.assert_status(answer, 200)
                self.assertEqual(answer.json["key"], self.key(name))
                self.assertEqual(self.get(name).body, b"2")


class Add(Case):
    def test_missing(self):
        """A missing key counts from 0, and becomes plain text."""
        answer = self.assert_status(self.patch("n", {"add": 5}), 201)
        self.assertEqual(answer.json["value"], 5)
        self.assertEqual(answer.json["version"], 1)
        self.assertEqual(answer.json["size"], 1)
        self.assertEqual(answer.json["content_type"], "text/plain; charset=utf-8")
        self.assertEqual(answer.headers["ETag"], f'"{answer.json["revision"]}"')
        answer = self.assert_status(self.patch("n", {"add": -15}), 200)
        self.assertEqual(answer.json["value"], -10)
        self.assertEqual((answer.json["version"], answer.json["size"]), (2, 3))
        stored = self.get("n")
        self.assertEqual(stored.body, b"-10")
        self.assertEqual(stored.headers["Content-Type"], "text/plain; charset=utf-8")
        self.assertEqual(stored.headers["ETag"], answer.headers["ETag"])
        self.assertEqual(self.patch("n", {"add": 10}).json["value"], 0)
        self.assertEqual(self.get("n").body, b"0")
        deleted = self.get("n").revision
        call("DELETE", kv(self.key("n")))
        answer = self.assert_status(self.patch("n", {"add": 0}), 201)
        self.assertEqual((answer.json["value"], answer.json["version"]), (0, 1))
        self.assertGreater(answer.json["revision"], deleted)

    def test_stored(self):
        """A stored integer counts on, whatever its type, which stays."""
        self.put("n", "41", content_type="application/json")
        answer = self.assert_status(self.patch("n", {"add": 1}), 200)
        self.assertEqual((answer.json["value"], answer.json["content_type"]),
                         (42, "application/json"))

    def test_edges(self):
        """Sums are exact up to both ends of Int64, and never leave it."""
        big = 2**53 + 1
        self.assertEqual(self.patch("big", {"add": big}).json["value"], big)
        self.assertEqual(self.get("big").body, str(big).encode())
        for name, limit, sign in (("max", INT64_MAX, 1), ("min", INT64_MIN, -1)):
            answer = self.assert_status(self.patch(name, {"add": limit}), 201)
            self.assertEqual(answer.json["value"], limit)
            for amount in (sign, limit):
                refused = self.patch(name, {"add": amount})
                self.assert_problem(refused, 409, "integer-overflow")
            self.assertEqual(self.get(name).headers["ETag"], answer.headers["ETag"])
            self.assertEqual(self.patch(name, {"add": 0}).json["value"], limit)
            self.assertEqual(self.patch(name, {"add": -sign}).json["value"], limit - sign)
        self.assertEqual(self.patch("max", {"add": INT64_MIN}).json["value"], -2)
        self.put("both", str(INT64_MIN))
        self.assertEqual(self.patch("both", {"add": INT64_MAX}).json["value"], -1)

    def test_amounts(self):
        """An amount is an integer of 64 bits."""
        tag = self.put("a", "1").headers["ETag"]
        for amount in (None, True, "1", 1.5, [], {}, INT64_MAX + 1, INT64_MIN - 1, 10**30):
            with self.subTest(amount=amount):
                self.assert_problem(self.patch("a", {"add": amount}), 400, naming="add")
        self.assertEqual(self.get("a").headers["ETag"], tag)

    def test_no_integers(self):
        """A value that is no integer in decimal is left alone: 409."""
        for value in (b"abc", b"", b" 1", b"1 ", b"1\n", b"+1", b"01", b"-01", b"-0", b"-", b"--1",
                      b"1.0", b"1e3", b"0x10", b"1_000", b'"1"', b"\xff", b"1\x00",
                      "١".encode(), b"9" * 1_000):
            with self.subTest(value=value[:20]):
                tag = self.put("v", value).headers["ETag"]
                answer = self.patch("v", {"add": 1})
                self.assert_problem(
                    answer, 409, None if len(value) == 1_000 else "not-an-integer")
                stored = self.get("v")
                self.assertEqual((stored.body, stored.headers["ETag"]), (value, tag))
        for value in (str(INT64_MAX + 1), str(INT64_MIN - 1)):
            self.put("v", value)
            self.assert_problem(self.patch("v", {"add": -1 if value[0] != "-" else 1}), 409)
            self.assertEqual(self.get("v").body, value.encode())

    def test_with_other_members(self):
        """`ttl` and `content_type` are set by the same write; without ttl an expiry stays."""
        first = self.assert_status(self.patch("r", {"add": 1, "ttl": 60}), 201).json
        self.assertIsNotNone(first["expires_at"])
        second = self.patch("r", {"add": 1}).json
        self.assertEqual((second["value"], second["expires_at"]), (2, first["expires_at"]))
        third = self.patch("r", {"add": 1, "ttl": 600, "content_type": "text/x-count"}).json
        self.assertEqual((third["value"], third["version"]), (3, 3))
        self.assertGreater(third["expires_at"], first["expires_at"])
        self.assertEqual(third["content_type"], "text/x-count")
        self.assertIsNone(self.patch("r", {"add": 1, "ttl": None}).json["expires_at"])
        new = self.assert_status(self.patch("new", {"add": 7, "content_type": "a/b"}), 201)
        self.assertEqual(new.json["content_type"], "a/b")
        self.assert_problem(self.patch("r", {"add": 1, "ttl": 0}), 400, naming="ttl")
        self.assert_problem(self.patch("r", {"add": 1, "tll": 9}), 400, naming="tll")
        self.assertEqual(self.get("r").body, b"4")

    def test_expired(self):
        """What has expired counts from 0 again, as a new entry without expiry."""
        self.patch("x", {"add": 100, "ttl": 1})
        while (answer := self.patch("x", {"add": 1})).status == 200:
            threading.Event().wait(0.05)
        self.assert_status(answer, 201)
        self.assertEqual((answer.json["value"], answer.json["version"]), (1, 1))
        self.assertIsNone(answer.json["expires_at"])

    def test_conditions(self):
        """Conditions hold for the entry as it is, also for one that is missing."""
        first = self.assert_status(self.patch("c", {"add": 1}, if_none_match="*"), 201)
        tag = first.headers["ETag"]
        refused = self.patch("c", {"add": 1}, if_none_match="*")
        self.assert_problem(refused, 412, "precondition-failed")
        self.assertEqual(refused.headers["ETag"], tag)
        self.assert_status(self.patch("c", {"add": 1}, if_match=tag), 200)
        self.assert_problem(self.patch("c", {"add": 1}, if_match=tag), 412)
        missing = self.patch("none", {"add": 1}, if_match="*")
        self.assert_problem(missing, 412)
        self.assertNotIn("ETag", missing.headers)
        self.assertEqual(self.get("none").status, 404)
        self.assertEqual(self.get("c").body, b"2")

    def test_concurrently(self):
        """Each of many additions at once counts once, and sees a sum of its own."""
        sums, failures = [], []

        def count():
            for _ in range(25):
                answer = self.patch("sum", {"add": 1})
                (sums if answer.status in (200, 201) else failures).append(answer)

        in_parallel(16, count)
        self.assertEqual(failures, [])
        self.assertEqual(sorted(a.json["value"] for a in sums), list(range(1, 401)))
        self.assertEqual([a.json["value"] for a in sums if a.status == 201], [1])
        by_sum = sorted(sums, key=lambda a: a.json["value"])
        revisions = [a.json["revision"] for a in by_sum]
        self.assertEqual(revisions, sorted(set(revisions)))
        self.assertEqual([a.json["version"] for a in by_sum], list(range(1, 401)))
        self.assertEqual(self.get("sum").body, b"400")

    def test_many_keys(self):
        """Additions to many keys at once do not mix."""

        def count(number):
            for other in range(20):
                self.patch(f"k{other}", {"add": number})

        in_parallel(10, count, numbered=True)
        self.assertEqual({self.get(f"k{n}").body for n in range(20)}, {b"45"})
