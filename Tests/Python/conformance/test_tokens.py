"""Tokens: what each may do on every route, and what it is told about itself."""

import hashlib
import os
import tempfile
import unittest

from conformance.calls import PATCH_TYPE, Case, call, query
from support.server import Server

TOKENS = {
    "all": "read,write,admin *",
    "reader": "read *",
    "writer": "write *",
    "operator": "admin *",
    "team": "read,write team/",
    "odd": "read,write t%20%C3%BC/",
}
PATCH = {"Content-Type": PATCH_TYPE}


def lines(names):
    return "".join(
        f"{name} {hashlib.sha256(name.encode()).hexdigest()} {TOKENS[name]}\n" for name in names)


class Tokens(Case):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="kv-tokens-")
        cls.addClassCleanup(folder.cleanup)
        path = os.path.join(folder.name, "tokens")
        with open(path, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(lines(TOKENS))
        cls.server = Server(KV_TOKENS_FILE=path)
        cls.addClassCleanup(cls.server.stop)

    def as_(self, token, method, target, body=None, headers=None):
        fields = {"Authorization": f"Bearer {token}"} if token else {}
        return call(method, target, body, fields | (headers or {}), port=self.server.port)

    def test_scopes(self):
        """Each route wants its scope: 403 without it."""
        self.as_("all", "PUT", "/kv/s", "1")
        batch = {"operations": [{"op": "add", "key": "s", "amount": 1}]}
        read = {"reader", "all", "team"}
        write = {"writer", "all", "team"}
        for who, method, target, body, fields in (
            (read, "GET", "/kv?prefix=team/&delimiter=/&reverse=true", None, None),
            (read, "GET", "/kv?prefix=team/&count=true", None, None),
            (write, "PATCH", "/kv/team/s", {"add": 1}, PATCH),
            (write, "DELETE", "/kv?prefix=team/none", None, None),
        ):
            for token in ("all", "reader", "writer", "operator", "team"):
                with self.subTest(token=token, method=method, target=target):
                    answer = self.as_(token, method, target, body, fields)
                    if token in who:
                        self.assertIn(answer.status, (200, 201), answer)
                    else:
                        self.assert_problem(answer, 403, "forbidden")
        for token, status in (("writer", 200), ("reader", 403)):
            answer = self.as_(token, "POST", "/batch", batch, {"Content-Type": "application/json"})
            found = [answer.status]
            if answer.status == 200:
                found += [r["status"] for r in answer.json["results"]]
            self.assertEqual(max(found), status, answer)

    def test_prefixes(self):
        """A token reaches nothing outside its prefix, by any route."""
        self.as_("all", "PUT", "/kv/other/s", "1")
        self.as_("all", "PUT", "/kv/team", "1")
        for method, target, body, fields in (
            ("PATCH", "/kv/other/s", {"add": 1}, PATCH), ("PATCH", "/kv/team", {"ttl": 1}, PATCH),
            ("GET", "/kv", None, None), ("GET", "/kv?prefix=tea", None, None),
            ("GET", "/kv?prefix=team&delimiter=/", None, None),
            ("GET", "/kv?count=true", None, None), ("GET", "/kv?count=true&prefix=", None, None),
            ("DELETE", "/kv?prefix=team", None, None), ("DELETE", "/kv?prefix=o", None, None),
        ):
            with self.subTest(method=method, target=target):
                answer = self.as_("team", method, target, body, fields)
                self.assert_problem(answer, 403, "forbidden")
        answer = self.as_("all", "GET", "/kv/other/s")
        self.assertEqual(answer.body, b"1")
        batch = {"operations": [{"op": "add", "key": "other/s", "amount": 1}]}
        answer = self.as_("team", "POST", "/batch", batch, {"Content-Type": "application/json"})
        found = {answer.status} | {r["status"] for r in answer.json.get("results", [])}
        self.assertIn(403, found, answer)
        self.assertEqual(self.as_("all", "GET", "/kv/other/s").body, b"1")

    def test_cursors(self):
        """A cursor does not lead outside of the prefix."""
        for name in ("team/a", "team/b", "zone/a"):
            self.as_("all", "PUT", f"/kv/{name}", "1")
        page = self.as_("all", "GET", "/kv?prefix=team/&limit=1").json
        rest = self.as_("team", "GET", query("/kv", prefix="team/", cursor=page["next_cursor"]))
        self.assertTrue(all(i["key"].startswith("team/") for i in rest.json["items"]))
        page = self.as_("all", "GET", "/kv?limit=1&reverse=true").json
        rest = self.as_("team", "GET", query(
            "/kv", prefix="team/", reverse="true", cursor=page["next_cursor"]))
        self.assertIn(rest.status, (200, 400))
        if rest.status == 200:
            self.assertTrue(all(i["key"].startswith("team/") for i in rest.json["items"]))

    def test_no_token(self):
        """Without a token, or with a wrong one: 401 with a challenge."""
        for method, target in (
            ("GET", "/whoami"), ("PATCH", "/kv/k"), ("GET", "/kv?count=true"),
            ("DELETE", "/kv?prefix=a"), ("GET", "/docs"), ("GET", "/openapi.json"),
        ):
            for token in (None, "wrong", ""):
                with self.subTest(method=method, target=target, token=token):
                    fields = {} if token is None else {"Authorization": f"Bearer {token}"}
                    answer = call(method, target, headers=fields, port=self.server.port)
                    self.assert_problem(answer, 401, "unauthorized")
                    self.assertTrue(answer.headers["WWW-Authenticate"].startswith("Bearer"))

    def test_whoami(self):
        """Any token is told its name, scopes and prefix."""
        for name, scopes, prefix in (
            ("all", ["read", "write", "admin"], ""), ("reader", ["read"], ""),
            ("writer", ["write"], ""), ("operator", ["admin"], ""),
            ("team", ["read", "write"], "team/"), ("odd", ["read", "write"], "t ü/"),
        ):
            answer = self.assert_status(self.as_(name, "GET", "/whoami"), 200)
            self.assertEqual(answer.json, {"name": name, "scopes": scopes, "prefix": prefix})
            self.assertEqual(answer.headers["Cache-Control"], "no-store")
        self.assert_problem(self.as_("all", "GET", "/whoami?x=1"), 400, naming="x")

    def test_open_pages(self):
        """The console is served to everybody; it holds no data."""
        answer = self.assert_status(self.as_(None, "GET", "/"), 200)
        self.assertEqual(answer.headers["Content-Type"].split(";")[0], "text/html")
        self.assert_status(self.as_(None, "GET", "/health"), 200)


class Open(unittest.TestCase):
    def test_whoami(self):
        """Where there are no tokens, everybody may do everything."""
        answer = call("GET", "/whoami")
        self.assertEqual(answer.status, 200)
        self.assertEqual(
            answer.json, {"name": None, "scopes": ["read", "write", "admin"], "prefix": ""})
        self.assertEqual(answer.headers["Cache-Control"], "no-store")
