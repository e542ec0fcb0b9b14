"""The server's own pages, what every path allows, and the form of every problem."""

import re

from conformance.calls import PATCH_TYPE, Case, call

ALLOWED = {
    "/kv/key": {"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"},
    "/kv": {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"},
    "/batch": {"POST", "OPTIONS"},
    "/operations/x": {"GET", "HEAD", "OPTIONS"},
    "/whoami": {"GET", "HEAD", "OPTIONS"},
    "/health": {"GET", "HEAD", "OPTIONS"},
    "/health/live": {"GET", "HEAD", "OPTIONS"},
    "/health/ready": {"GET", "HEAD", "OPTIONS"},
    "/cache/stats": {"GET", "HEAD", "OPTIONS"},
    "/metrics": {"GET", "HEAD", "OPTIONS"},
    "/openapi.json": {"GET", "HEAD", "OPTIONS"},
    "/docs": {"GET", "HEAD", "OPTIONS"},
    "/": {"GET", "HEAD", "OPTIONS"},
}
METHODS = ("GET", "HEAD", "PUT", "POST", "PATCH", "DELETE")


class Methods(Case):
    def test_options(self):
        """OPTIONS lists what a path allows; anything else is a 405 with the same list."""
        for path, allowed in ALLOWED.items():
            with self.subTest(path=path):
                answer = call("OPTIONS", path)
                self.assertIn(answer.status, (200, 204), answer)
                self.assertEqual(set(answer.headers["Allow"].replace(" ", "").split(",")), allowed)
                for method in METHODS:
                    if method not in allowed:
                        refused = self.assert_status(call(method, path, "x"), 405)
                        if method != "HEAD":
                            self.assert_problem(refused, 405, "method-not-allowed")
                        self.assertEqual(refused.headers["Allow"], answer.headers["Allow"])

    def test_document(self):
        """openapi.json has the same methods."""
        paths = call("GET", "/openapi.json").json["paths"]
        for path, allowed in ALLOWED.items():
            path = path.replace("/key", "/{key}").replace("/x", "/{id}")
            given = {m.upper() for m in paths[path] if m.upper() in METHODS}
            self.assertLessEqual(given, allowed, path)
            self.assertGreaterEqual(given, allowed - {"HEAD", "OPTIONS"}, path)


class Pages(Case):
    def test_console(self):
        """The console is one page that loads nothing from elsewhere, and says so."""
        answer = self.assert_status(call("GET", "/"), 200)
        self.assertEqual(answer.headers["Content-Type"].lower(), "text/html; charset=utf-8")
        self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")
        self.check_policy(answer)
        self.check_outside(answer)
        head = call("HEAD", "/")
        self.assertEqual((head.status, head.body), (200, b""))
        self.assertEqual(head.headers["Content-Length"], str(len(answer.body)))

    def test_docs(self):
        """The reference page as well."""
        answer = self.assert_status(call("GET", "/docs"), 200)
        self.check_policy(answer)
        self.check_outside(answer)
        text = answer.body.decode()
        for kind in ("not-an-integer", "integer-overflow", "whoami"):
            self.assertIn(kind, text)

    def check_policy(self, answer):
        policy = answer.headers["Content-Security-Policy"]
        directives = dict(
            part.strip().partition(" ")[::2] for part in policy.split(";") if part.strip())
        self.assertEqual(directives["default-src"], "'none'", policy)
        self.assertNotIn("unsafe-eval", policy)
        scripts = directives.get("script-src", "'none'")
        self.assertNotIn("unsafe-inline", scripts)
        for source in scripts.split():
            self.assertRegex(source, r"^'(none|self|sha256-[A-Za-z0-9+/=]+)'$")
        self.assertIn(directives.get("frame-ancestors"), ("'none'", "'self'"), policy)
        self.assertIn(directives.get("base-uri"), ("'none'", "'self'"), policy)
        outside = [w for w in re.findall(r"\S+", policy) if re.match(r"https?:|\*", w)]
        self.assertEqual(outside, [])

    def check_outside(self, answer):
        text = answer.body.decode()
        loads = re.findall(
            r'(?:src|srcset|action|poster)\s*=\s*["\']?((?:https?:)?//[^"\'\s>]+)', text)
        loads += re.findall(r'<link[^>]*href\s*=\s*["\']?((?:https?:)?//[^"\'\s>]+)', text)
        loads += re.findall(r"url\(\s*[\"']?((?:https?:)?//[^)]+)", text)
        loads += re.findall(r"(?:import|fetch)\s*\(?\s*[\"']((?:https?:)?//[^\"']+)", text)
        self.assertEqual(loads, [])


class Problems(Case):
    def test_forms(self):
        """Every problem is a document of the same form, whose type is on the reference page."""
        self.put("text", "abc")
        self.put("big", str(2**63 - 1))
        text, big = f"/kv/{self.key('text')}", f"/kv/{self.key('big')}"
        merge = {"Content-Type": PATCH_TYPE}
        docs = call("GET", "/docs").body.decode()
        for method, target, body, fields, status, kind in (
            ("PATCH", text, {"add": 1}, merge, 409, "not-an-integer"),
            ("PATCH", big, {"add": 1}, merge, 409, "integer-overflow"),
            ("PATCH", text, {"x": 1}, merge, 400, "invalid-document"),
            ("PATCH", text, "{", merge, 400, "invalid-json"),
            ("PATCH", text, {"ttl": 5}, {}, 415, None),
            ("PATCH", "/kv/none", {"ttl": 5}, merge, 404, "key-not-found"),
            ("PATCH", text, {}, merge | {"If-Match": '"1"'}, 412, "precondition-failed"),
            ("PATCH", text, {}, merge | {"If-Match": "1"}, 400, "invalid-header"),
            ("GET", "/kv?delimiter=", None, {}, 400, "invalid-parameter"),
            ("GET", "/kv?count=true&limit=5", None, {}, 400, "invalid-parameter"),
            ("DELETE", "/kv?prefix=", None, {}, 400, "invalid-parameter"),
            ("DELETE", "/kv?prefix=a", None, {"If-Match": "*"}, 400, "invalid-header"),
            ("GET", "/whoami?x=1", None, {}, 400, "invalid-parameter"),
            ("GET", "/whoami/x", None, {}, 404, "unknown-path"),
            ("POST", "/whoami", "x", {}, 405, "method-not-allowed"),
        ):
            with self.subTest(method=method, target=target, status=status):
                answer = call(method, target, body, fields)
                problem = self.assert_problem(answer, status, kind)
                anchor = problem["type"].rpartition("#")[2]
                self.assertIn(f'id="{anchor}"', docs)
                self.assertNotIn("abc", answer.body.decode())
                head_only = call(method, target, body, fields | {"X-Request-Id": "mine-1"})
                self.assertEqual(head_only.headers["X-Request-Id"], "mine-1")
