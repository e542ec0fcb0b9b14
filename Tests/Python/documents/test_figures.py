"""Every table of figures names its command, and the model's tables are up to date."""

import re
import subprocess
import unittest

from documents.markdown import Document, every
from support import ROOT

# Times, rates, sizes, shares, money: measured or calculated figures.
FIGURE = re.compile(
    r"(?<![\w-])[\d.,]+\d?\s?(µs|ms|s|min|MiB|GiB|KiB|MB|GB|%|\$|times|cores)(?![\w-])|[\d,]+/s")
HEADS = re.compile(r"a second|per second|requests/s|CPU|seconds|µs|ms\b|a month", re.IGNORECASE)
COMMAND = re.compile(r"`[^`]*(make \w+|scripts/\w+|load-tests/run|CLOUD/model/\w+)[^`]*`"
                     r"|CLOUD/model/run: ")
# For tables of settings, limits and promises.
EXEMPTION = "<!-- not measured"


def unexplained(document):
    """Tables of figures in sections that name no command."""
    return [
        document.at(table.line) for table in document.tables
        if _has_figures(table) and not COMMAND.search(table.section)
        and EXEMPTION not in table.section
    ]


def _has_figures(table):
    head, *rows = table.rows
    cells = [cell for row in rows for cell in row]
    numbers = sum(bool(re.search(r"\d", cell)) for cell in cells)
    figures = sum(bool(FIGURE.search(cell)) for cell in cells)
    return figures >= 2 or (numbers >= 2 and any(HEADS.search(cell) for cell in head))


class Figures(unittest.TestCase):
    def test_every_table_of_figures_names_its_command(self):
        problems = [place for document in every() for place in unexplained(document)]
        self.assertEqual(problems, [], "name the command in the section, or say before the table "
                         f"`{EXEMPTION}: why -->`")

    def test_a_table_without_a_command_is_found(self):
        table = "| what | a second |\n| --- | --- |\n| GET | 134,500 |\n| PUT | 45,600 |\n"
        self.assertEqual(unexplained(Document("a.md", f"# A\n\n{table}")), ["a.md:3"])
        self.assertEqual(unexplained(Document("a.md", f"# A\n`make bench`:\n\n{table}")), [])
        # A command in another section does not count.
        self.assertEqual(
            unexplained(Document("a.md", f"# A\n`make bench`\n# B\n{table}")), ["a.md:4"])
        words = "| status | meaning |\n| --- | --- |\n| 200 | found |\n| 404 | not found |\n"
        self.assertEqual(unexplained(Document("a.md", words)), [])

    def test_the_models_tables_are_its_output(self):
        done = subprocess.run(
            [ROOT / "CLOUD/model/run", "--check"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("<!-- CLOUD/model/run: ", (ROOT / "CLOUD/README.md").read_text())
