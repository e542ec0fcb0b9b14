"""`scripts/sbom`: the list is a CycloneDX document, and nothing that is pinned or linked is
missing.

The form is that of https://cyclonedx.org/docs/1.5/json/, as far as the script uses it.
"""

import copy
import json
import re
import subprocess
import unittest

import support
from kvsbom import bill, licences
from support import ROOT

# https://github.com/package-url/purl-spec: type, namespaces, name, version, qualifiers.
PURL = re.compile(
    r"pkg:[a-z][a-z0-9.+-]*(/[\w.~%+-]+)*/[\w.~%+-]+@[\w.~%+-]+"
    r"(\?[a-z]+=[\w.~%-]+(&[a-z]+=[\w.~%-]+)*)?"
)
UUID = re.compile(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
TYPES = {"application", "library", "container"}


def faults(document):
    """What breaks the form."""
    found = []
    if (document.get("bomFormat"), document.get("specVersion")) != ("CycloneDX", "1.5"):
        found.append("it does not say that it is CycloneDX 1.5")
    if not UUID.fullmatch(document.get("serialNumber", "")):
        found.append("serialNumber is no UUID")
    if document.get("version") != 1:
        found.append("version is not 1")
    metadata = document.get("metadata", {})
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", metadata.get("timestamp", "")):
        found.append("metadata.timestamp is no time")
    components = document.get("components", [])
    everything = [metadata.get("component", {}), *components]
    references = [component.get("bom-ref") for component in everything]
    if len(set(references)) != len(references):
        found.append("a bom-ref comes twice")
    for component in everything:
        name = component.get("name", "a component")
        if missing := {"type", "bom-ref", "name", "version"} - component.keys():
            found.append(f"{name} has no {sorted(missing)}")
        if component.get("type") not in TYPES:
            found.append(f"{name} has the type {component.get('type')}")
    for component in components:
        found += _faults_of(component)
    for entry in document.get("dependencies", []):
        for reference in [entry["ref"], *entry["dependsOn"]]:
            if reference not in references:
                found.append(f"{reference} depends on something that is not listed")
    return found


def _faults_of(component):
    found = []
    if not PURL.fullmatch(component.get("purl", "")):
        found.append(f"{component.get('purl')} is no package URL")
    entries = component.get("licenses", [])
    if not entries:
        found.append(f"{component['name']} has no licence")
    # Either one expression, or any number of licences (schema, "licenseChoice").
    if len(entries) > 1 and any("expression" in entry for entry in entries):
        found.append(f"{component['name']} has an expression among licences")
    for entry in entries:
        licence = entry.get("license", {"name": entry.get("expression")})
        if len(licence.keys() & {"id", "name"}) != 1 or not all(licence.values()):
            found.append(f"{component['name']} has an empty licence")
    return found


class Bill(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.document = bill(ROOT, support.BINARIES)
        cls.components = {part["bom-ref"]: part for part in cls.document["components"]}

    def named(self, prefix):
        return {
            part["name"]: part for part in self.components.values()
            if part["purl"].startswith(prefix)
        }

    def test_it_has_the_form_of_cyclonedx(self):
        self.assertEqual(faults(self.document), [])

    def test_faults_of_the_form_are_found(self):
        def broken(change):
            document = copy.deepcopy(self.document)
            change(document, document["components"][0])
            return faults(document)

        for change in (
            lambda document, _: document.update(specVersion="1.4"),
            lambda document, _: document.update(serialNumber="7"),
            lambda document, _: document.pop("version"),
            lambda document, _: document["metadata"].update(timestamp="yesterday"),
            lambda document, _: document["metadata"].pop("component"),
            lambda document, first: document["components"].append(first),
            lambda _, first: first.pop("version"),
            lambda _, first: first.update(type="thing"),
            lambda _, first: first.update(purl="pkg:swift"),
            lambda _, first: first.update(purl="https://example.com/a@1"),
            lambda _, first: first.update(licenses=[]),
            lambda _, first: first.update(licenses=[{"license": {"id": ""}}]),
            lambda _, first: first["licenses"].extend([{"expression": "MIT"}] * 2),
            lambda document, _: document["dependencies"][0]["dependsOn"].append("nothing"),
        ):
            self.assertNotEqual(broken(change), [])

    def test_every_swift_package_is_listed_with_the_version_of_package_swift(self):
        packages = self.named("pkg:swift/")
        declared = re.findall(
            r'\.package\(url: "https://([^"]+)", exact: "([^"]+)"',
            (ROOT / "Package.swift").read_text(),
        )
        self.assertGreater(len(declared), 5)
        for address, version in declared:
            found = packages[address.rpartition("/")[2]]
            self.assertEqual(found["purl"], f"pkg:swift/{address}@{version}")
        pins = json.loads((ROOT / "Package.resolved").read_text())["pins"]
        self.assertEqual(len(packages), len(pins))

    def test_every_library_that_is_linked_is_listed(self):
        packages = self.named("pkg:deb/")
        names = ["libpq5", "libhiredis0.14", "librabbitmq4", "libssl3", "libsqlite3-0", "libc6"]
        for name in names:
            self.assertIn(name, packages)
            self.assertRegex(packages[name]["version"], r"\d")

    def test_the_libraries_of_the_pages_are_listed(self):
        self.assertEqual(set(self.named("pkg:npm/")), {"preact", "htm"})

    def test_every_image_is_listed(self):
        images = self.named("pkg:docker/")
        for name in ("nginx", "redis", "rabbitmq", "postgres", "cockroachdb/cockroach", "debian"):
            self.assertIn(name, images)
        for name in ("kv-api", "kv-worker"):
            self.assertNotIn(name, images)

    def test_it_can_be_repeated(self):
        self.assertEqual(bill(ROOT, support.BINARIES), self.document)

    def test_the_command_writes_it(self):
        done = subprocess.run(
            [ROOT / "scripts/sbom", "--binaries", support.BINARIES],
            capture_output=True, text=True, check=True,
        )
        self.assertEqual(json.loads(done.stdout), self.document)

    def test_a_folder_without_programs_is_refused(self):
        done = subprocess.run(
            [ROOT / "scripts/sbom", "--binaries", ROOT / "nginx"],
            capture_output=True, text=True, check=False,
        )
        self.assertEqual(done.returncode, 1)
        self.assertIn("there is no kv in", done.stderr)


class Licences(unittest.TestCase):
    def test_debians_names_become_those_of_spdx_where_there_is_one(self):
        self.assertEqual(licences.named("Expat"), {"license": {"id": "MIT"}})
        self.assertEqual(licences.named("LGPL-2.1+"), {"license": {"id": "LGPL-2.1-or-later"}})
        self.assertEqual(licences.named("JCG"), {"license": {"name": "JCG"}})


class Pins(unittest.TestCase):
    """What a build of a release takes from elsewhere has one version."""

    def test_swift_packages_are_exact(self):
        declared = re.findall(r"\.package\(url:.*", (ROOT / "Package.swift").read_text())
        self.assertGreater(len(declared), 5)
        for line in declared:
            self.assertRegex(line, r'exact: "\d+\.\d+\.\d+"')

    def test_python_packages_are_exact(self):
        for name in ("Tests/Python", "Benchmarks/peers/fastapi"):
            for line in (ROOT / name / "requirements.txt").read_text().splitlines():
                if line and not line.startswith("#"):
                    self.assertRegex(line, r"^[\w.-]+==[\w.!+]+$", name)
