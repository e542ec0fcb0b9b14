"""Python's http.client, and bare sockets for what it can't do."""

import http.client
import json
import os
import socket
import unittest

from conformance import server


class HTTPClient(unittest.TestCase):
    def setUp(self):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port(), timeout=30)
        self.addCleanup(self.connection.close)

    def request(self, method, path, body=None, headers=None, **options):
        self.connection.request(method, path, body, headers or {}, **options)
        answer = self.connection.getresponse()
        return answer, answer.read()

    def test_keep_alive(self):
        """A thousand requests share one connection."""
        self.request("PUT", "/kv/python/alive", b"value")
        first = self.connection.sock
        for _ in range(1_000):
            answer, body = self.request("GET", "/kv/python/alive")
            self.assertEqual((answer.status, body), (200, b"value"))
        self.assertIs(self.connection.sock, first)

    def test_values(self):
        """Values of any size and content come back byte for byte."""
        for size in [0, 1, 4_095, 65_536, 1_048_576]:
            value = os.urandom(size)
            answer, _ = self.request("PUT", f"/kv/python/{size}", value)
            self.assertEqual(answer.status, 201)
            answer, body = self.request("GET", f"/kv/python/{size}")
            self.assertEqual((answer.status, body), (200, value))

    def test_too_large(self):
        """A value that is one byte too large is a 413 with a problem document."""
        self.connection.putrequest("PUT", "/kv/python/large")
        self.connection.putheader("Content-Length", "1048577")
        self.connection.endheaders()
        answer = self.connection.getresponse()
        self.assertEqual(answer.status, 413)
        self.assertEqual(answer.getheader("Content-Type"), "application/problem+json")
        self.assertEqual(json.load(answer)["status"], 413)

    def test_chunked(self):
        """A body from a generator is sent in chunks and stored whole."""
        pieces = [os.urandom(size) for size in (1, 1_000, 100_000)]
        answer, _ = self.request("PUT", "/kv/python/chunked", iter(pieces), encode_chunked=True)
        self.assertEqual(answer.status, 201)
        _, body = self.request("GET", "/kv/python/chunked")
        self.assertEqual(body, b"".join(pieces))

    def test_head_and_delete(self):
        """HEAD and answers without a body keep the connection usable."""
        self.request("PUT", "/kv/python/head", b"12345")
        first = self.connection.sock
        answer, body = self.request("HEAD", "/kv/python/head")
        self.assertEqual((answer.getheader("Content-Length"), body), ("5", b""))
        answer, _ = self.request("GET", "/kv/python/head", headers={"If-None-Match": "*"})
        self.assertEqual(answer.status, 304)
        self.assertEqual(self.request("DELETE", "/kv/python/head")[0].status, 204)
        self.assertEqual(self.request("GET", "/kv/python/head")[0].status, 404)
        self.assertIs(self.connection.sock, first)


class Pipelining(unittest.TestCase):
    def test_order(self):
        """A hundred requests sent at once are answered in their order."""
        requests = b""
        for number in range(50):
            value = b"value %d" % number
            target = b"/kv/python/pipe/%d HTTP/1.1\r\nHost: localhost\r\n" % number
            requests += b"PUT %sContent-Length: %d\r\n\r\n%s" % (target, len(value), value)
            requests += b"GET %s\r\n" % target
        with socket.create_connection(("127.0.0.1", server.port()), timeout=30) as client:
            client.sendall(requests)
            stream = client.makefile("rb")
            for number in range(50):
                self.assertEqual(self.answer(stream)[0], 201)
                self.assertEqual(self.answer(stream), (200, b"value %d" % number))

    def answer(self, stream):
        status = int(stream.readline().split()[1])
        fields = http.client.parse_headers(stream)
        return status, stream.read(int(fields.get("Content-Length", 0)))
