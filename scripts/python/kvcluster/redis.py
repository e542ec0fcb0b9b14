"""Redis: a master, two replicas, and three Sentinels that decide which is the master."""

import itertools

from . import probes, programs
from .service import Service

MASTER = "mymaster"
REPLICAS = 3
SENTINELS = 3


def announced_master(cluster):
    """The port of the master that a majority of Sentinels names; None without a majority."""
    votes = [sentinel.master for sentinel in cluster.of_kind("sentinel") if sentinel.is_alive]
    for port in set(votes) - {None}:
        if votes.count(port) > SENTINELS // 2:
            return port
    return None


def master(cluster):
    """The port of the master: as announced, else that of a server with this role, else as any
    Sentinel or replica knows it, else the first.

    A master that restarts without a majority of Sentinels has to be the master again: as a replica
    of one of its own replicas, it would leave all three without a master for ever.
    """
    servers = [server for server in cluster.of_kind("redis") if server.is_alive]
    known = itertools.chain(
        [announced_master(cluster)],
        (server.ports["Redis"] for server in servers if server.role == "master"),
        (sentinel.master for sentinel in cluster.of_kind("sentinel") if sentinel.is_alive),
        (server.master for server in servers),
    )
    return next((port for port in known if port), cluster.ports.redis(1))


class Redis(Service):
    """One server. The master may change, so the configuration is written at each start."""

    kind = "redis"

    @property
    def ports(self):
        return {"Redis": self.cluster.ports.redis(self.number)}

    def prepare(self):
        """A Redis that restarts follows the current master.

        With its old configuration it would be a master for ten seconds, until a Sentinel corrects
        it.
        """
        port, ports = master(self.cluster), self.cluster.ports
        replicaof = f"replicaof 127.0.0.1 {ports.announced(port)}"
        folder = self.folder.make(self.name)
        self.folder.render(
            "redis/redis.conf",
            folder / "redis.conf",
            bind="127.0.0.1",
            address="127.0.0.1",
            port=self.ports["Redis"],
            announced_port=ports.announced(self.ports["Redis"]),
            folder=folder,
            password=self.folder.passwords["redis"],
            replicaof="" if port == self.ports["Redis"] else replicaof,
        )

    def command(self):
        return [programs.find("redis-server"), self.folder / self.name / "redis.conf"]

    def ask(self, *words):
        return probes.redis(self.ports["Redis"], self.folder.passwords["redis"], *words)

    @property
    def role(self):
        """ "master", "slave", or None without an answer."""
        answer = self.ask("ROLE")
        return answer[0] if isinstance(answer, list) and answer else None

    @property
    def master(self):
        """The port of the master that it follows; None if it follows none or does not answer."""
        answer = self.ask("ROLE")
        if not isinstance(answer, list) or answer[:1] != ["slave"]:
            return None
        return self.cluster.ports.own(int(answer[2]))

    def is_ready(self):
        """A replica is ready once it follows its master."""
        answer = self.ask("ROLE")
        if not isinstance(answer, list) or not answer:
            return False
        return answer[0] == "master" or (len(answer) > 3 and answer[3] == "connected")

    def detail(self):
        return {"slave": "replica"}.get(self.role, self.role or "")


class Sentinel(Service):
    """One of three, which agree on the failure of the master and announce another one."""

    kind = "sentinel"
    after = ("redis",)

    @property
    def ports(self):
        return {"Sentinel": self.cluster.ports.sentinel(self.number)}

    @property
    def _configuration(self):
        return self.folder / self.name / "sentinel.conf"

    def prepare(self):
        """A Sentinel keeps its state in its file. It is used again as long as another Sentinel
        runs.

        When all restart, the file may name another master than the one that starts.
        """
        starting, ports = self.cluster.starting, self.cluster.ports
        others = [other for other in self.cluster.of_kind("sentinel") if other.name not in starting]
        if self._configuration.exists() and any(other.master for other in others):
            return
        self.folder.render(
            "redis/sentinel.conf",
            self._configuration,
            bind="127.0.0.1",
            address="127.0.0.1",
            master_address="127.0.0.1",
            port=self.ports["Sentinel"],
            announced_port=ports.announced(self.ports["Sentinel"]),
            folder=self.folder.make(self.name),
            password=self.folder.passwords["redis"],
            sentinel_password=self.folder.passwords["sentinel"],
            master_port=ports.announced(master(self.cluster)),
        )

    def command(self):
        return [programs.find("redis-sentinel", "/usr/bin/redis-sentinel"), self._configuration]

    def ask(self, *words):
        return probes.redis(self.ports["Sentinel"], self.folder.passwords["sentinel"], *words)

    @property
    def master(self):
        """The port of the master as this one knows it; None if there is no answer."""
        answer = self.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER)
        if not isinstance(answer, list) or len(answer) != 2:
            return None
        return self.cluster.ports.own(int(answer[1]))

    def is_ready(self):
        """Whether it can take part in a failover: it knows the master, a replica and the others."""
        known = self._known()
        return (
            int(known.get("num-slaves", 0)) >= 1
            and int(known.get("num-other-sentinels", 0)) >= SENTINELS // 2
        )

    def detail(self):
        """The master as it sees it."""
        port = self.master
        for server in self.cluster.of_kind("redis"):
            if server.ports["Redis"] == port:
                return f"master is {server.name}"
        return ""

    def _known(self):
        answer = self.ask("SENTINEL", "MASTER", MASTER)
        if not isinstance(answer, list):
            return {}
        return dict(zip(answer[::2], answer[1::2]))
