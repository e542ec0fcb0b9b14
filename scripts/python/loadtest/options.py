"""The options of load-tests/run, checked."""

import argparse
import os
import random
import re
import secrets
import string
from pathlib import Path
from urllib.parse import quote, urlsplit

from .generator import USERS, Load

MODES = ["put", "get", "delete", "mixed"]
KEYS_MAX = 10_000_000
VALUE_BYTES_MAX = 1 << 20
USERS_MAX = 20_000
# An interval is one second, or longer if there would be more than this.
INTERVALS_MAX = 60

DESCRIPTION = """\
Puts load on a running store (one kv-api, or a whole cluster through its Nginx) with wrk, and
reports requests/s, latency and errors by status. It stores its keys before and removes them
afterwards. put and get replace and read them; delete deletes each key once; mixed is 80 % GET,
15 % PUT and 5 % DELETE; all is put, get, mixed and delete, one after the other."""

EPILOG = """\
examples:
  load-tests/run get                                         one node: make run
  load-tests/run all --url http://127.0.0.1:21000            the native cluster: make cluster
  load-tests/run mixed --users 256 --duration 2m --keys 100000 --distribution zipf
  load-tests/run put --min-rps 5000 --max-p99 20 --max-errors 0.1%

The exit code is 0; 1 if an objective was missed or no request succeeded; 2 if nothing could be
measured. Use it only on your own store."""


def parser():
    """All options."""
    top = argparse.ArgumentParser(
        prog="load-tests/run",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = top.add_argument
    add("mode", choices=[*MODES, "all"], help="what to send")
    add("--url", type=_url, default="http://127.0.0.1:8080",
        help="where the store is (%(default)s)")
    add("--duration", type=_seconds, default=10, metavar="TIME",
        help="of each mode: 30, 30s or 5m (10 s)")
    add("--users", type=_between(1, USERS_MAX), default=USERS, metavar="N",
        help="connections; each sends its next request after the answer (%(default)s)")
    add("--keys", type=_between(1, KEYS_MAX), default=10_000, metavar="N",
        help="number of keys (%(default)s)")
    add("--value-size", type=_between(0, VALUE_BYTES_MAX), default=100, metavar="BYTES",
        help="random letters (%(default)s)")
    add("--distribution", choices=["uniform", "zipf"], default="uniform",
        help="choose all keys alike, or a few of them most of the time (%(default)s)")
    add("--async", dest="queued", action="store_true",
        help="send writes with `Prefer: respond-async`, which are answered once they are queued")
    add("--prefix", default="load-test/", help="of the keys; each run extends it (%(default)s)")
    add("--token", help="the bearer token; KV_TOKEN is safer, as command lines are public")
    add("--token-file", metavar="FILE", help="a file with the token")
    add("--insecure", action="store_true", help="accept any certificate of an https store")
    add("--output", type=Path, default=Path("load-tests/results"), metavar="FOLDER",
        help="folder of the JSON file and the HTML page (%(default)s)")
    add("--keep-keys", action="store_true", help="leave the keys in the store")
    goals = top.add_argument_group("objectives for each mode")
    goals.add_argument("--min-rps", type=_positive, metavar="N", help="at least so many requests/s")
    goals.add_argument("--max-p99", type=_positive, metavar="MS",
                       help="99 %% of the requests within this many milliseconds")
    goals.add_argument("--max-errors", type=_errors, metavar="N",
                       help="at most this many errors, a number or a percentage as in 0.1%%")
    return top


def read(arguments=None):
    """The options, with derived values."""
    top = parser()
    options = top.parse_args(arguments)
    options.modes = ["put", "get", "mixed", "delete"] if options.mode == "all" else [options.mode]
    options.interval = max(1, -(-options.duration // INTERVALS_MAX))
    options.token = options.token or _token(options.token_file, top) or os.environ.get("KV_TOKEN")
    if options.token and re.search(r"[^\x21-\x7e]", options.token):
        top.error("the token has a character that no header field may have")
    letters = random.Random(1).choices(string.ascii_letters, k=options.value_size)
    options.value = "".join(letters).encode()
    options.prefix = f"{options.prefix}{secrets.token_hex(4)}/"
    options.load = Load(
        options.url,
        "/kv/" + quote(options.prefix, safe="/"),
        users=options.users,
        value=options.value,
        distribution=options.distribution,
        token=options.token,
        prefer="respond-async" if options.queued else None,
    )
    if len(options.prefix.encode()) > 1000:
        top.error("a key has at most 1,024 bytes: choose a shorter prefix")
    return options


def _token(path, top):
    if not path:
        return None
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except (OSError, UnicodeError) as error:
        top.error(f"--token-file: {error}")


def _url(text):
    try:
        parts = urlsplit(text)
        complete = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        complete = False
    if not complete or parts.path.strip("/") or parts.query or parts.username:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not of the form http://HOST:PORT (paths are the store's own)"
        )
    return f"{parts.scheme}://{parts.netloc}"


def _seconds(text):
    match = re.fullmatch(r"(\d+)(s|m|h)?", text)
    seconds = int(match[1]) * {"m": 60, "h": 3600}.get(match[2], 1) if match else 0
    if not 1 <= seconds <= 24 * 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is not 1s to 24h, as in 30, 30s or 5m")
    return seconds


def _between(least, most):
    def number(text):
        try:
            found = int(text.replace("_", ""))
        except ValueError:
            found = least - 1
        if not least <= found <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {least:,} to {most:,}")
        return found

    return number


def _positive(text):
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return number


def _errors(text):
    """A number of errors, or (as a negative one) a share of all requests."""
    match = re.fullmatch(r"(\d+)|(\d+(?:\.\d+)?)%", text)
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number nor a percentage")
    return text
