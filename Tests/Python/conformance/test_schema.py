"""The OpenAPI document, and the server's conformance with it."""

import json
import os
import subprocess
import sys
import tempfile
import unittest
import urllib.request

from openapi_spec_validator import validate

from conformance import server

FOLDER = os.path.dirname(os.path.abspath(__file__))
# Requests that schemathesis generates for an operation in each of its phases.
EXAMPLES = os.environ.get("SCHEMATHESIS_EXAMPLES", "150")


class Schema(unittest.TestCase):
    def test_document(self):
        """openapi.json is a valid OpenAPI document."""
        with urllib.request.urlopen(server.URL + "/openapi.json", timeout=30) as answer:
            document = json.load(answer)
        validate(document)
        self.assertTrue(document["openapi"].startswith("3.1"))

    def test_schemathesis(self):
        """The server conforms to its document for all requests that schemathesis generates."""
        command = [os.path.join(os.path.dirname(sys.executable), "schemathesis")]
        command += ["--config-file", os.path.join(FOLDER, "schemathesis.toml")]
        # One worker: Python 3.11 parses source text wrongly in several threads at once.
        command += ["run", server.URL + "/openapi.json", "--checks", "all", "--workers", "1"]
        command += ["--max-examples", EXAMPLES, "--generation-database", "none", "--no-color"]
        command += ["--continue-on-failure"]
        # It writes a cache to the current folder.
        with tempfile.TemporaryDirectory(prefix="kv-schemathesis-") as folder:
            done = subprocess.run(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
        output = done.stdout.decode(errors="replace")
        # The report has the seed, which repeats a run.
        print(output[-1_500:], file=sys.stderr)
        self.assertEqual(done.returncode, 0, output)
