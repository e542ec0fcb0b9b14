"""How the tests call kv, and where its server is."""

import json
import os
import subprocess

import support

# conftest.py sets it.
URL = ""


def environment(**settings):
    """What kv sees: no setting of the person who runs the tests."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("KV_")}
    return inherited | {"KV_URL": URL, "LC_ALL": "C.UTF-8"} | settings


class Done:
    def __init__(self, code, output, errors):
        self.code = code
        self.bytes = output
        self.errors = errors.decode()

    @property
    def text(self):
        return self.bytes.decode()

    @property
    def lines(self):
        return self.text.splitlines()

    @property
    def json(self):
        return [json.loads(line) for line in self.lines]


def kv(*arguments, stdin=b"", code=0, cwd=None, timeout=60, **settings):
    """Runs kv and checks its exit code."""
    done = subprocess.run(
        [support.BINARIES / "kv", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        env=environment(**settings),
        cwd=cwd,
        timeout=timeout,
    )
    result = Done(done.returncode, done.stdout, done.stderr)
    assert done.returncode == code, f"{arguments}: {done.returncode}: {result.errors}"
    return result


def start(*arguments, **settings):
    """Starts kv in the background, with pipes."""
    return subprocess.Popen(
        [support.BINARIES / "kv", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(**settings),
    )
