"""SECURITY.md: each risk names tests that hold it, and each of these tests exists."""

import ast
import re
import unittest

from support import ROOT

SWIFT = re.compile(r'`(Tests/[^`:]+\.swift)`\s+"([^"]+)"')
PYTHON = re.compile(r"`(Tests/[^`:]+\.py)::([^`]+)`")


def risks(text):
    """The text of each risk by its heading."""
    section = text.partition("\n## Risks\n")[2].partition("\n## ")[0]
    parts = re.split(r"(?m)^### (.+)\n", section)
    return dict(zip(parts[1::2], parts[2::2]))


def missing(text, root=ROOT):
    """The tests that are named and do not exist."""
    named = SWIFT.findall(text) + PYTHON.findall(text)
    found = [f"{file}: {name}" for file, name in named if not exists(root / file, name)]
    # A file without a test that is named in the form of one of the two.
    files = re.findall(r"`(Tests/[^`:]+\.(?:swift|py))(?:::[^`]*)?`", text)
    if len(files) != len(named):
        found.append(f"{len(files) - len(named)} files are named without a test")
    return found


def exists(path, name):
    if not path.exists():
        return False
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".swift":
        return bool(re.search(rf'(@Test|\bCase)\(\s*"{re.escape(name)}"', source))
    group, _, test = name.partition("::")
    return any(
        isinstance(node, ast.ClassDef) and node.name == group
        and test in [one.name for one in node.body if isinstance(one, ast.FunctionDef)]
        for node in ast.parse(source).body
    )


class Security(unittest.TestCase):
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")

    def test_every_test_that_it_names_exists(self):
        self.assertEqual(missing(self.text), [])

    def test_every_risk_has_a_test(self):
        self.assertGreater(len(risks(self.text)), 10)
        for heading, text in risks(self.text).items():
            with self.subTest(heading):
                self.assertTrue(SWIFT.search(text) or PYTHON.search(text))

    def test_a_test_that_is_missing_is_found(self):
        here = "Tests/Python/documents/test_security.py"
        swift = "Tests/TidyTests/TidyTests.swift"
        self.assertEqual(missing(f'`{swift}` "Libraries do not print"'), [])
        self.assertEqual(missing(f"`{here}::Security::test_every_risk_has_a_test`"), [])
        for text in (
            f'`{swift}`\n  "Libraries print"', f"`{here}::Security::test_nothing`",
            f"`{here}::Other::test_every_risk_has_a_test`", '`Tests/None.swift` "A sentence"',
            f"`{swift}`", f"`{here}`",
        ):
            self.assertEqual(len(missing(text)), 1, text)
