"""The folder of a cluster: data, logs, configurations, passwords, and the list of processes."""

import contextlib
import fcntl
import json
import os
import re
import secrets
import shlex
import shutil
from pathlib import Path

from .errors import ClusterError

REPOSITORY = Path(__file__).resolve().parents[3]
DEFAULT = REPOSITORY / ".cluster"


class Folder:
    """All files of a cluster. Removing the folder removes everything."""

    def __init__(self, path):
        self.path = Path(path).absolute()
        self._lock_depth = 0

    def __truediv__(self, name):
        return self.path / name

    def command(self, verb, *words):
        """The text of a command for this cluster, for the user to copy."""
        place = [] if self.path == DEFAULT else ["--dir", shlex.quote(str(self.path))]
        return " ".join(["scripts/cluster", verb, *place, *map(str, words)])

    def make(self, *names, mode=0o700):
        """A sub-folder, created if it is missing. By default other users may not enter it, because
        services write passwords into files that everybody may read."""
        path = self.path.joinpath(*names)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=mode, exist_ok=True)
        return path

    def log(self, name):
        return self.make("logs") / f"{name}.log"

    def write(self, path, text, mode=0o600):
        """Replaces a file atomically: a reader sees the old text or the new one."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(path.name + ".new")
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
            file.write(text)
        temporary.replace(path)

    @staticmethod
    def fill(template, **values):
        """The text of a file of the repository, with each @{name} replaced by its value."""
        text = (REPOSITORY / template).read_text()
        return re.sub(r"@\{(\w+)\}", lambda match: str(values[match[1]]), text)

    def render(self, template, path, mode=0o600, **values):
        """Writes a file of the repository, filled in."""
        self.write(path, self.fill(template, **values), mode)

    @property
    def passwords(self):
        """Random passwords, created once; only their owner may read the file."""
        path = self.path / "secrets"
        names = ["database", "redis", "sentinel", "rabbitmq", "cookie"]
        try:
            return json.loads(path.read_text())
        except FileNotFoundError:
            made = {name: secrets.token_hex(16) for name in names}
            self.write(path, json.dumps(made, indent=2) + "\n")
            return made

    @property
    def plan(self):
        """What `up` has decided: base port, database, number of processes. Empty before the
        first."""
        try:
            return json.loads((self.path / "cluster.json").read_text())
        except FileNotFoundError:
            return {}

    @plan.setter
    def plan(self, plan):
        self.write(self.path / "cluster.json", json.dumps(plan, indent=2) + "\n", 0o644)

    @contextlib.contextmanager
    def lock(self):
        """Only one command at a time changes a cluster; others wait."""
        self._lock_depth += 1
        try:
            if self._lock_depth > 1:
                yield
                return
            with open(self.make(mode=0o755) / "lock", "w", encoding="ascii") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX)
                except OSError as error:
                    raise ClusterError(f"{self.path} can't be locked: {error}") from None
                yield
        finally:
            self._lock_depth -= 1

    def purge(self):
        """Removes everything, including data elsewhere that a link points to."""
        for link in self.path.glob("*/data"):
            if link.is_symlink():
                shutil.rmtree(link.resolve(), ignore_errors=True)
        shutil.rmtree(self.path, ignore_errors=True)
