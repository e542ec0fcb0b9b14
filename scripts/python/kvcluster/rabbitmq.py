"""RabbitMQ: three nodes, and epmd, Erlang's port mapper, with which they find each other."""

import json
import os
import re
import shutil
import subprocess

from . import probes, programs
from .service import Service

NODES = 3
SCRIPTS = "/usr/lib/rabbitmq/bin"


class Epmd(Service):
    """A private port mapper. Without it the first node would start one and leave it behind."""

    kind = "epmd"

    @property
    def ports(self):
        return {"epmd": self.cluster.ports.epmd}

    def command(self):
        return [programs.find("epmd"), "-address", "127.0.0.1", "-port", str(self.ports["epmd"])]

    def is_ready(self):
        return self.names() is not None

    def names(self):
        """The registered nodes; None if there is no answer."""
        done = subprocess.run(
            [programs.find("epmd"), "-port", str(self.ports["epmd"]), "-names"],
            env=dict(os.environ, ERL_EPMD_ADDRESS="127.0.0.1"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            return None
        return re.findall(r"^name (\S+) at port", done.stdout, re.MULTILINE)


# A hung node counts as dead after 15 s instead of 60. epmd runs already. Idle schedulers sleep at
# once: busy waiting would take the cores from the other services (RabbitMQ's guide "Runtime
# Tuning", CPU usage on shared hosts).
ERLANG_ARGUMENTS = (
    "-start_epmd false -kernel net_ticktime 15 -kernel inet_dist_use_interface {127,0,0,1}"
    " +sbwt none +sbwtdcpu none +sbwtdio none"
)


class RabbitMQ(Service):
    """One node of three."""

    kind = "rabbitmq"
    after = ("epmd",)
    stop_seconds = 40
    # After a stop of all three nodes, each waits for the others.
    start_seconds = 180
    # When nodes start together, a node exits if it meets one that has not read its feature flags
    # yet (`incompatible_feature_flags`, RabbitMQ 3.10). Debian's unit also restarts it.
    relaunches = 2

    @property
    def ports(self):
        ports = self.cluster.ports
        return {
            "AMQP": ports.amqp(self.number),
            "Erlang distribution": ports.rabbitmq_distribution(self.number),
            "metrics": ports.rabbitmq_metrics(self.number),
        }

    @property
    def url(self):
        password = self.folder.passwords["rabbitmq"]
        port = self.cluster.ports.announced(self.ports["AMQP"])
        return f"amqp://kv:{password}@127.0.0.1:{port}"

    @property
    def node(self):
        return f"{self.name}@localhost"

    @property
    def _folder(self):
        return self.folder.make(self.name)

    @property
    def is_known(self):
        """Whether it has joined the cluster of all nodes, so that its data name the others."""
        return (self._folder / "data" / "known").exists()

    @is_known.setter
    def is_known(self, _):
        self.folder.write(self._folder / "data" / "known", "")

    def prepare(self):
        peers = [
            f"cluster_formation.classic_config.nodes.{other.number} = {other.node}"
            for other in self.cluster.of_kind(self.kind)
        ]
        self.folder.render(
            "rabbitmq/rabbitmq.conf",
            self._folder / "rabbitmq.conf",
            bind="127.0.0.1",
            port=self.ports["AMQP"],
            prometheus_port=self.ports["metrics"],
            password=self.folder.passwords["rabbitmq"],
            peers="\n".join(peers),
        )
        self.folder.render("rabbitmq/enabled_plugins", self._folder / "enabled_plugins")
        # An empty file, so that the settings of Debian's own node in /etc/rabbitmq do not apply.
        self.folder.write(self._folder / "rabbitmq-env.conf", "")
        cookie = self._folder / ".erlang.cookie"
        if not cookie.exists():
            # Erlang requires that only the owner can read it.
            self.folder.write(cookie, self.folder.passwords["cookie"], 0o400)

    def command(self):
        # The script in sbin would change the user.
        return [f"{SCRIPTS}/rabbitmq-server"]

    def environment(self):
        folder = self._folder
        first, last = self.cluster.ports.rabbitmq_tools()
        return super().environment() | {
            "HOME": str(folder),
            "RABBITMQ_NODENAME": self.node,
            "RABBITMQ_DIST_PORT": str(self.ports["Erlang distribution"]),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "rabbitmq-env.conf"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(folder),
            "RABBITMQ_MNESIA_DIR": str(folder / "data"),
            "RABBITMQ_PLUGINS_EXPAND_DIR": str(folder / "plugins"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "generated"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_LOG_BASE": str(folder),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_CTL_DIST_PORT_MIN": str(first),
            "RABBITMQ_CTL_DIST_PORT_MAX": str(last),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": ERLANG_ARGUMENTS,
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self.cluster.ports.announced(self.cluster.ports.epmd)),
            # No crash dumps: they have hundreds of megabytes and contain messages.
            "ERL_CRASH_DUMP_SECONDS": "0",
        }

    def is_ready(self):
        return probes.amqp(self.ports["AMQP"])

    def detail(self):
        """How many nodes of the cluster this one sees, itself included."""
        status, text = probes.http_get(self.ports["metrics"], "/metrics")
        if status != 200:
            return ""
        # 3 stands for "up".
        peer = re.compile(r'^erlang_vm_dist_node_state\{peer="rabbitmq-.*?\} 3', re.MULTILINE)
        return f"sees {len(set(peer.findall(text))) + 1} of {NODES}"

    def control(self, *words, seconds=60):
        """The output of rabbitmqctl; None if it fails. It takes seconds."""
        try:
            done = subprocess.run(
                [f"{SCRIPTS}/rabbitmqctl", "--quiet", *words],
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return None
        return done.stdout if done.returncode == 0 else None

    def running_nodes(self):
        """The running nodes of this node's cluster."""
        try:
            status = json.loads(self.control("cluster_status", "--formatter", "json") or "{}")
        except ValueError:
            return []
        return status.get("running_nodes", [])

    def forget(self):
        """Removes its data: after the next start it joins the cluster as a new node."""
        self.kill()
        shutil.rmtree(self._folder / "data", ignore_errors=True)
