"""Lists: pages, prefixes that are folded, both directions, counts; and deletion by prefix."""

import base64
import random
import re
import threading
from urllib.parse import parse_qsl, quote, urlsplit

from conformance.calls import Case, call, kv, query

LAST_PAGE = 200


class Store(Case):
    """A test with a model of what is stored under its prefix."""

    def setUp(self):
        super().setUp()
        self.stored = {}

    def fill(self, names, value="v"):
        names = list(names)
        for start in range(0, len(names), 500):
            operations = [
                {"op": "put", "key": self.key(name), "value": value}
                for name in names[start:start + 500]
            ]
            results = self.batch(operations).json["results"]
            self.assertLessEqual({r["status"] for r in results}, {200, 201})
        self.stored |= {self.key(name): value for name in names}

    def list(self, **parameters):
        parameters = {"prefix": self.prefix} | parameters
        return call("GET", query("/kv", **parameters))

    def page(self, **parameters):
        return self.assert_status(self.list(**parameters), 200).json

    def expected(self, prefix="", delimiter=None, reverse=False):
        """What a list shows: keys, and prefixes as one-tuples, in its order."""
        shown = {}
        for key in self.stored:
            rest = key.encode().removeprefix(self.prefix.encode())
            if not rest.startswith(prefix.encode()):
                continue
            place = rest[len(prefix.encode()):].find(delimiter.encode()) if delimiter else -1
            if place < 0:
                shown[key.encode()] = key
            else:
                end = len(self.prefix.encode()) + len(prefix.encode()) + place
                folded = key.encode()[:end + len(delimiter.encode())]
                shown[(folded, None)] = (folded.decode(),)
        # A folded prefix stands where its keys would.
        place_of = {item: item if isinstance(item, bytes) else item[0] for item in shown}
        ordered = sorted(shown, key=lambda i: (place_of[i], isinstance(i, bytes)), reverse=reverse)
        return [shown[item] for item in ordered]

    def shown(self, page):
        """The items and prefixes of a page; each list is in order by itself."""
        return [i["key"] for i in page["items"]], page.get("prefixes", [])

    def walk(self, limit, **parameters):
        """All pages; returns the keys, the prefixes, and the size of each page."""
        parameters = {"prefix": self.prefix, "limit": limit} | parameters
        keys, prefixes, sizes = [], [], []
        for _ in range(LAST_PAGE):
            answer = self.assert_status(call("GET", query("/kv", **parameters)), 200)
            page_keys, page_prefixes = self.shown(answer.json)
            sizes.append(len(page_keys) + len(page_prefixes))
            self.assertLessEqual(sizes[-1], limit)
            keys += page_keys
            prefixes += page_prefixes
            cursor = answer.json.get("next_cursor")
            self.assertEqual(cursor is not None, "Link" in answer.headers, answer)
            if cursor is None:
                return keys, prefixes, sizes
            self.check_link(answer, parameters, cursor)
            parameters["cursor"] = cursor
        raise AssertionError(f"more than {LAST_PAGE} pages")

    def check_link(self, answer, parameters, cursor):
        """RFC 8288: the same list, from the cursor on."""
        target = re.fullmatch(r'<([^>]+)>; ?rel="next"', answer.headers["Link"])[1]
        given = {name: str(value) for name, value in parameters.items() if value != "false"}
        self.assertEqual(urlsplit(target).path, "/kv")
        self.assertEqual(
            dict(parse_qsl(urlsplit(target).query, keep_blank_values=True)) | {"cursor": cursor},
            given | {"cursor": cursor})


class Pages(Store):
    def test_delimiter(self):
        """Keys with the delimiter behind the prefix are folded; others are items."""
        self.fill(["a", "a/", "a/1", "a/2/x", "a0", "b/1", "b//", "c", "/", "//x", "é/ü", "z/"])
        page = self.page(delimiter="/")
        self.assertEqual(self.shown(page), (
            [self.key(n) for n in ("a", "a0", "c")],
            [self.key(n) for n in ("/", "a/", "b/", "z/", "é/")]))
        self.assertNotIn("next_cursor", page)
        page = self.page(prefix=self.key("a/"), delimiter="/")
        self.assertEqual(
            self.shown(page), ([self.key("a/"), self.key("a/1")], [self.key("a/2/")]))
        page = self.page(prefix=self.key("a"), delimiter="/")
        self.assertEqual(
            self.shown(page), ([self.key("a"), self.key("a0")], [self.key("a/")]))
        page = self.page(prefix=self.key("/"), delimiter="/")
        self.assertEqual(self.shown(page), ([self.key("/")], [self.key("//")]))
        page = self.page(prefix=self.key("none"), delimiter="/")
        self.assertEqual(self.shown(page), ([], []))
        self.assertEqual(page["prefixes"], [])

    def test_without_delimiter(self):
        """Without a delimiter nothing is folded."""
        self.fill(["a/1", "b"])
        keys, prefixes = self.shown(self.page())
        self.assertEqual((keys, prefixes), ([self.key("a/1"), self.key("b")], []))

    def test_long_delimiters(self):
        """A delimiter is 1 to 16 bytes of UTF-8, any of them."""
        self.fill(["a::b", "a:b", "a😀b", "a%b", "a&b", "0123456789abcdefX"])
        for delimiter, prefix in (("::", "a::"), ("😀", "a😀"), ("%", "a%"), ("&", "a&"),
                                  ("0123456789abcdef", "0123456789abcdef"), ("😀" * 4, None)):
            with self.subTest(delimiter=delimiter):
                prefixes = self.shown(self.page(delimiter=delimiter))[1]
                self.assertEqual(prefixes, [self.key(prefix)] if prefix else [])
        for delimiter in ("", "0123456789abcdefg", "😀" * 4 + "x"):
            answer = self.list(delimiter=delimiter)
            self.assert_problem(answer, 400, "invalid-parameter", naming="delimiter")
        for escape in ("%FF", "%C3", "%F0%9F"):
            answer = call("GET", f"/kv?delimiter={escape}")
            self.assert_problem(answer, 400, naming="delimiter")

    def test_reverse(self):
        """Backwards, a list has the same keys in the other order."""
        self.fill(["a", "a/1", "a/2", "b", "ü", "\U0010ffff", "b/x"])
        forwards = self.walk(100)[0]
        self.assertEqual(forwards, sorted(self.stored, key=str.encode))
        for limit in (1, 2, 3, 100):
            self.assertEqual(self.walk(limit, reverse="true")[0], forwards[::-1])
            self.assertEqual(self.walk(limit, reverse="false")[0], forwards)
        keys, prefixes, _ = self.walk(2, reverse="true", delimiter="/")
        self.assertEqual(keys, [self.key(n) for n in ("\U0010ffff", "ü", "b", "a")])
        self.assertEqual(prefixes, [self.key("b/"), self.key("a/")])

    def test_many_ways(self):
        """Any keys, prefix, delimiter, limit and direction give what a model gives."""
        seed = random.randrange(2**32)
        print("seed", seed)
        source = random.Random(seed)
        letters = ["a", "b", "/", "/", "//", "%", "@", " ", "+", "é", "😀", "\U0010ffff", "~", "."]
        names = {"".join(source.choices(letters, k=source.randint(1, 7))) for _ in range(250)}
        self.fill(sorted(names))
        for name in source.sample(sorted(names), 40):
            call("DELETE", kv(self.key(name)))
            del self.stored[self.key(name)]
        for _ in range(60):
            options = {
                "prefix": source.choice(sorted(names))[:source.randint(0, 2)],
                "delimiter": source.choice([None, "/", "/", "//", "a", "é", "😀"]),
                "reverse": source.random() < 0.5,
            }
            limit = source.choice([2, 3, 7, 50, 1_000])
            values = source.random() < 0.3
            with self.subTest(seed=seed, limit=limit, **options):
                self.check_walk(limit, values, **options)

    def check_walk(self, limit, values, prefix, delimiter, reverse):
        parameters = {"prefix": self.prefix + prefix}
        if delimiter:
            parameters["delimiter"] = delimiter
        if reverse:
            parameters["reverse"] = "true"
        if values:
            parameters["values"] = "true"
        keys, prefixes, sizes = self.walk(limit, **parameters)
        expected = self.expected(prefix, delimiter, reverse)
        self.assertEqual(keys, [i for i in expected if isinstance(i, str)])
        self.assertEqual(prefixes, [i[0] for i in expected if isinstance(i, tuple)])
        self.assertEqual(sum(sizes), len(expected))

    def test_values(self):
        """Values come with items, as text or Base64, also where others are folded."""
        self.put("t", "text")
        self.put("b", b"\xff\x00")
        self.put("x/1", "folded")
        items = self.page(values="true", delimiter="/")["items"]
        self.assertEqual([i.get("value") for i in items], [None, "text"])
        self.assertEqual(base64.b64decode(items[0]["value_base64"]), b"\xff\x00")
        self.assertEqual(
            set(items[1]),
            {"key", "revision", "version", "size", "content_type", "created_at", "updated_at",
             "expires_at", "value"})
        self.assertNotIn("value", self.page(values="false")["items"][0])

    def test_absent(self):
        """Deleted and expired keys are not listed, nor is a prefix that has only such keys."""
        self.fill(["gone/1", "gone/2", "live/1", "k"])
        for name in ("gone/1", "gone/2", "k"):
            call("DELETE", kv(self.key(name)))
        call("PUT", kv(self.key("short/1")) + "?ttl=1", "v")
        while self.get("short/1").status == 200:
            threading.Event().wait(0.05)
        for reverse in ("false", "true"):
            shown = self.shown(self.page(delimiter="/", reverse=reverse))
            self.assertEqual(shown, ([], [self.key("live/")]))
        self.assertEqual(self.page(count="true"), {"count": 1})

    def test_deep_folds(self):
        """Folding thousands of keys into a few prefixes takes a moment, in both directions."""
        self.fill([f"{folder}/{n}" for folder in "abc" for n in range(1_500)] + ["b", "d"])
        for limit in (1, 2, 100):
            for reverse in ("false", "true"):
                keys, prefixes, _ = self.walk(limit, delimiter="/", reverse=reverse)
                self.assertEqual(sorted(keys), [self.key("b"), self.key("d")])
                self.assertEqual(sorted(prefixes), [self.key(f"{f}/") for f in "abc"])

    def test_full_page(self):
        """A last page that is exactly full has neither a cursor nor a link."""
        self.fill(["a", "b/1", "b/2", "c"])
        for limit, parameters in ((4, {}), (3, {"delimiter": "/"}), (4, {"reverse": "true"}),
                                  (3, {"delimiter": "/", "reverse": "true"})):
            answer = self.list(limit=limit, **parameters)
            self.assertNotIn("next_cursor", answer.json)
            self.assertNotIn("Link", answer.headers)

    def test_changes_between_pages(self):
        """A page goes on behind the last one, whatever is deleted or added meanwhile."""
        self.fill(["a", "b/1", "c", "d/1", "e"])
        page = self.page(limit=2, delimiter="/")
        self.assertEqual(self.shown(page), ([self.key("a")], [self.key("b/")]))
        self.put("b/2")
        self.put("b0")
        call("DELETE", kv(self.key("c")))
        page = self.page(limit=10, delimiter="/", cursor=page["next_cursor"])
        self.assertEqual(self.shown(page), ([self.key("b0"), self.key("e")], [self.key("d/")]))


class Parameters(Store):
    def test_malformed(self):
        """Every malformed or unknown parameter is a 400 that names it."""
        for name, values in {
            "limit": ["", "0", "-1", "1001", "x", "1.0", "+5", "1e2", " 5", "9" * 30],
            "reverse": ["", "1", "yes", "TRUE", "True", " true"],
            "values": ["", "1", "TRUE"],
            "count": ["", "1", "yes", "TRUE"],
            "cursor": ["", "x", "1", "zz", "0", "%", "1" * 5_000, "161 "],
            "delimiter": [""],
            "revers": ["true"], "Limit": ["5"], "after": ["1"], "": ["x"],
        }.items():
            for value in values:
                with self.subTest(name=name, value=value[:20]):
                    answer = self.list(**{name: value})
                    self.assert_problem(answer, 400, "invalid-parameter", naming=name or None)

    def test_twice(self):
        """A parameter that comes twice is refused."""
        for target in ("limit=1&limit=2", "delimiter=/&delimiter=/", "reverse=true&reverse=true",
                       "count=true&count=true", "prefix=a&prefix=b"):
            answer = call("GET", "/kv?" + target)
            self.assert_problem(answer, 400, naming=target.partition("=")[0])

    def test_bad_encoding(self):
        """Bad escapes and bad UTF-8 are refused."""
        for target in ("prefix=%", "prefix=%zz", "prefix=%ff", "delimiter=%", "prefix=a%c3"):
            self.assert_problem(call("GET", "/kv?" + target), 400)

    def test_cursors(self):
        """A cursor belongs to its direction, and to its list."""
        self.fill(["a", "b", "c/1", "c/2", "d"])
        forwards = self.page(limit=1)["next_cursor"]
        backwards = self.page(limit=1, reverse="true")["next_cursor"]
        self.assert_problem(self.list(cursor=forwards, reverse="true"), 400, naming="cursor")
        self.assert_problem(self.list(cursor=backwards), 400, naming="cursor")
        self.assertEqual(self.page(cursor=forwards)["items"][0]["key"], self.key("b"))
        shown = self.shown(self.page(cursor=backwards, reverse="true", limit=1))
        self.assertEqual(shown[0], [self.key("c/2")])

    def test_count(self):
        """`count=true` counts the live keys under a prefix."""
        self.assertEqual(self.page(count="true"), {"count": 0})
        self.fill(["a", "a/1", "a/2", "b", "\U0010ffff"])
        self.assertEqual(self.page(count="true"), {"count": 5})
        self.assertEqual(self.page(prefix=self.key("a"), count="true"), {"count": 3})
        self.assertEqual(self.page(prefix=self.key("a/"), count="true"), {"count": 2})
        call("DELETE", kv(self.key("a/1")))
        self.assertEqual(self.page(prefix=self.key("a/"), count="true"), {"count": 1})
        self.assertGreaterEqual(call("GET", "/kv?count=true").json["count"], 4)
        self.assertEqual(len(self.page(count="false")["items"]), 4)
        answer = call("HEAD", query("/kv", prefix=self.prefix, count="true"))
        self.assertEqual((answer.status, answer.body), (200, b""))

    def test_count_with_others(self):
        """A count takes a prefix only; anything else is named."""
        cursor = "161"
        for name, value in (("limit", "5"), ("values", "true"), ("delimiter", "/"),
                            ("reverse", "true"), ("cursor", cursor), ("key", "k"),
                            ("values", "false"), ("reverse", "false")):
            with self.subTest(name=name):
                answer = self.list(count="true", **{name: value})
                self.assert_problem(answer, 400, "invalid-parameter", naming=name)


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
            answer = self.assert_status(self.delete(limit=10), 200)
            self.assertEqual(answer.json, {"deleted": 10 if more else 5, "more": more})
            keys = [i["key"] for i in self.page()["items"]]
            self.assertEqual(keys, [self.key(f"{n:03}") for n in range(25 - left, 25)])
        self.fill([f"{n:03}" for n in range(10)])
        self.assertEqual(self.delete(limit=10).json, {"deleted": 10, "more": False})

    def test_many(self):
        """A thousand by default, ten thousand at most."""
        self.fill([f"{n:05}" for n in range(3_200)])
        self.assertEqual(self.delete().json, {"deleted": 1_000, "more": True})
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
        for name in ("cursor", "delimiter", "reverse", "values", "count", "recursive"):
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
