"""The JavaScript libraries that are embedded in kv-api for its pages."""

import re

from . import licences
from .errors import Missing

FOLDER = "Sources/KeyValueAPI/Console"


def libraries(root):
    """Preact and htm: the head of their file says which versions they are."""
    path = root / FOLDER / "preact.js"
    head = path.read_text(encoding="utf-8").partition("*/")[0]
    found = re.search(r"Preact (\d[\d.]*) .* with htm (\d[\d.]*) ", head)
    if not found:
        raise Missing(f"the head of {path} does not say which Preact and htm it has")
    return [
        _library("preact", found[1], licences.of_text(path)),
        _library("htm", found[2], licences.of_text(root / FOLDER / "LICENSE-htm.txt")),
    ]


def _library(name, version, licence):
    purl = f"pkg:npm/{name}@{version}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "licenses": [licence],
        "purl": purl,
    }
