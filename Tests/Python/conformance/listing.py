"""Lists, beside a model of what is stored."""

import re
from urllib.parse import parse_qsl, urlsplit

from conformance.calls import Case, call, query

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
