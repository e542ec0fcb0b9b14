"""The port of each service, computed from the base, so that several clusters can run."""

from .errors import ClusterError

DEFAULT_BASE = 21000
# More than a cluster needs.
SPAN = 100
# Linux uses the ports from here on for outgoing connections (ip_local_port_range).
FIRST_EPHEMERAL = 32768

REPLICAS_MAX = 20


class Ports:
    """The ports of one cluster. Numbers within a kind count from 1."""

    def __init__(self, base, detour=0):
        if not 1024 <= base <= FIRST_EPHEMERAL - SPAN:
            raise ClusterError(
                f"the base port has to be between 1024 and {FIRST_EPHEMERAL - SPAN}: from "
                f"{FIRST_EPHEMERAL} on Linux hands ports out to outgoing connections"
            )
        self.base = base
        self.detour = detour

    def announced(self, port):
        """The port at which other services reach the one that listens on `port`. `detour` ports
        higher, a proxy may listen that passes connections on."""
        return port + self.detour

    def own(self, announced):
        """The port of the service that is announced at this one."""
        return announced - self.detour

    @property
    def nginx(self):
        return self.base

    @property
    def nginx_tls(self):
        return self.base + 19

    @property
    def prometheus(self):
        return self.base + 1

    def database(self, number=1):
        return self.base + 1 + number

    def database_console(self, number):
        return self.base + 4 + number

    def redis(self, number):
        return self.base + 9 + number

    def sentinel(self, number):
        return self.base + 12 + number

    def amqp(self, number):
        return self.base + 19 + number

    def rabbitmq_distribution(self, number):
        return self.base + 22 + number

    def rabbitmq_metrics(self, number):
        return self.base + 25 + number

    @property
    def epmd(self):
        return self.base + 29

    @property
    def redis_exporter(self):
        return self.base + 80

    @property
    def node_exporter(self):
        return self.base + 81

    def rabbitmq_tools(self):
        """First and last port of the command line tools, which are Erlang nodes themselves."""
        return self.base + 90, self.base + 99

    def api(self, number):
        return self.base + 29 + number

    def worker(self, number):
        return self.base + 49 + number

    @property
    def autoscaler(self):
        return self.base + 70
