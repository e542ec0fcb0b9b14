"""The command: options, preparation, measurement, results, exit code."""

import json
import os
import platform
import resource
import signal
import sys
import tempfile

from . import options as reading
from . import page, summary
from .errors import LoadTestError
from .generator import Generator
from .measuring import Measuring
from .progress import Progress
from .store import Store

MISSED, FAILED, INTERRUPTED = 1, 2, 130


def main(arguments=None):
    """Returns the exit code."""
    options = reading.read(arguments)
    # So that the keys are removed in this case as well.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        _allow_connections(options.users)
        return _run(options)
    except LoadTestError as error:
        print(f"error: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return INTERRUPTED


def _run(options):
    progress = Progress()
    store = Store(options)
    store.check()
    try:
        # Fail before the measurement, not after it.
        options.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LoadTestError(f"--output: {error}") from None
    with tempfile.TemporaryDirectory(prefix="kv-load-") as folder:
        generator = Generator(options.load, folder)
        measuring = Measuring(options, generator, store, progress)
        try:
            measured = [measuring.measure(mode) for mode in options.modes]
        finally:
            _clean(options, store, progress)
    found = summary.document(
        [summary.summarise(one, options) for one in measured], options, _machine(generator))
    print(summary.text(found))
    _save(found, options)
    return 0 if found["met"] else MISSED


def _clean(options, store, progress):
    """Removes the keys. A failure here must not hide the figures or an earlier error."""
    if not options.keep_keys:
        progress.say("removing the keys")
        try:
            store.remove()
        except LoadTestError as error:
            progress.say(f"keys that start with {options.prefix} remain in the store: {error}")
    store.close()


def _save(found, options):
    for ending, text in (("json", json.dumps(found, indent=2) + "\n"), ("html", page.html(found))):
        path = summary.path_of(found, options.output, ending)
        path.write_text(text, encoding="utf-8")
        print(f"{'figures' if ending == 'json' else 'page'}: {path}")


def _machine(generator):
    """The machine that sent the load; often that of the store as well."""
    return {
        "program": "wrk",
        "threads": generator.threads,
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
    }


def _allow_connections(users):
    """Raises the limit of open files to the number of users."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = users + 64
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise LoadTestError(
            f"{users:,} users need as many open files, and {hard:,} are allowed: see `ulimit -Hn`"
        )
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
