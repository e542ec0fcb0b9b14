"""What the build of the images is given, read from its files; no Docker engine is needed."""

import fnmatch
import re
import subprocess
import unittest
from pathlib import Path

from support import ROOT


class ImageBuild(unittest.TestCase):
    def test_every_program_of_the_package_is_built(self):
        """The Dockerfile takes their names from Package.swift."""
        dockerfile = (ROOT / "Dockerfile").read_text()
        (listing,) = re.findall(r"in \$\((sed [^)]*\([^)]*\)[^)]*Package.swift)\)", dockerfile)
        built = subprocess.check_output(["bash", "-c", listing], cwd=ROOT, text=True).split()
        self.assertEqual(set(built) - {"kv"}, {"kv-api", "kv-worker", "kv-autoscaler"})
        for name in set(built) - {"kv"}:
            image = f"FROM runtime AS {name}\nCOPY --from=trees /trees/{name} /\n"
            self.assertIn(image, dockerfile)

    def test_the_folder_of_every_target_is_sent_to_the_build(self):
        lines = (ROOT / ".dockerignore").read_text().splitlines()
        sent = [line[1:] for line in lines if line.startswith("!")]
        package = (ROOT / "Package.swift").read_text()
        folders = re.findall(r'path: "([^"]+)"', package)
        folders += [f"Tests/{name}" for name in re.findall(r'name: "(\w+Tests)"', package)]
        self.assertGreater(len(folders), 20)
        for folder in folders:
            parts = Path(folder).parts
            steps = ["/".join(parts[: count + 1]) for count in range(len(parts))]
            is_sent = any(fnmatch.fnmatchcase(step, line) for step in steps for line in sent)
            self.assertTrue(is_sent, f".dockerignore keeps {folder} from the build")

    def test_no_secret_is_sent_to_the_build(self):
        ignored = (ROOT / ".dockerignore").read_text().splitlines()
        self.assertIn("*", ignored)
        self.assertFalse([line for line in ignored if line.startswith("!") and "env" in line])
