"""Tokens: what each may do on every route, and what it is told about itself."""

import hashlib
import os
import signal
import tempfile
import threading
import time
import unittest

from conformance.calls import PATCH_TYPE, Case, call, query
from conformance.stream import Watch
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
        cls.path = os.path.join(folder.name, "tokens")
        cls.write(TOKENS)
        cls.server = Server(KV_TOKENS_FILE=cls.path)
        cls.addClassCleanup(cls.server.stop)

    @classmethod
    def write(cls, names):
        with open(cls.path + ".new", "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(lines(names))
        os.rename(cls.path + ".new", cls.path)

    def as_(self, token, method, target, body=None, headers=None):
        fields = {"Authorization": f"Bearer {token}"} if token else {}
        return call(method, target, body, fields | (headers or {}), port=self.server.port)

    def watch(self, token, target):
        fields = {"Authorization": f"Bearer {token}"} if token else {}
        watch = Watch(target, fields, port=self.server.port)
        self.addCleanup(watch.close)
        return watch

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
            ("GET", "/watch", None, None), ("GET", "/watch?prefix=team", None, None),
            ("GET", "/watch?prefix=other/", None, None), ("HEAD", "/watch", None, None),
        ):
            with self.subTest(method=method, target=target):
                answer = self.as_("team", method, target, body, fields)
                self.assertEqual(answer.status, 403, answer)
                if method != "HEAD":
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
            ("GET", "/watch"), ("GET", "/whoami"), ("PATCH", "/kv/k"), ("GET", "/kv?count=true"),
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

    def test_watch(self):
        """A watcher sees its prefix, and nothing else."""
        watch = self.watch("team", "/watch?prefix=team/")
        odd = self.watch("odd", query("/watch", prefix="t ü/x"))
        self.assertEqual((watch.status, odd.status), (200, 200))
        watch.begin()
        odd.begin()
        for key in ("other/a", "team", "team/a", "t%20%C3%BC/x1", "team/b"):
            self.as_("all", "PUT", f"/kv/{key}", "1")
        self.assertEqual([e.key for e in watch.take(2)], ["team/a", "team/b"])
        self.assertEqual(odd.next().key, "t ü/x1")
        # A position does not say whose it is, and opens nothing.
        stranger = self.watch("team", query("/watch", prefix="team/b", after=odd.last_id))
        self.assertEqual(stranger.next().key, "team/b")

    def test_revoked(self):
        """A watcher whose token is taken away is ended; others go on."""
        watch = self.watch("team", "/watch?prefix=team/")
        other = self.watch("reader", "/watch")
        watch.begin()
        other.begin()
        self.addCleanup(self.reload, TOKENS)
        self.reload([name for name in TOKENS if name != "team"])
        self.assertEqual(watch.wait_for_end(10), "clean")
        self.as_("all", "PUT", "/kv/team/after", "1")
        other.until(lambda e: e.key == "team/after")
        self.assert_problem(self.as_("team", "GET", "/whoami"), 401)
        self.assert_problem(self.as_("team", "GET", "/watch?prefix=team/"), 401)

    def test_narrowed(self):
        """A watcher whose token loses its scope or prefix is ended as well."""
        watch = self.watch("odd", query("/watch", prefix="t ü/"))
        watch.begin()
        saved = TOKENS["odd"]
        self.addCleanup(self.reload, TOKENS)
        self.addCleanup(TOKENS.__setitem__, "odd", saved)
        TOKENS["odd"] = "write t%20%C3%BC/"
        self.reload(TOKENS)
        self.assertEqual(watch.wait_for_end(10), "clean")

    def reload(self, names):
        """Changes the tokens; returns when the server knows them."""
        self.write(names)
        self.server.process.send_signal(signal.SIGHUP)
        probe = [n for n in TOKENS if n not in names] or ["team"]
        expected = 401 if probe[0] not in names else 200
        end = time.monotonic() + 10
        while self.as_(probe[0], "GET", "/whoami").status != expected:
            if time.monotonic() > end:
                raise AssertionError("the tokens are not read again")
            threading.Event().wait(0.02)

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
