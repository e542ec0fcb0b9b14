"""The command: a cluster, load on it, events, samples, results, exit code."""

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack

from kvcluster import Cluster, ClusterError
from kvcluster.folder import REPOSITORY

from . import logs
from . import options as reading
from .commands import Commands, cluster_command
from .events import schedule
from .explaining import explain
from .judging import number
from .load import Load
from .page import told
from .remedy import Remedy
from .results import DRAIN_SECONDS, Results
from .sampler import Sampler
from .tally import Tally
from .watching import Watching
from .waves import Waves

BAD, FAILED, INTERRUPTED = 1, 2, 130
SAMPLE_SECONDS, TELL_SECONDS, SAVE_SECONDS = 5, 10, 60
# The autoscaler follows the waves: seconds instead of minutes, and a few nodes at most. It goes by
# requests alone: processor time says little where all share the machine.
AUTOSCALER = {
    "KV_AUTOSCALER_INTERVAL": "5",
    "KV_AUTOSCALER_WINDOW": "15",
    "KV_AUTOSCALER_DOWN_WINDOW": "20",
    "KV_AUTOSCALER_DOWN_PERIOD": "10",
    "KV_AUTOSCALER_UP_PERIOD": "10",
    "KV_AUTOSCALER_SETTLE": "60",
    "KV_AUTOSCALER_API_MAX": "3",
    "KV_AUTOSCALER_API_CPU": "0",
    "KV_AUTOSCALER_API_LATENCY": "0",
    "KV_AUTOSCALER_WORKER_MAX": "3",
    "KV_AUTOSCALER_WORKER_CPU": "0",
    "KV_AUTOSCALER_WORKER_BACKLOG": "0",
}


def main(arguments=None):
    """Returns the exit code."""
    options = reading.read(arguments)
    # An end by a signal is as clean as Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if Cluster(options.dir).folder.plan:
        _say(
            f"error: there is a cluster in {options.dir} already; end it with "
            f"`scripts/cluster down --purge --dir {options.dir}`, or name another --dir"
        )
        return FAILED
    code = FAILED
    try:
        code = _run(options)
    except (ClusterError, OSError) as error:
        _say(f"error: {error}")
    except KeyboardInterrupt:
        _say("\nInterrupted.")
        code = INTERRUPTED
    finally:
        _clean(options, code)
    return code


def _ignore_signals():
    """A second Ctrl-C must not leave processes behind. Unlike SIG_IGN, programs that are started
    do not inherit a handler."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)


def _clean(options, code):
    """Stops the cluster. Its logs are kept if something is to be explained."""
    _ignore_signals()
    keep = code in (BAD, FAILED)
    _say("Stopping the cluster." if keep else "Stopping and removing the cluster.")
    cluster_command(options.dir, "down", *([] if keep else ["--purge"]))
    if keep and options.dir.exists():
        _say(
            f"Its logs are in {options.dir / 'logs'}; "
            f"`scripts/cluster down --purge --dir {options.dir}` removes it."
        )


def _environment(options):
    """That of the cluster's commands."""
    # Three nodes at the top of a wave, two at its foot.
    requests = {"KV_AUTOSCALER_API_REQUESTS": str(max(1, round(options.rate * 0.3)))}
    return os.environ | AUTOSCALER | requests


def _up(options):
    """Starts the cluster as the user would; its progress is shown."""
    words = ["up", "--autoscaler", "--dir", options.dir, "--base", str(options.base)]
    for name in ("release", "debug"):
        words += [f"--{name}"] if getattr(options, name) else []
    for name in ("database", "binaries"):
        words += [f"--{name}", value] if (value := getattr(options, name)) else []
    with subprocess.Popen(
        [REPOSITORY / "scripts/cluster", *words],
        env=_environment(options), stdout=subprocess.DEVNULL,
    ) as process:
        try:
            code = process.wait()
        except KeyboardInterrupt:
            # It ends what it has begun, such as a tool of RabbitMQ.
            process.send_signal(signal.SIGINT)
            process.wait()
            raise
    if code:
        raise ClusterError("the cluster did not start; see above")


def _run(options):
    options.results.mkdir(parents=True, exist_ok=True)
    _up(options)
    cluster = Cluster(options.dir)
    results = Results(options.results, options, cluster.database)
    _say(f"Seed {options.seed}. Figures: {results.json}")
    start = time.monotonic()

    def clock():
        return time.monotonic() - start

    tally, port = Tally(), cluster.ports.nginx
    planned = schedule(options.seconds, cluster.database, options.seed)
    commands = Commands(
        options.dir, planned, clock, tally, options.seed, _environment(options)
    )
    is_interrupted = False
    with Watching(port) as watching:
        if not watching.have_begun(60):
            raise ClusterError("changes can't be watched: see the logs of kv-api")
        remedy = Remedy(options.dir, clock, tally)
        sampler = Sampler(options.dir, clock, tally, watching, commands, remedy)
        waves = Waves.of(options.seconds, options.rate)
        start = time.monotonic()
        with ExitStack() as stack:
            stack.enter_context(Load(port, waves, tally, clock, options.seed))
            stack.enter_context(remedy)
            stack.enter_context(commands)
            try:
                _observe(options.seconds, clock, sampler, tally, commands, results)
            except KeyboardInterrupt:
                is_interrupted = True
                _ignore_signals()
                _say("\nInterrupted: waiting for the end of what is happening.")
        sampler.take()
        seconds = sampler.samples[-1]["at"]
        drained = sampler.wait_until_drained(DRAIN_SECONDS)
    results.document["logged"] = logs.told(cluster.folder / "logs")
    results.update(sampler, tally, seconds, drained, is_over=True)
    results.save()
    _conclude(results)
    if is_interrupted:
        return INTERRUPTED
    return 0 if results.document["is_good"] else BAD


def _observe(seconds, clock, sampler, tally, commands, results):
    """Takes samples until the time is over, tells and saves them."""
    tell, save = TELL_SECONDS, SAVE_SECONDS
    due = 0.0
    while clock() < seconds:
        time.sleep(max(0, min(due, seconds) - clock()))
        due = max(due + SAMPLE_SECONDS, clock())
        sample = sampler.take()
        if clock() >= tell:
            tell += TELL_SECONDS
            found = explain(tally.failures, sampler.happenings)
            _tell(sample, seconds, commands.current, found)
        if clock() >= save:
            save = clock() + SAVE_SECONDS
            results.update(sampler, tally, clock())
            results.save(with_page=False)


def _tell(sample, seconds, current, explanation):
    load, metrics = sample["load"], sample.get("metrics", {})
    replicas = sample.get("replicas", {})
    parts = [
        f"{sample['at']:5.0f} of {seconds:.0f} s",
        f"{load['requests'] / max(sample['seconds'], 0.1):4.0f}/s",
        f"kv-api {replicas.get('kv-api')}",
        f"queue {metrics.get('queue depth', 0):.0f}",
        f"errors {explanation.by.total()} explained, {len(explanation.unexplained)} not",
    ]
    if current:
        parts.append(f"{current.event.title} {current.detail}".strip())
    _say("  ".join(parts))


def _conclude(results):
    document = results.document
    print(f"{'':<44}{'compared':<28}{'second 6th':>13}{'last 6th':>13}  verdict")
    for one in document["verdicts"]:
        before, after = (number(one[name], one["unit"]) for name in ("before", "after"))
        print(f"{one['what']:<44}{one['how']:<28}{before:>13}{after:>13}  {told(one)}")
    for one in document["explained"]:
        print(f"explained by {one['event']}: {one['count']:,} × {one['what']} ({one['rule']})")
    for one in document["unexplained"][:20]:
        print(f"UNEXPLAINED at {one['begin']:.1f} s: {one['where']}: {one['what']}: {one['text']}")
    print(f"lines logged, by level: {document['logged']['levels']}")
    print(f"figures: {results.json}\npage: {results.page}", flush=True)


def _say(text):
    print(text, file=sys.stderr, flush=True)
