"""The running cluster: addresses and processes of its services."""

import http.client
import json
import os
import re
import subprocess
from functools import cached_property
from urllib.parse import urlsplit

from .process import listening


class Cluster:
    """Created from the settings of its kv-api (`KV_DATABASE_URL`, …) and from ports.

    Passwords stay in the environment of the programs that are started: command lines are public.
    """

    def __init__(self, control, settings, api_ports, worker_ports, nginx_port):
        """control: the `kvcluster.Cluster` that starts and stops its services."""
        self.control = control
        self.database_kind = control.database
        self.database = urlsplit(settings["KV_DATABASE_URL"])
        self.redis_password = settings.get("KV_REDIS_PASSWORD", "")
        self.sentinel_password = settings.get("KV_REDIS_SENTINEL_PASSWORD", "")
        self.sentinels = _ports(settings.get("KV_REDIS_SENTINELS", ""))
        self.redis_master = settings.get("KV_REDIS_MASTER", "mymaster")
        self.redis_url = settings.get("KV_REDIS_URL")
        self.amqp_urls = settings["KV_AMQP_URLS"].split(",")
        self.api_ports = api_ports
        self.worker_ports = worker_ports
        self.nginx_port = nginx_port

    # Addresses

    @property
    def url(self):
        """The kv-api that is measured directly."""
        return f"http://127.0.0.1:{self.api_ports[0]}/"

    @property
    def database_ports(self):
        """One for each node of the database."""
        return _ports(self.database.netloc.rpartition("@")[2])

    @property
    def database_environment(self):
        """The environment that connects libpq's programs to the first node."""
        return {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.database_ports[0]),
            "PGUSER": self.database.username or "",
            "PGPASSWORD": self.database.password or "",
            "PGDATABASE": self.database.path.lstrip("/"),
        }

    @cached_property
    def redis_port(self):
        """The port of the master, from the Sentinels."""
        if self.redis_url:
            return urlsplit(self.redis_url).port
        words = ["SENTINEL", "get-master-addr-by-name", self.redis_master]
        answer = _redis_cli(self.sentinels[0], self.sentinel_password, words)
        return int(answer.split()[1])

    def redis_cli(self, *words, feed=None):
        """The master's answer to a command, or to the commands in the lines of `feed`."""
        return _redis_cli(self.redis_port, self.redis_password, words, feed)

    # Processes

    @cached_property
    def apis(self):
        return [listening("kv-api", port) for port in self.api_ports]

    @cached_property
    def nginx(self):
        return listening("nginx", self.nginx_port)

    @cached_property
    def redis(self):
        """The master and its replicas, which get every write."""
        state = self.redis_cli("INFO", "replication")
        replicas = re.findall(r"^slave\d+:.*port=(\d+)", state, re.M)
        return [listening("Redis", port) for port in (self.redis_port, *map(int, replicas))]

    @cached_property
    def databases(self):
        return [listening("the database", port) for port in self.database_ports]

    @cached_property
    def brokers(self):
        return [listening("RabbitMQ", urlsplit(url).port or 5672) for url in self.amqp_urls]

    @cached_property
    def workers(self):
        return [listening("kv-worker", port) for port in self.worker_ports]

    @property
    def backing(self):
        """All services behind kv-api, and the workers."""
        return [*self.databases, *self.redis, *self.brokers, *self.workers]

    def stop_workers(self):
        self.control.stop(["kv-worker"])
        # After the next start they are other processes.
        self.__dict__.pop("workers", None)

    def start_workers(self):
        self.control.start(["kv-worker"])

    def restart_apis(self):
        self.control.restart(["kv-api"])
        self.__dict__.pop("apis", None)

    # Requests

    def request(self, method, path, body=None, headers=None, port=None):
        """Status and body of an answer, by default of the first kv-api."""
        connection = http.client.HTTPConnection("127.0.0.1", port or self.api_ports[0], timeout=30)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def counted(self, name, ports=None, **labels):
        """The sum of a counter over all kv-api, or over the processes with these ports, and over
        the series that have these labels."""
        total = 0.0
        for port in ports or self.api_ports:
            text = self.request("GET", "/metrics", port=port)[1].decode()
            for line in text.splitlines():
                if re.match(rf"{name}(\{{| )", line) and all(
                    f'{label}="{value}"' in line for label, value in labels.items()
                ):
                    total += float(line.rpartition(" ")[2])
        return total

    def store(self, prefix, count, value):
        """Stores `count` keys through the API in batches of a thousand, which also caches them."""
        for first in range(1, count + 1, 1000):
            put = {"op": "put", "value": value, "content_type": "text/plain"}
            numbers = range(first, min(first + 1000, count + 1))
            operations = [put | {"key": f"{prefix}{number}"} for number in numbers]
            status, answer = self.request(
                "POST",
                "/batch",
                json.dumps({"operations": operations}),
                {"Content-Type": "application/json"},
            )
            if status != 200 or any(one["status"] > 201 for one in json.loads(answer)["results"]):
                raise RuntimeError(f"POST /batch was answered {status}")


def _redis_cli(port, password, words, feed=None):
    return subprocess.run(
        ["redis-cli", "-p", str(port), *words],
        env={**os.environ, **({"REDISCLI_AUTH": password} if password else {})},
        input=feed,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ).stdout


def _ports(addresses):
    return [int(address.rpartition(":")[2]) for address in addresses.split(",") if address]
