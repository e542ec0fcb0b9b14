"""Nginx and its clients: rate limits, TLS, fields for browsers, the log, and reloads. Each class
has the real Nginx with one configuration."""

import http.client
import json
import socket
import ssl
import subprocess
import threading
import time

from cluster import clusters
from cluster.nginx_case import NginxCase
from kvcluster import ClusterError
from support import wait_until

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}


def answer_with(*lines):
    """An answer of an upstream, with these lines in its head."""
    head = "".join(f"{line}\r\n" for line in ("HTTP/1.1 200 OK", "Content-Length: 3", *lines))
    return lambda connection: connection.sendall(f"{head}\r\nyes".encode())


class Usual(NginxCase):
    def test_fields_for_browsers_come_once(self):
        own = [f"{name}: {value}" for name, value in HEADERS.items() if name != "X-Frame-Options"]
        self.upstreams(answer=answer_with(*own, "Content-Security-Policy: sandbox"))
        for method, target in [("GET", "/kv/a"), ("PUT", "/kv/a"), ("GET", "/metrics")]:
            with self.subTest(method=method, target=target):
                response, _ = self.ask(method, target)
                for name, value in HEADERS.items():
                    self.assertEqual(response.headers.get_all(name), [value])
                self.assertNotIn("Strict-Transport-Security", response.headers)
                if response.status == 200:
                    self.assertEqual(response.headers["Content-Security-Policy"], "sandbox")

    def test_values_are_never_compressed(self):
        self.upstreams(answer=answer_with("Content-Type: text/html", 'ETag: "1"'))
        response, body = self.ask("GET", "/kv/a", fields={"Accept-Encoding": "gzip"})
        self.assertEqual(body, b"yes")
        self.assertNotIn("Content-Encoding", response.headers)
        # A compressed answer would have lost its strong tag.
        self.assertEqual(response.headers["ETag"], '"1"')

    def test_internal_routes_are_closed(self):
        servers = self.upstreams()
        for name in (400, 404, 429, 500, "tls", "unavailable", "outcome-unknown"):
            with self.subTest(name=name):
                response, body = self.ask("GET", f"/.problem/{name}")
                self.assert_problem(response, body, 404, "unknown-path")
        self.assertEqual([server.requests for server in servers], [[], []])

    def test_clients_on_this_machine_are_not_limited(self):
        self.upstreams()
        statuses = {self.ask("GET", "/kv/a")[0].status for _ in range(300)}
        self.assertEqual(statuses, {200})
        # Others are limited.
        self.assertIn("rate=2000r/s", (self.cluster.folder / "nginx" / "limits.conf").read_text())

    def test_the_log_says_where_the_time_went(self):
        self.upstream(2, answer=lambda c: (time.sleep(0.2), answer_with()(c)))
        # The first server is down, and some request is tried there.
        for _ in range(4):
            self.ask("GET", "/kv/a", fields={"X-Request-Id": "slow-one"})
        log = self.cluster.folder / "logs" / "nginx-access.log"

        def lines():
            found = [json.loads(line) for line in log.read_text().splitlines()]
            return [line for line in found if line["request_id"] == "slow-one"]

        wait_until(lambda: len(lines()) == 4, 30, "four lines")
        for line in lines():
            self.assertEqual((line["status"], line["method"]), (200, "GET"))
            self.assertGreaterEqual(line["seconds"], 0.2)
            figures = [name for name in line if name.startswith("upstream")]
            last = {name: line[name].split(", ")[-1] for name in figures}
            self.assertEqual(last["upstream_status"], "200")
            self.assertLess(float(last["upstream_connect_seconds"]), 0.1)
            self.assertGreaterEqual(float(last["upstream_header_seconds"]), 0.2)
            self.assertGreaterEqual(float(last["upstream_seconds"]), 0.2)
        self.assertIn("502, 200", [line["upstream_status"] for line in lines()])

    def test_a_reload_breaks_no_connection(self):
        self.upstreams()
        stopping, errors, served = threading.Event(), [], [0] * 8

        def client(number):
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            while not stopping.is_set():
                try:
                    connection.request("PUT" if served[number] % 2 else "GET", "/kv/a", b"v")
                    response = connection.getresponse()
                    response.read()
                    # http.client closes a connection if the answer says so.
                    served[number] += 1
                    if response.status != 200:
                        errors.append(response.status)
                except (OSError, http.client.HTTPException) as error:
                    errors.append(repr(error))
                    connection.close()
                # An idle connection must not be closed without notice either.
                stopping.wait(0.01 * number)

        threads = [threading.Thread(target=client, args=[number]) for number in range(8)]
        for thread in threads:
            thread.start()
        try:
            for rate in (1_000_000, 999_999, None):
                self.cluster.rate = rate
                before = self.cluster["nginx"].identity.members()
                self.cluster["nginx"].update()
                self.assertNotEqual(self.cluster["nginx"].identity.members(), before)
        finally:
            stopping.set()
            for thread in threads:
                thread.join()
        self.assertEqual(errors, [])
        self.assertGreater(min(served), 10)
        self.assertFalse((self.cluster.folder / "nginx" / "closing").exists())

    def test_a_configuration_that_nginx_refuses_is_not_applied(self):
        self.upstreams()
        self.addCleanup(setattr, self.cluster, "rate", None)
        self.cluster.rate = "many"
        with self.assertRaisesRegex(ClusterError, "invalid rate"):
            self.cluster["nginx"].update()
        self.assertEqual(self.ask("GET", "/kv/a")[0].status, 200)


class Limited(NginxCase):
    settings = {"rate": 5}

    def test_a_client_above_the_rate_limit_is_told_when_to_retry(self):
        servers = self.upstreams()
        answers = [self.ask(method, "/kv/a", b"v") for method in ["GET", "PUT", "DELETE"] * 8]
        refused = [answer for answer in answers if answer[0].status != 200]
        self.assertGreater(len(refused), 10)
        for response, body in refused:
            self.assert_problem(response, body, 429, "too-many-requests")
            self.assertEqual(response.headers["Retry-After"], "1")
        # Refused requests have reached no server, and every request was counted once.
        reached = sum(len(server.requests) for server in servers)
        self.assertEqual(reached, len(answers) - len(refused))
        self.assertGreaterEqual(reached, 6)
        time.sleep(1)
        self.assertEqual(self.ask("GET", "/kv/a")[0].status, 200)

    def test_the_readiness_check_of_nginx_is_not_limited(self):
        for _ in range(20):
            self.ask("GET", "/kv/a")
        self.assertTrue(self.cluster["nginx"].is_ready())

    def test_the_option_for_the_rate_is_checked(self):
        for text in ("-1", "many", "1000001"):
            code, _, errors = clusters.script("up", "--rate", text, cluster=self.cluster)
            self.assertEqual(code, 2)
            self.assertIn("0 to 1000000 are possible", errors)


class Encrypted(NginxCase):
    settings = {"tls": True}

    def setUp(self):
        super().setUp()
        self.tls_port = self.cluster.ports.nginx_tls
        self.certificate = self.cluster["nginx"].certificate

    def connection(self, **bounds):
        context = ssl.create_default_context(cafile=self.certificate)
        for name, value in bounds.items():
            setattr(context, name, value)
        return http.client.HTTPSConnection("localhost", self.tls_port, timeout=5, context=context)

    def test_it_serves_the_same_over_tls(self):
        servers = self.upstreams()
        connection = self.connection()
        connection.request("PUT", "/kv/a", b"v")
        response = connection.getresponse()
        self.assertEqual((response.status, response.read()), (200, b"yes"))
        self.assertEqual(response.headers["Strict-Transport-Security"], "max-age=31536000")
        for name, value in HEADERS.items():
            self.assertEqual(response.headers[name], value)
        (head,) = servers[0].requests + servers[1].requests
        self.assertIn("X-Forwarded-Proto: https", head)
        self.assertIn(f"Host: localhost:{self.tls_port}", head)
        connection.request("GET", "/metrics")
        response = connection.getresponse()
        self.assert_problem(response, response.read(), 404, "unknown-path")
        connection.close()
        self.assertEqual(self.ask("GET", "/kv/a")[0].status, 200)

    def test_old_protocols_are_refused(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            connection = self.connection(minimum_version=version, maximum_version=version)
            connection.connect()
            self.assertEqual(connection.sock.version(), version.name.replace("_", "."))
            connection.close()
        command = ["openssl", "s_client", "-connect", f"localhost:{self.tls_port}", "-tls1_1"]
        done = subprocess.run(
            [*command, "-cipher", "ALL:@SECLEVEL=0"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(b"alert protocol version", done.stderr)

    def test_plain_http_on_its_port_is_a_problem_document(self):
        answer = clusters.raw_exchange(self.tls_port, b"GET /kv/a HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), answer[:100])
        self.assertIn(b"application/problem+json", answer)
        self.assertIn(b"This port speaks TLS", answer)

    def test_only_its_owner_can_read_the_key_and_a_certificate_is_kept(self):
        folder = self.cluster.folder / "nginx" / "tls"
        self.assertEqual((folder / "key.pem").stat().st_mode & 0o077, 0)
        before = self.certificate.read_bytes()
        self.cluster.stop(["nginx"])
        self.cluster.start(["nginx"])
        self.assertEqual(self.certificate.read_bytes(), before)

    def test_it_can_be_switched_off_and_on(self):
        for words, is_on in [(["--no-tls"], False), ([], False), (["--tls"], True), ([], True)]:
            code, _, errors = clusters.script("up", "--only", "nginx", *words, cluster=self.cluster)
            self.assertEqual(code, 0, errors)
            with socket.socket() as probe:
                found = probe.connect_ex(("127.0.0.1", self.tls_port)) == 0
            self.assertEqual(found, is_on, words)
