"""PostgreSQL, the database without CockroachDB."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile

from . import probes, processes, programs
from .errors import ClusterError
from .service import Service


class Postgres(Service):
    """One server with its default durability. It refuses root, and then runs as the user
    `postgres`."""

    kind = "postgres"
    # A "fast" shutdown; with SIGTERM it would wait until all clients disconnect.
    stop_signal = signal.SIGINT

    @property
    def ports(self):
        return {"SQL": self.cluster.ports.database()}

    @property
    def url(self):
        password = self.folder.passwords["database"]
        port = self.cluster.ports.announced(self.ports["SQL"])
        return f"postgresql://kv:{password}@127.0.0.1:{port}/kv"

    @property
    def data(self):
        return self.folder / "postgres" / "data"

    @staticmethod
    def _program(name):
        return programs.find(name, f"/usr/lib/postgresql/*/bin/{name}", group="postgres")

    @staticmethod
    def _as_user():
        """The prefix of a command that makes it run as a user that PostgreSQL accepts."""
        if os.geteuid() != 0:
            return []
        return ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--init-groups"]

    def prepare(self):
        if not (self.data / "PG_VERSION").exists():
            self._make_data()
        self._forget_zombie()
        self.folder.render(
            "postgres/postgresql.conf",
            self.data / "postgresql.conf",
            0o644,
            bind="127.0.0.1",
            port=self.ports["SQL"],
        )
        self.folder.render("postgres/pg_hba.conf", self.data / "pg_hba.conf", 0o644)

    def command(self):
        return [*self._as_user(), self._program("postgres"), "-D", self.data.resolve()]

    def is_ready(self):
        return probes.postgres(self.ports["SQL"], "kv", "kv")

    def _forget_zombie(self):
        """PostgreSQL takes a killed predecessor for a running server until its zombie is reaped,
        which the init process of some containers never does."""
        lock = self.data / "postmaster.pid"
        try:
            found = processes.stat(int(lock.read_text().split()[0]))
        except (OSError, ValueError, IndexError):
            return
        if found is not None and not found.is_alive:
            lock.unlink()

    def _make_data(self):
        """A new, empty database `kv` that belongs to the user `kv`."""
        self._make_folder()
        # A kill in the middle leaves an incomplete folder: start over.
        for entry in self.data.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        self._run(
            [self._program("initdb"), "--pgdata", self.data.resolve(), "--username", "postgres"]
            + ["--encoding", "UTF8", "--locale", "C", "--no-instructions"]
            # prepare() replaces the rules; the superuser has no password and can't log in at all.
            + ["--auth", "reject"],
        )
        password = self.folder.passwords["database"]
        # Single-user mode takes one statement a line, and no password has to be sent anywhere.
        self._run(
            [self._program("postgres"), "--single", "-j", "-D", self.data.resolve(), "postgres"],
            f"CREATE ROLE kv LOGIN PASSWORD '{password}';\n\nCREATE DATABASE kv OWNER kv;\n\n",
        )

    def _run(self, command, text=""):
        done = subprocess.run(
            [*self._as_user(), *command],
            input=text,
            text=True,
            cwd="/",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if done.returncode != 0:
            (self.data / "PG_VERSION").unlink(missing_ok=True)
            raise ClusterError(f"PostgreSQL's data can't be made:\n{done.stdout[-2000:]}")

    def _make_folder(self):
        """Creates the data folder, owned by the user that runs the server.

        If that user can't enter the folder (for instance in the home of root), the data are in
        /var/tmp, and the folder has a link to them.
        """
        parent = self.folder.make("postgres", mode=0o755)
        if self.data.is_dir():
            return
        if not self._as_user():
            self.data.mkdir(mode=0o700)
            return
        owner = pwd.getpwnam("postgres")
        probe = subprocess.run([*self._as_user(), "test", "-x", parent], cwd="/", check=False)
        if probe.returncode == 0:
            self.data.mkdir(mode=0o700)
        else:
            self.data.unlink(missing_ok=True)
            self.data.symlink_to(tempfile.mkdtemp(prefix="kv-cluster-postgres-", dir="/var/tmp"))
        os.chown(self.data, owner.pw_uid, owner.pw_gid)
