"""A parser for the Markdown files of the repository."""

import re
import subprocess
from dataclasses import dataclass, field
from urllib.parse import unquote

from support import ROOT


@dataclass
class Block:
    """A code block: language, further words, lines."""

    line: int
    language: str
    marks: list
    lines: list = field(default_factory=list)


@dataclass
class Table:
    """The cells of a table by row; the first row is the head. `section` is the text of its
    section."""

    line: int
    rows: list
    section: str = ""


class Document:
    """A file, with its headings, links and tables outside code blocks."""

    def __init__(self, name, text):
        self.name, self.text = name, text
        self.blocks, self.tables, self.links, self.anchors = [], [], [], set()
        self.prose = []
        self._read()

    def __str__(self):
        return self.name

    def at(self, line):
        """A place in the file, for messages."""
        return f"{self.name}:{line}"

    def _read(self):
        block, fence, table, section, sections = None, "", None, [], []
        for number, line in enumerate(self.text.splitlines(), 1):
            if block is not None:
                section.append(line)
                if line.strip() == fence:
                    block = None
                else:
                    block.lines.append(line)
                continue
            if opening := re.match(r"\s*(`{3,}|~{3,})\s*(\S*)\s*(.*)$", line):
                fence, language, marks = opening[1], opening[2], opening[3].split()
                block = Block(number, language, marks)
                self.blocks.append(block)
                section.append(line)
                continue
            self.prose.append((number, line))
            if heading := re.match(r"#{1,6}\s+(.*?)\s*#*$", line):
                self._name(heading[1])
                sections.append(section)
                section = []
            section.append(line)
            if line.startswith("|"):
                if table is None:
                    table = Table(number, [])
                    self.tables.append(table)
                    table.section = section
                cells = re.split(r"(?<!\\)\|", line.strip().strip("|"))
                if not all(re.fullmatch(r"\s*:?-+:?\s*", cell) for cell in cells):
                    table.rows.append([cell.strip() for cell in cells])
            else:
                table = None
            self._find_links(number, line)
        for table in self.tables:
            table.section = "\n".join(table.section)

    def _name(self, heading):
        """Adds the anchor that GitHub gives to a heading."""
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        anchor = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        base, count = anchor, 0
        while anchor in self.anchors:
            count += 1
            anchor = f"{base}-{count}"
        self.anchors.add(anchor)

    def _find_links(self, number, line):
        # Text in backquotes has no links.
        line = re.sub(r"`[^`]*`", "", line)
        for target in re.findall(r"\]\(\s*<?([^)>\s]+)>?[^)]*\)", line):
            self.links.append((number, unquote(target)))
        for target in re.findall(r"^\[[^\]]+\]:\s*(\S+)", line):
            self.links.append((number, unquote(target)))


def every():
    """All files that git tracks or would track."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", "*.md"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout.split("\n")
    paths = [ROOT / name for name in listed if name and (ROOT / name).exists()]
    return [Document(str(p.relative_to(ROOT)), p.read_text(encoding="utf-8")) for p in paths]
