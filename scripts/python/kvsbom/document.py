"""The whole document (https://cyclonedx.org/docs/1.5/json/)."""

import json
import os
import re
import subprocess
import uuid
from datetime import datetime, timezone

from . import console, debian, images, swift

NAME = "key-value-store"


def bill(root, binaries):
    """What the programs in a folder consist of and need. The same input gives the same document."""
    components = [
        *swift.packages(root),
        swift.runtime(),
        *debian.libraries(binaries),
        *console.libraries(root),
        *images.images(root),
    ]
    product = _product(root)
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": "",
        "version": 1,
        "metadata": {
            "timestamp": _time(root),
            "tools": {"components": [{"type": "application", "name": "scripts/sbom"}]},
            "component": product,
        },
        "components": components,
        "dependencies": [
            {
                "ref": product["bom-ref"],
                "dependsOn": [component["bom-ref"] for component in components],
            }
        ],
    }
    # RFC 9562 §5.5: a name-based UUID, so that equal documents have equal numbers.
    content = json.dumps(document, sort_keys=True)
    document["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, content)}"
    return document


def _product(root):
    source = (root / "Sources/Basics/Release.swift").read_text(encoding="utf-8")
    version = re.search(r'static let version = "([^"]+)"', source)[1]
    return {
        "type": "application",
        "bom-ref": f"{NAME}@{version}",
        "name": NAME,
        "version": version,
        "description": "kv-api, kv-worker, kv-autoscaler and kv",
    }


def _time(root):
    """When the source was last changed, or what SOURCE_DATE_EPOCH says, as for other builds that
    can be repeated (https://reproducible-builds.org/docs/source-date-epoch/)."""
    seconds = os.environ.get("SOURCE_DATE_EPOCH")
    if seconds is None:
        done = subprocess.run(
            ["git", "log", "-1", "--format=%ct"],
            cwd=root, capture_output=True, text=True, check=False,
        )
        seconds = done.stdout.strip() or "0"
    return datetime.fromtimestamp(int(seconds), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
