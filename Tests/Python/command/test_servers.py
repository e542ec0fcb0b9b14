"""kv and servers: tokens, TLS, servers that are away, slow or strange."""

import hashlib
import http.server
import ssl
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path

import support
from command.shell import kv, start
from support.server import Server


class Tokens(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="kv-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        lines = (("shop", "secret", "shop/"), ("slow", "slow", "slow/ 1"))
        (cls.folder / "tokens").write_text("".join(
            f"{name} {hashlib.sha256(token.encode()).hexdigest()} read,write {rest}\n"
            for name, token, rest in lines
        ))  # fmt: skip
        cls.server = Server(KV_TOKENS_FILE=str(cls.folder / "tokens"))
        cls.addClassCleanup(cls.server.stop)

    def kv(self, *arguments, token="secret", **options):
        return kv(*arguments, KV_URL=self.server.url, KV_TOKEN=token, **options)

    def test_token(self):
        self.kv("put", "shop/a", "x")
        self.kv("put", "other", "x", code=6)
        done = self.kv("get", "shop/a", token="wrong", code=6)
        self.assertIn("KV_TOKEN", done.errors)
        self.kv("get", "shop/a", token="", code=6)
        self.kv("get", "shop/a", token="a b", code=2)

    def test_token_file(self):
        file = self.folder / "token"
        file.write_text("secret\n")
        self.kv("put", "shop/b", "x")
        self.assertEqual(self.kv("get", "--token-file", file, "shop/b", token="").text, "x")
        self.assertEqual(self.kv("get", "shop/b", token="", KV_TOKEN_FILE=str(file)).text, "x")
        self.kv("get", "shop/b", token="", KV_TOKEN_FILE="/nowhere", code=2)

    def test_whoami(self):
        caller = self.kv("whoami", "--json").json[0]
        self.assertEqual((caller["name"], caller["prefix"]), ("shop", "shop/"))
        self.assertIn("scopes: read, write", self.kv("whoami").text)

    def test_rate(self):
        """A command whose token has sent too much waits as it is told, and succeeds."""
        for number in range(3):
            self.kv("put", "slow/a", number, token="slow")
        self.assertEqual(self.kv("get", "slow/a", token="slow").text, "2")
        code = 0
        while code == 0:
            impatient = start(
                "get", "--retries", "0", "slow/a", KV_URL=self.server.url, KV_TOKEN="slow")
            errors = impatient.communicate(timeout=60)[1].decode()
            code = impatient.returncode
        self.assertEqual(code, 5, errors)
        self.assertIn("1 requests a second", errors)

    def test_export_of_prefix(self):
        self.kv("put", "shop/export", "x")
        self.assertIn("shop/export", self.kv("export", "shop/").text)
        self.kv("export", code=6)


class Running(unittest.TestCase):
    def test_health(self):
        self.assertEqual(kv("health").lines[0], "healthy")
        self.assertEqual(kv("health", "--json").json[0]["status"], "healthy")
        self.assertIn("all keys", kv("whoami").text)

    def test_bench(self):
        done = kv("bench", "--seconds", 1, "--connections", 2, "--json", timeout=120)
        self.assertEqual([line["operation"] for line in done.json], ["put", "get"])
        self.assertEqual(kv("ls", "kv-bench/").lines, [])

    def test_completion(self):
        for shell in ["bash", "zsh", "fish"]:
            self.assertIn("whoami", kv("completion", shell).text)
        kv("completion", "tcsh", code=2)
        script = kv("completion", "bash").text
        subprocess.run(["bash", "-n"], input=script.encode(), check=True)

    def test_away(self):
        """No server: 5, after the repetitions, with the address."""
        url = f"http://127.0.0.1:{support.free_port()}"
        done = kv("get", "a", "--retries", 1, KV_URL=url, code=5)
        self.assertIn(url, done.errors)
        done = kv("get", "a", KV_URL="http://nowhere.invalid", code=5)
        self.assertIn("nowhere.invalid can't be found", done.errors)


class Answers(http.server.BaseHTTPRequestHandler):
    """Answers as the test says, and notes what came."""

    protocol_version = "HTTP/1.1"

    def answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        self.server.seen.append((self.command, self.headers.get("Idempotency-Key")))
        status, fields, body = self.server.answers.pop(0)
        if status is None:
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_DELETE = do_POST = do_PATCH = answer

    def log_message(self, *arguments):
        pass


class Repetition(unittest.TestCase):
    def serve(self, *answers, context=None):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        server.answers = list(answers)
        server.seen = []
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server, f"{'https' if context else 'http'}://127.0.0.1:{server.server_port}"

    def problem(self, status, name):
        return status, {"Content-Type": "application/problem+json"}, (
            b'{"type":"/docs#%s","title":"Trouble","status":%d}' % (name.encode(), status)
        )  # fmt: skip

    def test_write_is_repeated(self):
        """A write whose answer was lost is sent again with the same Idempotency-Key."""
        server, url = self.serve(
            (None, {}, b""), self.problem(503, "outcome-unknown"), (201, {"ETag": '"7"'}, b"")
        )
        self.assertEqual(kv("put", "a", "x", KV_URL=url).text, "7\n")
        self.assertEqual(len(server.seen), 3)
        self.assertEqual(len(set(server.seen)), 1)
        self.assertIsNotNone(server.seen[0][1])

    def test_unknown_outcome(self):
        server, url = self.serve(*[self.problem(503, "outcome-unknown")] * 2)
        done = kv("put", "--retries", 1, "a", "x", KV_URL=url, code=7)
        self.assertIn("Trouble", done.errors)
        _, url = self.serve((None, {}, b""), (None, {}, b""))
        done = kv("put", "--retries", 1, "a", "x", KV_URL=url, code=7)
        self.assertIn("may have taken effect", done.errors)

    def test_prefix_is_not_repeated(self):
        """Deleting a prefix again could delete what was written meanwhile."""
        server, url = self.serve((None, {}, b""))
        kv("rm", "--prefix", "--yes", "a", KV_URL=url, code=7)
        self.assertEqual(len(server.seen), 1)

    def test_retry_after(self):
        server, url = self.serve(
            (503, {"Retry-After": "1", "Content-Type": "application/problem+json"},
             b'{"type":"/docs#overloaded"}'),
            (200, {}, b"x"),
        )  # fmt: skip
        self.assertEqual(kv("get", "a", KV_URL=url).text, "x")

    def test_strange_server(self):
        _, url = self.serve((200, {}, b"<html>"))
        kv("ls", KV_URL=url, code=1)

    def test_late_change(self):
        """A command is run neither for a change that came late nor twice for the same."""
        stream = b"".join(
            b'id: 1.%d\nevent: put\ndata: {"key":"%s","revision":%d}\n\n' % (place, key, revision)
            for place, (key, revision) in enumerate(
                [(b"a", 2), (b"a", 1), (b"b", 1), (b"a", 2), (b"a", 3)]
            )
        )
        _, url = self.serve((200, {"Content-Type": "text/event-stream"}, stream))
        command = 'cat >/dev/null; echo "$KV_KEY $KV_REVISION"'
        done = kv("watch", "--count", 3, "--exec", command, KV_URL=url)
        self.assertEqual(done.text, "a 2\nb 1\na 3\n")

    def test_certificates(self):
        """TLS: a certificate that nobody vouches for is refused; --ca-file vouches for it."""
        with tempfile.TemporaryDirectory(prefix="kv-") as folder:
            key, certificate = f"{folder}/key.pem", f"{folder}/certificate.pem"
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                 "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                 "-keyout", key, "-out", certificate],
                check=True, capture_output=True,
            )  # fmt: skip
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            value = bytes(range(256)) * 2_000
            _, url = self.serve(*[(200, {}, value)] * 3, context=context)
            self.assertEqual(kv("get", "--ca-file", certificate, "a", KV_URL=url).bytes, value)
            name = url.replace("127.0.0.1", "localhost")
            self.assertEqual(kv("get", "a", KV_URL=name, KV_CA_FILE=certificate).bytes, value)
            done = kv("get", "a", KV_URL=url, code=1)
            self.assertIn("not trusted", done.errors)
            self.assertIn("--ca-file", done.errors)
            kv("get", "--ca-file", key, "a", KV_URL=url, code=2)
