"""Every link has a target."""

import unittest

from documents.markdown import Document, every
from support import ROOT


def broken(document, root, documents):
    """The broken links, with the reason."""
    found = []
    known = {other.name: other for other in documents}
    for line, target in document.links:
        path, _, anchor = target.partition("#")
        if "://" in path or path.startswith("mailto:"):
            continue
        name = document.name
        if path:
            file = (root / document.name).parent.joinpath(path).resolve()
            if not file.exists():
                found.append(f"{document.at(line)}: there is no {path}")
                continue
            inside = file.is_relative_to(root.resolve())
            name = str(file.relative_to(root.resolve())) if inside else ""
        if not anchor:
            continue
        if name in known and anchor not in known[name].anchors:
            found.append(f"{document.at(line)}: {name} has no heading for #{anchor}")
    return found


class Links(unittest.TestCase):
    def test_files_and_headings_exist(self):
        documents = every()
        problems = [one for document in documents for one in broken(document, ROOT, documents)]
        self.assertEqual(problems, [], "\n" + "\n".join(problems))

    def test_readme_is_checked(self):
        names = [document.name for document in every()]
        for name in ("README.md", "TESTING.md", "CLOUD/README.md"):
            self.assertIn(name, names)

    def test_broken_links_are_found(self):
        text = (
            "# A heading, `code` & more\n"
            "[good](#a-heading-code--more) [bad](#nowhere) [gone](gone.md) [x](README.md#nope)\n"
            "```\n[not](a-link.md)\n```\n`[nor](this.md)`\n"
        )
        document = Document("sample.md", text)
        readme = Document("README.md", "# Title\n")
        self.assertEqual(
            broken(document, ROOT, [document, readme]),
            [
                "sample.md:2: sample.md has no heading for #nowhere",
                "sample.md:2: there is no gone.md",
                "sample.md:2: README.md has no heading for #nope",
            ],
        )
