"""The C libraries that the programs are linked with, as Debian packages."""

import re
import subprocess
from pathlib import Path
from urllib.parse import quote

from . import licences
from .errors import Missing

PROGRAMS = ["kv", "kv-api", "kv-worker", "kv-autoscaler"]


def libraries(binaries):
    """A component for each package with a library that a program loads, also by other libraries."""
    files = set()
    for name in PROGRAMS:
        if not (binaries / name).exists():
            raise Missing(f"there is no {name} in {binaries}: build it first")
        files |= _loaded(binaries / name)
    packages = {package for file in files for package in _owners(file)}
    return [_package(package) for package in sorted(packages)]


def _loaded(program):
    """The files of the libraries, apart from Swift's own."""
    said = _output("ldd", program)
    if "not found" in said:
        raise Missing(f"libraries of {program} are missing:\n{said}")
    paths = {Path(path) for path in re.findall(r"=> (/\S+)", said)}
    return {path for path in paths if "/lib/swift/" not in str(path)}


def _owners(file):
    """The packages that own a file. dpkg may know it by its place before /lib became /usr/lib."""
    places = {file, file.resolve()}
    places |= {Path(str(place).removeprefix("/usr")) for place in places}
    places |= {Path(f"/usr{place}") for place in places if not str(place).startswith("/usr")}
    done = subprocess.run(
        ["dpkg-query", "--search", *map(str, sorted(places))],
        capture_output=True, text=True, check=False,
    )
    owners = set(re.findall(r"(?m)^([a-z0-9.+-]+)(?::[a-z0-9]+)?: /", done.stdout))
    if not owners:
        raise Missing(f"no Debian package owns {file}")
    return owners


def _package(name):
    form = "${Version}\\t${Architecture}\\t${source:Package}\\n"
    version, architecture, source = (
        _output("dpkg-query", "--show", f"--showformat={form}", name).splitlines()[0].split("\t")
    )
    purl = f"pkg:deb/debian/{quote(name)}@{quote(version, safe='')}?arch={architecture}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "licenses": licences.of_copyright(Path("/usr/share/doc") / name / "copyright"),
        "purl": purl,
        "properties": [{"name": "debian:source", "value": source}],
    }


def _output(*words):
    return subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, check=True
    ).stdout
