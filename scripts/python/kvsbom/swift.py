"""The Swift packages, as they were resolved for the build, and the runtime of Swift."""

import json
import re
import subprocess

from . import licences
from .errors import Missing


def packages(root):
    """A component for each package, also for those that only other packages ask for."""
    resolved = root / "Package.resolved"
    if not resolved.exists():
        raise Missing("there is no Package.resolved yet: `swift package resolve` writes it")
    pins = json.loads(resolved.read_text(encoding="utf-8"))["pins"]
    return [_package(root, pin) for pin in sorted(pins, key=lambda pin: pin["identity"])]


def _package(root, pin):
    address = re.sub(r"\.git$", "", pin["location"])
    host, owner, name = re.fullmatch(r"https://([^/]+)/([^/]+)/([^/]+)", address).groups()
    version = pin["state"]["version"]
    # https://github.com/package-url/purl-spec: the namespace is the host and the owner.
    purl = f"pkg:swift/{host}/{owner}/{name}@{version}"
    return {
        "type": "library",
        "bom-ref": purl,
        "group": f"{host}/{owner}",
        "name": name,
        "version": version,
        "licenses": [licences.of_text(_licence(root, name))],
        "purl": purl,
        "externalReferences": [
            {"type": "vcs", "url": pin["location"], "comment": pin["state"]["revision"]}
        ],
    }


def _licence(root, name):
    folder = root / ".build" / "checkouts" / name
    for path in sorted(folder.glob("LICENSE*")):
        return path
    raise Missing(f"{folder} has no file with its licence: `swift package resolve` fetches it")


def runtime():
    """The compiler's runtime and Foundation, which releases have linked in."""
    said = subprocess.run(["swift", "--version"], capture_output=True, text=True, check=True).stdout
    version = re.search(r"Swift version (\S+)", said)[1]
    purl = f"pkg:github/swiftlang/swift@swift-{version}-RELEASE"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": "swift",
        "description": "Swift's runtime, Foundation and libdispatch",
        "version": version,
        "licenses": [licences.expression("Apache-2.0 WITH Swift-exception")],
        "purl": purl,
    }
