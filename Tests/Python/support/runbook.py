"""The commands of the runbook, so that what it says is what is tested."""

import re
import shlex

from . import ROOT

FILE = ROOT / "prometheus" / "RUNBOOK.md"


def commands(alert):
    """The commands in an alert's section, each as its words."""
    parts = re.split(r"^## (\w+)\n", FILE.read_text(), flags=re.MULTILINE)
    section = dict(zip(parts[1::2], parts[2::2]))[alert]
    blocks = re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return [shlex.split(block) for block in blocks]
