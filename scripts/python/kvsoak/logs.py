"""What kv-api and kv-worker have logged: lines by level, and the errors among them."""

import collections
import json

# So many errors are told.
LINES_MAX = 20
LEVELS = {"error", "critical"}


def told(folder):
    """For the results. Lines that are no JSON are a crash's last words, and count as errors."""
    levels, lines = collections.Counter(), []
    for kind in ("kv-api", "kv-worker", "kv-autoscaler"):
        for path in sorted(folder.glob(f"{kind}*.log")):
            with open(path, encoding="utf-8", errors="replace") as file:
                for line in file:
                    level = _level(line)
                    levels[level] += 1
                    if level in LEVELS and len(lines) < LINES_MAX:
                        lines.append(f"{path.stem}: {line.strip()[:500]}")
    return {"levels": dict(levels), "errors": lines}


def _level(line):
    try:
        return str(json.loads(line)["level"])
    except (ValueError, LookupError, TypeError):
        return "error"
