"""The cluster: its services, and the commands on them."""

import contextlib
import time

from . import listeners, programs, rabbitmq
from .cockroach import NODES as COCKROACH_NODES
from .cockroach import Cockroach, wait_until_replicated
from .errors import ClusterError
from .exporters import NodeExporter, RedisExporter
from .folder import DEFAULT, Folder
from .nginx import Nginx
from .node import API, Autoscaler, Worker
from .ports import DEFAULT_BASE, REPLICAS_MAX, SPAN, Ports
from .postgres import Postgres
from .progress import Progress
from .prometheus import Prometheus
from .rabbitmq import Epmd, RabbitMQ
from .redis import REPLICAS, SENTINELS, Redis, Sentinel
from .start import Start

SCALABLE = {"kv-api": API, "kv-worker": Worker}
NO_COCKROACH = "there is no cockroach on the PATH; KV_COCKROACH may name one"
DATABASES = {"postgres": "PostgreSQL", "cockroach": "CockroachDB"}


class Cluster:
    """All services on one machine. The state is on disk, so that any process may create this
    object."""

    def __init__(
        self,
        path=None,
        base=None,
        binaries=None,
        settings=None,
        has_autoscaler=None,
        is_quiet=True,
        tls=None,
        rate=None,
        database=None,
        detour=None,
    ):
        """
        path: the folder of the cluster; by default `.cluster` in the repository.
        base: the first port; by default that of the last `up`, or 21000.
        binaries: the folder of kv-api, kv-worker and kv-autoscaler.
        settings: more KV_… settings for them.
        tls: whether Nginx also serves TLS, on a second port; by default as at the last `up`.
        rate: requests a second that each client may send; 0: unlimited. By default as at the last
            `up`, or as in nginx/limits.conf.
        database: "postgres" or "cockroach"; by default that of the last `up`, or CockroachDB if its
            program is found.
        has_autoscaler: whether it runs kv-autoscaler; by default as at the last `up`, else no.
        detour: how many ports above its own each service is announced to the others, for tests that
            have proxies there; by default as at the last `up`, else 0.
        """
        self.folder = Folder(path or DEFAULT)
        plan = self.folder.plan
        detour = plan.get("detour", 0) if detour is None else detour
        self.ports = Ports(base or plan.get("base", DEFAULT_BASE), detour)
        self.binaries = binaries or plan.get("binaries")
        self.settings = settings or {}
        self.tls = plan.get("tls", False) if tls is None else tls
        self.rate = plan.get("rate") if rate is None else rate
        self.replicas = plan.get("replicas", dict.fromkeys(SCALABLE, 2))
        if has_autoscaler is None:
            has_autoscaler = plan.get("autoscaler", False)
        self.has_autoscaler = has_autoscaler
        # Services that are starting are members already; services that are stopping are no longer.
        self.starting = set()
        self.leaving = set()
        self._is_quiet = is_quiet
        # CockroachDB's program as `up` found it: other shells may not have it on the PATH.
        self._cockroach = plan.get("cockroach")
        self.database = self._choose_database(database, plan.get("database"))
        self._fixed = self._make_fixed(self.database)
        if base and base != plan.get("base", base) and any(s.is_alive for s in self.services):
            raise ClusterError(
                f"this cluster runs with the base port {plan['base']}: end it first "
                f"({self.folder.command('down')}), or give the other one a folder of its own "
                f"(--dir)"
            )

    def _choose_database(self, chosen, known):
        """The kind of the database. Data in one are not available in the other."""
        if chosen and known and chosen != known:
            raise ClusterError(
                f"this cluster has its data in {DATABASES[known]}: "
                f"{self.folder.command('down', '--purge')} removes them, and one in a folder of "
                f"its own (--dir) may stand beside it"
            )
        if chosen not in (None, *DATABASES):
            raise ClusterError(f"{chosen} is none of {', '.join(DATABASES)}")
        if known:
            return known
        has_cockroach = programs.cockroach() is not None
        if chosen == "cockroach" and not has_cockroach:
            raise ClusterError(NO_COCKROACH)
        return chosen or ("cockroach" if has_cockroach else "postgres")

    @property
    def cockroach(self):
        """The path of CockroachDB's program."""
        path = self._cockroach or programs.cockroach()
        if path is None:
            raise ClusterError(NO_COCKROACH)
        if not programs.is_program(path):
            raise ClusterError(
                f"CockroachDB's program was {path}, and is no longer there: name another one in "
                f"KV_COCKROACH, and run {self.folder.command('up')}"
            )
        return path

    def _make_fixed(self, database):
        return [
            *(
                [Postgres(self)]
                if database == "postgres"
                else [Cockroach(self, number + 1) for number in range(COCKROACH_NODES)]
            ),
            *[Redis(self, number + 1) for number in range(REPLICAS)],
            *[Sentinel(self, number + 1) for number in range(SENTINELS)],
            Epmd(self),
            *[RabbitMQ(self, number + 1) for number in range(rabbitmq.NODES)],
        ]

    # Its services.

    @property
    def services(self):
        """All services that should run, in the order of their start."""
        scaled = [
            make(self, number + 1)
            for kind, make in SCALABLE.items()
            for number in range(self.replicas[kind])
        ]
        autoscaler = [Autoscaler(self)] if self.has_autoscaler else []
        exporters = [RedisExporter(self), NodeExporter(self)]
        return [
            *self._fixed, *scaled, Nginx(self), *exporters, Prometheus(self), *autoscaler,
        ]

    def of_kind(self, kind):
        """All of a kind or group, in order of their numbers."""
        return [service for service in self.services if service.is_called(kind)]

    def members(self, kind):
        """The services of a kind that should run, including one that was killed."""
        return [
            service
            for service in self.of_kind(kind)
            if service.name not in self.leaving
            and (service.is_member or service.name in self.starting)
        ]

    def __getitem__(self, name):
        """The service of this name."""
        for service in self.services:
            if service.name == name:
                return service
        raise ClusterError(f"there is no {name}; there are {', '.join(map(str, self.names))}")

    @property
    def names(self):
        return [service.name for service in self.services]

    def select(self, names):
        """The services with these names, kinds or groups, each once."""
        found = {}
        for name in names:
            matches = self.of_kind(name) or [self[name]]
            found.update((service.name, service) for service in matches)
        return list(found.values())

    @property
    def url(self):
        """The address for clients."""
        return f"http://127.0.0.1:{self.ports.nginx}"

    # The commands.

    def up(self, only=None):
        """Starts what is not running, of all services or of those named. Returns their names."""
        with self._changing():
            if self.database == "cockroach":
                self._cockroach = programs.cockroach(self._cockroach) or self._cockroach
            if not self.has_autoscaler:
                Autoscaler(self).stop()
            self._save_plan()
            return self._start(self.select(only) if only else self.services)

    def start(self, names):
        """Starts services, and those that they depend on."""
        with self._changing():
            services = self.select(names)
            needed = {"epmd"} if any(isinstance(s, RabbitMQ) for s in services) else set()
            missing = [self[name] for name in needed if not self[name].is_alive]
            return self._start([*missing, *services])

    def stop(self, names):
        """Stops services in an orderly way. A kv-api gets no new requests before it stops."""
        with self._changing():
            self._stop(self.select(names))

    def restart(self, names):
        """Restarts services one after the other, each once the one before it is ready. Nginx stops
        using a kv-api before it stops, and uses it again once it is ready."""
        with self._changing():
            for service in self.select(names):
                self._stop([service])
                self._start([service])

    def down(self, purge=False):
        """Stops everything. With `purge` it kills all at once and removes all files."""
        with self._changing():
            services = self._all_ever()
            if purge:
                self._kill(services)
            # In the order of a request, from Nginx to the database. But first the autoscaler, which
            # could start services.
            front = {"nginx", "prometheus"}
            self.leaving = {service.name for service in services}
            try:
                for kinds in [{"kv-autoscaler"}, front, set(SCALABLE), {"rabbitmq"}, None]:
                    self._end([s for s in services if kinds is None or s.kind in kinds])
            finally:
                self.leaving = set()
            if purge:
                self.folder.purge()

    def scale(self, kind, count):
        """Sets how many kv-api or kv-worker run. Those with the highest numbers stop first."""
        if kind not in SCALABLE:
            raise ClusterError(f"{kind} can't be scaled; {' and '.join(SCALABLE)} can")
        if not 1 <= count <= REPLICAS_MAX:
            raise ClusterError(f"1 to {REPLICAS_MAX} of them are possible")
        with self._changing():
            leaving = self.of_kind(kind)[count:]
            self._stop(leaving, becoming=(kind, count))
            self._start(self.of_kind(kind))

    def kill(self, names):
        """Sends SIGKILL to all processes of the services, like a crash: Nginx is not told."""
        self._kill(self.select(names))

    def pause(self, names):
        """Sends SIGSTOP to all processes of the services: they hang."""
        for service in self.select(names):
            service.pause()

    def resume(self, names):
        """Sends SIGCONT: they continue."""
        for service in self.select(names):
            service.resume()

    # Implementation.

    @contextlib.contextmanager
    def _changing(self):
        """Excludes other commands, and reads what earlier ones changed."""
        with self.folder.lock():
            self.replicas = self.folder.plan.get("replicas", self.replicas)
            yield

    def _save_plan(self):
        self.folder.plan = {
            "base": self.ports.base,
            "detour": self.ports.detour,
            "binaries": str(self.binaries) if self.binaries else None,
            "database": self.database,
            "cockroach": self._cockroach,
            "replicas": self.replicas,
            "tls": self.tls,
            "rate": self.rate,
            "autoscaler": self.has_autoscaler,
        }

    def _all_ever(self):
        """All services, including those that an interrupted `scale` may have left running."""
        extra = [make(self, n + 1) for make in SCALABLE.values() for n in range(REPLICAS_MAX)]
        everything = [*self.services, *extra, Autoscaler(self)]
        return list({service.name: service for service in everything}.values())

    def _start(self, services):
        for service in services:
            if service.state == "paused":
                service.resume()
        missing = [service for service in services if not service.is_alive]
        self._check_ports(missing)
        progress = Progress(is_quiet=self._is_quiet)
        self.starting = {service.name for service in missing}
        try:
            Start([service for service in services if service.state != "ready"], progress).run()
            self._check_formation(progress)
            wait_until_replicated(self, progress)
            self._announce()
        finally:
            self.starting = set()
        return [service.name for service in missing]

    def _stop(self, services, becoming=None):
        """Stops services once Nginx and Prometheus no longer use them."""
        self.leaving = {service.name for service in services}
        try:
            if becoming:
                self.replicas[becoming[0]] = becoming[1]
                self._save_plan()
            self._announce()
            self._end(services)
        finally:
            self.leaving = set()

    @staticmethod
    def _kill(services):
        """Kills in reverse order: a RabbitMQ node that misses its epmd starts another one, which
        would be left behind."""
        for service in reversed(services):
            service.kill()

    @staticmethod
    def _end(services):
        """Stops all of them at the same time."""
        for service in services:
            service.ask_to_stop()
        for service in services:
            service.finish_stopping()

    def _announce(self):
        """Gives Nginx and Prometheus the current members."""
        self["nginx"].update()
        self["prometheus"].update()

    def _check_ports(self, services):
        """Fails if a port that is needed is taken, and names the process. A process that was just
        killed holds its ports until its last thread has ended, so this waits for a moment."""
        end = time.monotonic() + 3
        while problems := self._taken_ports(services):
            if all(who for _, who in problems) or time.monotonic() > end:
                break
            time.sleep(0.1)
        else:
            return
        unseen = "another user's program (`sudo ss -ltnp` names it)"
        lines = [f"  {port}: {who or unseen}\n" for port, who in problems]
        raise ClusterError(
            f"these ports are taken:\n{''.join(lines)}End those programs, or choose another range: "
            f"{self.folder.command('up', '--base', self.ports.base + SPAN)}"
        )

    @staticmethod
    def _taken_ports(services):
        return [
            (f"port {port} ({use} of {service.name})", listeners.holder(port))
            for service in services
            for use, port in service.ports.items()
            if listeners.is_taken(port)
        ]

    def _check_formation(self, progress):
        """New RabbitMQ nodes decide by themselves which cluster they join. One that founded a
        cluster of its own is reset and joins that of the first node."""
        for _ in range(3):
            new = [node for node in self.of_kind("rabbitmq") if node.is_alive and not node.is_known]
            running = self["rabbitmq-1"].running_nodes() if new else []
            apart = [node for node in new if node.node not in running]
            for node in set(new) - set(apart):
                node.is_known = True
            if not apart or not running:
                return
            progress.say(f"  {', '.join(node.name for node in apart)} stood apart: joining again")
            for node in apart:
                node.forget()
            Start(apart, progress).run()
        logs = self.folder.command("logs", "rabbitmq-1")
        raise ClusterError(f"RabbitMQ's nodes do not find together; see {logs}")
