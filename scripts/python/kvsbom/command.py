"""The command line of scripts/sbom."""

import argparse
import json
import sys
from pathlib import Path

from .document import bill
from .errors import Missing

ROOT = Path(__file__).resolve().parents[3]


def main(words=None):
    parser = argparse.ArgumentParser(
        prog="scripts/sbom",
        description="Writes a CycloneDX 1.5 document of what the programs consist of and need.",
    )
    parser.add_argument(
        "--binaries",
        metavar="FOLDER",
        type=Path,
        help="the built programs (.build/release, or else .build/debug)",
    )
    parser.add_argument(
        "--output", metavar="FILE", type=Path, help="where to write it (the standard output)"
    )
    options = parser.parse_args(words)
    try:
        text = json.dumps(bill(ROOT, options.binaries or _binaries()), indent=2) + "\n"
    except Missing as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if options.output is None:
        sys.stdout.write(text)
    else:
        options.output.write_text(text, encoding="utf-8")
        print(f"{options.output} is written", file=sys.stderr)
    return 0


def _binaries():
    for name in ("release", "debug"):
        folder = ROOT / ".build" / name
        if (folder / "kv-api").exists():
            return folder
    raise Missing("nothing is built yet: `swift build -c release`, or name a folder (--binaries)")
