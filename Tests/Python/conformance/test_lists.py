"""Lists: pages, prefixes that are folded, both directions, and counts."""

import base64
import random
import threading

from conformance.calls import call, kv, query
from conformance.listing import Store


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
