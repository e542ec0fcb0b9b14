"""Commands in the documents: blocks that are marked as runnable are run and must do what their
comments say; all other commands must name existing scripts, targets and options.

A block is runnable when its fence says so: ```` ```sh run ````. It is run by bash in an empty
folder, against a kv-api of its own in place of `localhost:8080`, with `kv` on the PATH, and every
command has to succeed.
A comment that begins with a status (`# 412: it exists`) is the expected answer to curl.
"""

import os
import re
import shlex
import subprocess
import tempfile
import unittest
from pathlib import Path

import support
from documents.markdown import every
from support import ROOT
from support.server import Server

SHELL = {"sh", "bash", "shell", "console"}
OURS = re.compile(r"(?:\./)?((?:scripts|load-tests|CLOUD/model|\.ci)/[\w./-]*\w)")

# Records the status of each answer to curl in a line.
CURL = """
curl() { command curl -sS "$@" -w '%{stderr}%{http_code}\\n' 2>>"$STATUSES" >>"$OUTPUT"; }
"""


def shell_blocks(document, runnable):
    return [b for b in document.blocks if b.language in SHELL and ("run" in b.marks) == runnable]


def expected_statuses(lines):
    """The expected answer to each call of curl: the status in its comment, or any success."""
    calls = re.split(r"(?m)^(?=curl )", "\n".join(lines))
    found = []
    for call in calls:
        if call.startswith("curl "):
            comment = re.search(r"\s#\s*(\d{3})\b", call)
            found.append(comment[1] if comment else "2..")
    return found


class Runnable(unittest.TestCase):
    def test_runnable_blocks_run(self):
        blocks = [(d, b) for d in every() for b in shell_blocks(d, runnable=True)]
        self.assertGreater(len(blocks), 3, "README's tour is marked as runnable")
        with Server() as server:
            for document, block in blocks:
                with self.subTest(block=document.at(block.line)):
                    self.run_block(server, block)

    def run_block(self, server, block):
        script = "\n".join(block.lines).replace("localhost:8080", f"127.0.0.1:{server.port}")
        with tempfile.TemporaryDirectory(prefix="kv-documents-") as folder:
            # A file that the tour stores.
            Path(folder, "photo.jpg").write_bytes(b"\xff\xd8\xff\xe0 a picture")
            statuses, output = Path(folder, "statuses"), Path(folder, "output")
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", CURL + script],
                cwd=folder, env=os.environ | {
                    "STATUSES": str(statuses), "OUTPUT": str(output),
                    "PATH": f"{support.BINARIES}:{os.environ['PATH']}",
                    "KV_URL": f"http://127.0.0.1:{server.port}",
                },
                stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
            )
            said = statuses.read_text() if statuses.exists() else ""
            self.assertEqual(done.returncode, 0, f"{script}\n{done.stdout}{done.stderr}{said}")
            got, expected = said.split(), expected_statuses(block.lines)
            self.assertEqual(len(got), len(expected), f"{script}\n{said}")
            for status, pattern in zip(got, expected):
                self.assertRegex(status, f"^{pattern}$", script)


class Named(unittest.TestCase):
    def test_scripts_targets_and_options_exist(self):
        targets = set(re.findall(r"(?m)^([a-z]+):", (ROOT / "Makefile").read_text()))
        problems = []
        for document in every():
            for line, command in commands(document):
                problems += [f"{document.at(line)}: {p}" for p in missing(command, targets)]
        self.assertEqual(problems, [], "\n" + "\n".join(problems))

    def test_missing_ones_are_found(self):
        targets = {"run"}
        self.assertEqual(missing("make run", targets), [])
        self.assertEqual(missing("make tea", targets), ["there is no `make tea`"])
        self.assertEqual(missing("make run; make tea", targets), ["there is no `make tea`"])
        self.assertEqual(missing("scripts/nothing --x", targets), ["there is no scripts/nothing"])
        self.assertEqual(
            missing("load-tests/run all --userz 5", targets), ["load-tests/run has no --userz"])
        self.assertEqual(missing("load-tests/run all --users=5", targets), [])


def commands(document):
    """Lines of shell blocks, and text in backquotes."""
    for block in document.blocks:
        if block.language in SHELL:
            for number, line in enumerate(block.lines, block.line + 1):
                yield number, line.partition(" #")[0]
    for number, line in document.prose:
        for code in re.findall(r"(?<!`)`([^`]+)`(?!`)", line):
            yield number, code


def missing(command, targets):
    """What a command names that does not exist."""
    problems = []
    for part in re.split(r"[;&|]+", command):
        if target := re.match(r"\s*make ([a-z]+)\b", part):
            if target[1] not in targets:
                problems.append(f"there is no `make {target[1]}`")
        if script := OURS.match(part.strip()):
            path = ROOT / script[1]
            if not path.exists() and not is_ignored(script[1]):
                problems.append(f"there is no {script[1]}")
            elif path.is_file() and os.access(path, os.X_OK):
                problems += unknown_options(script[1], part)
    return problems


def is_ignored(name):
    """Whether git ignores the folder: a command creates it."""
    return subprocess.run(
        ["git", "check-ignore", "--quiet", f"{name}/x"], cwd=ROOT, check=False).returncode == 0


def unknown_options(script, command):
    """The options of a command that are not in the source of its script."""
    source = (ROOT / script).read_text(encoding="utf-8")
    modules = {"scripts/cluster": "scripts/python/kvcluster",
               "scripts/chaos": "Tests/Python/chaos", "scripts/sbom": "scripts/python/kvsbom",
               "scripts/soak": "scripts/python/kvsoak",
               "load-tests/run": "scripts/python/loadtest",
               "CLOUD/model/measure": "CLOUD/model/sizing", "scripts/bench": "Benchmarks"}
    if script in modules:
        for path in sorted((ROOT / modules[script]).glob("*.py")):
            source += path.read_text(encoding="utf-8")
    try:
        words = shlex.split(command, comments=True)
    except ValueError:
        words = command.split()
    options = [word.partition("=")[0] for word in words[1:] if re.match(r"--[a-z]", word)]
    return [f"{script} has no {name}" for name in options if name not in source]
