"""The command line of scripts/cluster."""

import argparse
import errno
import json
import os
import subprocess
import sys
from pathlib import Path

from .build import build
from .cluster import DATABASES, SCALABLE, Cluster
from .errors import ClusterError
from .folder import DEFAULT, REPOSITORY, Folder
from .node import Node, backing_settings
from .ports import DEFAULT_BASE

DESCRIPTION = """\
Runs the whole system on this machine, without containers: a database (three nodes of CockroachDB if
`cockroach` is on the PATH or named by KV_COCKROACH, else PostgreSQL), Redis with two replicas and
three Sentinels, three RabbitMQ nodes, kv-api, kv-worker, Nginx in front of them, and Prometheus
with exporters for Redis and the machine. Everything listens on 127.0.0.1 only. KV_… settings of the
shell are passed on to this project's programs."""

EPILOG = """\
NAME is a name that `status` lists, or a kind or group: redis, sentinel, rabbitmq, kv-api,
kv-worker, database, backing; kv-autoscaler if there is one."""


def rate(text):
    """The value of --rate."""
    if text.isascii() and text.isdigit() and int(text) <= 1_000_000:
        return int(text)
    raise argparse.ArgumentTypeError("0 to 1000000 are possible")


def parser():
    """All commands and options."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--dir",
        metavar="FOLDER",
        default=DEFAULT,
        help="the folder for data, logs and configurations (default: .cluster)",
    )
    top = argparse.ArgumentParser(
        prog="scripts/cluster",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = top.add_subparsers(dest="verb", metavar="VERB", required=True)

    def verb(name, text):
        return verbs.add_parser(name, help=text, description=text, parents=[common])

    up = verb("up", "start what is not running, and print where to connect")
    up.add_argument(
        "--base",
        type=int,
        metavar="PORT",
        help=f"the first of 100 ports (default: {DEFAULT_BASE})",
    )
    up.add_argument("--only", metavar="NAME,…", help="start only these, for instance `backing`")
    up.add_argument(
        "--autoscaler",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="run kv-autoscaler, which scales kv-api and kv-worker (default: as before, at first "
        "no)",
    )
    up.add_argument(
        "--database",
        choices=list(DATABASES),
        help="where entries are stored (default: as before; at first cockroach if its program is "
        "found, else postgres)",
    )
    choice = up.add_mutually_exclusive_group()
    choice.add_argument("--release", action="store_true", help="build a release (the default)")
    choice.add_argument("--debug", action="store_true", help="build for debugging")
    choice.add_argument("--binaries", metavar="FOLDER", help="use the programs in this folder")

    up.add_argument(
        "--tls",
        action=argparse.BooleanOptionalAction,
        help="also serve TLS, on a second port; creates a self-signed certificate if there is none "
        "(default: as before, at first no)",
    )
    up.add_argument(
        "--rate",
        type=rate,
        metavar="N",
        help="requests a second that each client may send, 0 for no limit (default: as before, at "
        "first 2000, and no limit for clients on this machine)",
    )

    down = verb("down", "stop everything; data and logs are kept")
    down.add_argument("--purge", action="store_true", help="also remove data, logs and passwords")
    status = verb("status", "list all services; the exit code is 0 if all are ready")
    status.add_argument("--json", action="store_true", help="as JSON")
    logs = verb("logs", "print the end of a log")
    logs.add_argument("name", metavar="NAME")
    logs.add_argument("-f", "--follow", action="store_true", help="continue to print")
    for name, text in {
        "stop": "stop in an orderly way",
        "start": "start again",
        "restart": "restart one after the other, without losing a request",
        "kill": "kill (SIGKILL), as in a crash",
        "pause": "make it hang (SIGSTOP)",
        "resume": "let it continue (SIGCONT)",
    }.items():
        verb(name, text).add_argument("names", metavar="NAME", nargs="+")
    scale = verb("scale", "set how many kv-api or kv-worker run")
    scale.add_argument("kind", choices=list(SCALABLE))
    scale.add_argument("count", type=int, metavar="N")
    verb("env", "print the settings of a kv-api of this cluster, passwords included")
    return top


# What to do about an error of the system that the user can mend.
ADVICE = {
    errno.EACCES: "choose a folder that you may write to (--dir), or change its owner",
    errno.EROFS: "choose a folder on a file system that is mounted writable (--dir)",
    errno.ENOSPC: "free some space, or choose another folder (--dir)",
    errno.EDQUOT: "free some space, or choose another folder (--dir)",
    errno.ENOTDIR: "choose a folder (--dir), not a file",
    errno.EEXIST: "choose a folder (--dir), not a file",
}


def main(arguments=None):
    """Runs one command. Returns the exit code."""
    options = parser().parse_args(arguments)
    try:
        return VERBS[options.verb](options) or 0
    except ClusterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        if error.errno not in ADVICE:
            raise
        place = error.filename or options.dir
        print(f"error: {place}: {error.strerror}: {ADVICE[error.errno]}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted: services that were started keep running", file=sys.stderr)
        return 130


def _cluster(options, **more):
    folder = Folder(options.dir)
    if options.verb != "up" and not folder.plan:
        up = folder.command("up")
        raise ClusterError(f"there is no cluster in {folder.path}: `{up}` makes one")
    return Cluster(options.dir, is_quiet=False, **more)


def _up(options):
    groups = ["build", "cluster"]
    only = options.only.split(",") if options.only else None
    cluster = _cluster(
        options,
        base=options.base,
        binaries=options.binaries,
        has_autoscaler=options.autoscaler,
        tls=options.tls,
        rate=options.rate,
        database=options.database,
    )
    if cluster.database == "postgres":
        groups.append("postgres")
    chosen = cluster.select(only) if only else cluster.services
    products = sorted({service.kind for service in chosen if isinstance(service, Node)})
    wants_binaries = bool(products)
    if not wants_binaries or options.binaries:
        groups.remove("build")
    if options.binaries:
        _check_programs(Path(options.binaries), products)
    if subprocess.run([REPOSITORY / "scripts/packages", *groups], check=False).returncode != 0:
        raise ClusterError("the packages that it needs could not be installed; see above")
    if wants_binaries and not options.binaries:
        print(f"Building {', '.join(products)} (the first time takes minutes)", file=sys.stderr)
        cluster.binaries = build("debug" if options.debug else "release", products)
    started = cluster.up(only)
    print("Everything was running already." if not started else "Ready.", file=sys.stderr)
    if not only:
        _invite(cluster)


def _check_programs(place, products):
    """Refuses a folder without the programs, before anything is started."""
    missing = [name for name in products if not os.access(place / name, os.X_OK)]
    if missing:
        raise ClusterError(
            f"there is no {', '.join(missing)} in {place}: build them there, or leave out "
            "--binaries to have them built"
        )


def _invite(cluster):
    command = cluster.folder.command
    print(
        f"""
The cluster is ready. Try:
  curl -X PUT --data 'Hello' {cluster.url}/kv/greeting
  curl -i {cluster.url}/kv/greeting
  curl -X PUT --data 'later' -H 'Prefer: respond-async' -i {cluster.url}/kv/queued
  curl -X DELETE -i {cluster.url}/kv/greeting
  {command("kill", "redis-1")}; {command("status")}
{_tls(cluster)}The web console is at {cluster.url}/, the reference at {cluster.url}/docs.
Prometheus is at http://127.0.0.1:{cluster.ports.prometheus}.
`{command("down")}` ends it."""
    )


def _tls(cluster):
    if not cluster.tls:
        return ""
    certificate = cluster["nginx"].certificate
    return (
        f"TLS is on port {cluster.ports.nginx_tls}:\n"
        f"  curl --cacert {certificate} https://localhost:{cluster.ports.nginx_tls}/kv/greeting\n"
    )


def _down(options):
    if not Folder(options.dir).plan:
        print("There is no cluster here.", file=sys.stderr)
        return
    _cluster(options).down(options.purge)


def _status(options):
    cluster = _cluster(options)
    rows = [
        {
            "name": service.name,
            "state": service.state,
            "pid": service.pid,
            "ports": service.ports,
            "uptime": service.uptime,
        }
        for service in cluster.services
    ]
    for row in rows:
        row["detail"] = cluster[row["name"]].detail() if row["state"] == "ready" else ""
    if options.json:
        print(json.dumps(rows, indent=2))
    else:
        print(f"{'NAME':<16}{'STATE':<10}{'PID':<9}{'PORTS':<20}{'SECONDS':<9}DETAIL")
        for row in rows:
            ports = ",".join(str(port) for port in row["ports"].values())
            uptime = "" if row["uptime"] is None else f"{row['uptime']:.0f}"
            print(
                f"{row['name']:<16}{row['state']:<10}{row['pid'] or '':<9}{ports:<20}{uptime:<9}"
                f"{row['detail']}".rstrip()
            )
    return 0 if all(row["state"] == "ready" for row in rows) else 1


def _logs(options):
    service = _cluster(options)[options.name]
    follow = ["-F"] if options.follow else []
    os.execvp("tail", ["tail", "-n", "100", *follow, str(service.folder.log(service.name))])


def _env(options):
    for name, text in backing_settings(_cluster(options)).items():
        print(f"{name}={text}")


def _scale(options):
    _cluster(options).scale(options.kind, options.count)


def _on_names(verb):
    return lambda options: getattr(_cluster(options), verb)(options.names) and None


VERBS = {
    "up": _up,
    "down": _down,
    "status": _status,
    "logs": _logs,
    "env": _env,
    "scale": _scale,
    **{verb: _on_names(verb) for verb in ("stop", "start", "restart", "kill", "pause", "resume")},
}
