"""CORS: which pages may call the API from a browser (Fetch Standard, "CORS protocol")."""

import hashlib
import os
import tempfile

from conformance.calls import PATCH_TYPE, Case, call
from support.server import Server

SHOP = "https://shop.example"
LOCAL = "http://localhost:5173"
EXPOSED = {"etag", "location", "link", "x-request-id", "retry-after", "preference-applied",
           "idempotency-replayed", "cache-status"}


def words(field):
    return {word.strip().lower() for word in (field or "").split(",")}


class Origins(Case):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="kv-tokens-")
        cls.addClassCleanup(folder.cleanup)
        path = os.path.join(folder.name, "tokens")
        with open(path, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(f"app {hashlib.sha256(b'secret').hexdigest()} read,write,admin *\n")
        cls.server = Server(KV_TOKENS_FILE=path, KV_CORS_ORIGINS=f"{SHOP},{LOCAL}")
        cls.addClassCleanup(cls.server.stop)

    def call(self, method, target, body=None, origin=SHOP, token="secret", **fields):
        headers = {name.replace("_", "-"): text for name, text in fields.items()}
        if origin:
            headers["Origin"] = origin
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return call(method, target, body, headers, port=self.server.port)

    def preflight(self, target, method, fields="authorization,content-type", origin=SHOP):
        return self.call(
            "OPTIONS", target, origin=origin, token=None,
            Access_Control_Request_Method=method, Access_Control_Request_Headers=fields)

    def test_preflight(self):
        """A preflight needs no token, and says what a page may send."""
        for target, method in (("/kv/k", "PUT"), ("/kv/k", "PATCH"), ("/kv/k", "DELETE"),
                               ("/kv", "GET"), ("/kv", "DELETE"), ("/batch", "POST"),
                               ("/whoami", "GET"), ("/operations/x", "GET")):
            for origin in (SHOP, LOCAL):
                with self.subTest(target=target, method=method, origin=origin):
                    wanted = ("authorization,content-type,if-match,if-none-match,prefer,"
                              "idempotency-key,cache-control,last-event-id")
                    answer = self.preflight(target, method, wanted, origin)
                    self.assertIn(answer.status, (200, 204), answer)
                    fields = answer.headers
                    self.assertEqual(fields["Access-Control-Allow-Origin"], origin)
                    self.assertIn("origin", words(", ".join(fields.get_all("Vary", []))))
                    self.assertIn(method.lower(), words(fields["Access-Control-Allow-Methods"]))
                    self.assertLessEqual(
                        words(wanted), words(fields["Access-Control-Allow-Headers"]))
                    self.assertGreater(int(fields["Access-Control-Max-Age"]), 0)

    def test_other_origins(self):
        """Origins that are not listed get no permission."""
        for origin in ("https://evil.example", "https://shop.example.evil.example", "null",
                       "http://shop.example", "https://shop.example:444", "HTTPS://SHOP", "*", ""):
            with self.subTest(origin=origin):
                answer = self.preflight("/kv/k", "PUT", origin=origin)
                self.assertNotIn("Access-Control-Allow-Origin", answer.headers)
                answer = self.call("GET", "/kv/none", origin=origin)
                self.assertNotIn("Access-Control-Allow-Origin", answer.headers)

    def test_answers(self):
        """Answers of every kind may be read by the page, with their fields."""
        self.assertEqual(self.call("PUT", "/kv/a", "1").status, 201)
        for method, target, status, body, fields in (
            ("GET", "/kv/a", 200, None, {}), ("PUT", "/kv/a", 200, "2", {}),
            ("GET", "/kv?limit=1", 200, None, {}), ("HEAD", "/kv/a", 200, None, {}),
            ("PATCH", "/kv/a", 200, {"add": 1}, {"Content_Type": PATCH_TYPE}),
            ("GET", "/kv/none", 404, None, {}), ("PUT", "/kv/a?tll=1", 400, "x", {}),
            ("PUT", "/kv/a", 412, "x", {"If_None_Match": "*"}), ("GET", "/nowhere", 404, None, {}),
            ("POST", "/kv/a", 405, "x", {}), ("GET", "/whoami", 200, None, {}),
            ("PATCH", "/kv/a", 415, "{}", {}), ("DELETE", "/kv/a", 204, None, {}),
        ):
            with self.subTest(method=method, target=target, status=status):
                answer = self.call(method, target, body, **fields)
                self.assertEqual(answer.status, status, answer)
                self.assertEqual(answer.headers["Access-Control-Allow-Origin"], SHOP)
                self.assertIn("origin", words(", ".join(answer.headers.get_all("Vary", []))))
                exposed = words(answer.headers["Access-Control-Expose-Headers"])
                self.assertLessEqual(EXPOSED, exposed)
        answer = self.call("GET", "/kv/a", token=None)
        self.assert_problem(answer, 401)
        self.assertEqual(answer.headers["Access-Control-Allow-Origin"], SHOP)

    def test_without_origin(self):
        """A program that sends no Origin is told nothing of this."""
        answer = self.call("GET", "/kv/none", origin=None)
        self.assertNotIn("Access-Control-Allow-Origin", answer.headers)

    def test_credentials(self):
        """Cookies and the like are never asked for: a token is sent by the page itself."""
        answer = self.call("GET", "/kv/none")
        self.assertNotIn("Access-Control-Allow-Credentials", answer.headers)


class NoOrigins(Case):
    def test_none(self):
        """By default no page of another site is let in, and none may write."""
        answer = call("OPTIONS", "/kv/k", headers={
            "Origin": SHOP, "Access-Control-Request-Method": "PUT"})
        self.assertNotIn("Access-Control-Allow-Origin", answer.headers)
        for method, target in (("PUT", "/kv/k"), ("PATCH", "/kv/k"), ("DELETE", "/kv?prefix=k"),
                               ("POST", "/batch")):
            answer = call(method, target, "{}", {"Origin": SHOP, "Content-Type": PATCH_TYPE})
            self.assert_problem(answer, 403, "cross-site")
            self.assertNotIn("Access-Control-Allow-Origin", answer.headers)
