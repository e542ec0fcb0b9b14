"""Where a program spends its time: the first symbols of perf."""

import os
import re
import shutil
import subprocess
import threading
import time

SYMBOLS_MAX = 15
COLUMNS_MAX = 120
SECONDS = 4


def profiled(load, processes, folder):
    """The hottest symbols of some processes while `load(seconds)` runs; None without perf."""
    if not shutil.which("perf"):
        return None
    data = os.path.join(folder, "perf.data")
    thread = threading.Thread(target=_quietly, args=(load,))
    thread.start()
    # The load begins a moment after the start of its program.
    time.sleep(1)
    pids = ",".join(str(process.pid) for process in processes)
    record = ["perf", "record", "-q", "-F", "499", "-p", pids, "-o", data]
    recorded = subprocess.run([*record, "--", "sleep", str(SECONDS)], capture_output=True)
    thread.join()
    if recorded.returncode:
        return None
    report = ["perf", "report", "-i", data, "--stdio", "--no-children", "-s", "dso,symbol", "-q"]
    lines = subprocess.run(report, capture_output=True, text=True).stdout.splitlines()
    # Some versions of perf end each line with empty columns.
    symbols = [re.sub(r"[\s-]+$", "", line) for line in lines if not line.startswith("#")]
    text = _demangled("\n".join([symbol for symbol in symbols if symbol][:SYMBOLS_MAX]))
    return "\n".join(line[:COLUMNS_MAX] for line in text.splitlines())


def _quietly(load):
    try:
        load(SECONDS + 2)
    except (RuntimeError, subprocess.CalledProcessError):
        # The profile until then is still useful.
        pass


def _demangled(text):
    if not shutil.which("swift"):
        return text
    command = ["swift", "demangle", "--simplified"]
    return subprocess.run(command, input=text, capture_output=True, text=True).stdout or text
