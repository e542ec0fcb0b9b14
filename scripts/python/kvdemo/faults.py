"""The faults, in the order in which they are shown, and what is said about each."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """`verb` and `names` are those of scripts/cluster; `undo` brings the services back."""

    name: str
    title: str
    verb: str
    undo: str
    happens: str
    look: str
    promise: str
    # The services; `{master}` is the Redis that is the master now.
    target: str
    # On which databases it can be shown.
    databases: tuple = ("postgres", "cockroach")

    def names(self, cluster):
        """The services that it is about, now."""
        return [self.target.format(master=_master(cluster))]


def _master(cluster):
    """The name of the Redis that is the master."""
    servers = cluster.of_kind("redis")
    masters = [server.name for server in servers if server.role == "master"]
    return masters[0] if masters else servers[0].name


FAULTS = [
    Fault(
        name="redis",
        title="The master of the cache crashes",
        verb="kill",
        undo="start",
        target="{master}",
        happens="Redis holds copies of values that are read often. {names} is its master, and is "
        "killed, as in a crash. Its two replicas are left, and three Sentinels, which have to "
        "agree that it is gone before they make a replica the master.",
        look="The share of answers from the cache falls to 0 % and comes back a few seconds later. "
        "In the console, the component `cache` is degraded meanwhile.",
        promise="No request fails: without Redis, values are read from the database. After the "
        "change of the master nobody reads an older value than the one that was last written, "
        "although the new master may lack the last updates: each cached entry belongs to one "
        "master only.",
    ),
    Fault(
        name="kv-api",
        title="A server dies in the middle of its work",
        verb="kill",
        undo="start",
        target="kv-api-1",
        happens="Two kv-api answer clients; Nginx distributes the requests. {names} is killed with "
        "the requests that it is answering (kill -9).",
        look="At most a handful of requests fail, at one moment. The other kv-api takes the rest. "
        "Watchers of the dead server are disconnected and resume at the other one.",
        promise="Nothing that was acknowledged is lost, because the server keeps nothing: it "
        "acknowledges after the database has committed. Reads are asked again at the other "
        "server. Nginx does not repeat a write that it has sent: its client is told "
        "`outcome-unknown`, as the write may or may not have taken effect. A client that sends an "
        "Idempotency-Key may repeat it safely.",
    ),
    Fault(
        name="rabbitmq",
        title="A node of the queue hangs",
        verb="pause",
        undo="resume",
        target="rabbitmq-1",
        happens="RabbitMQ holds queued writes and the stream of changes on three nodes. {names} is "
        "frozen (SIGSTOP): it keeps its connections and answers nothing, which is harder to "
        "notice than a crash.",
        look="For some seconds fewer writes are answered as queued: kv-api carries them out at "
        "once instead. A few that the node had taken without an answer are `outcome-unknown`. "
        "Watchers may pause, and then get everything that they missed.",
        promise="A write is answered `202 queued` only after a majority of the nodes has stored "
        "it, so two nodes are enough. Changes are published at least once, and their revisions "
        "tell the order of those of a key.",
    ),
    Fault(
        name="kv-worker",
        title="A worker dies while it applies queued writes",
        verb="kill",
        undo="start",
        target="kv-worker-1",
        happens="Two kv-worker take queued writes and apply them to the database. {names} is "
        "killed.",
        look="Clients notice nothing. In Prometheus, `kv_queue_ready_messages` may rise for a "
        "moment.",
        promise="Every queued write takes effect exactly once: RabbitMQ delivers what the dead "
        "worker held to the other one, and the database remembers which operations were applied.",
    ),
    Fault(
        name="database",
        title="The database stops",
        verb="stop",
        undo="start",
        target="database",
        happens="The database, where all values live, is stopped: {names}.",
        look="Writes are answered `202 queued` instead of 200. Keys that are cached can be read, "
        "others are answered 503. In the console, `database` is unhealthy. Afterwards the queue "
        "empties within seconds.",
        promise="No acknowledged write is lost: those of the meantime wait in the queue, and are "
        "applied in the order of their acceptance. A queued write never overwrites a newer one.",
    ),
    Fault(
        name="database-node",
        title="One of the three nodes of the database crashes",
        verb="kill",
        undo="start",
        target="cockroach-2",
        databases=("cockroach",),
        happens="CockroachDB keeps every value on three nodes. {names} is killed; it is the leader "
        "for about a third of the keys.",
        look="For some seconds, until other nodes have taken over, some writes are answered "
        "`202 queued`. Then everything is as before.",
        promise="A majority of the nodes has every committed value. No acknowledged write is lost, "
        "and nothing is read that is older than the last one.",
    ),
    Fault(
        name="upgrade",
        title="All servers are replaced",
        verb="restart",
        undo="",
        target="kv-api",
        happens="Every kv-api is restarted, one after the other, as in an upgrade. Nginx is told "
        "first; the process finishes its requests, ends its streams and leaves.",
        look="Nothing, if all is well: no request fails. Watchers are sent to the other server.",
        promise="A planned restart costs no request, and no watcher misses a change.",
    ),
]


def chosen(names, database):
    """The faults with these names, or all, that this database can show."""
    found = [fault for fault in FAULTS if not names or fault.name in names]
    return [fault for fault in found if database in fault.databases]
