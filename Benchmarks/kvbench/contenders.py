"""The servers that are compared, each a private instance on a free loopback port."""

import getpass
import http.client
import json
import os
import shutil
import subprocess

from .load import VALUE, requests
from .process import Process, accepts, free_port

# Reads use the key with the number 1.
NAME = "bench"
KEY = f"{NAME}1"


class KeyValueAPI(Process):
    """kv-api with only the settings that a measurement needs."""

    def __init__(self, binary, folder, io="epoll", connections_max=12_000):
        self.port = free_port()
        self.data = os.path.join(folder, f"kv-{io}-{self.port}")
        with open(f"{self.data}.log", "wb") as log:
            super().__init__(
                f"kv-api ({io})",
                [binary],
                {
                    "KV_LISTEN": f"127.0.0.1:{self.port}",
                    "KV_DATA_DIR": self.data,
                    "KV_IO": io,
                    "KV_LOG_LEVEL": "warning",
                    "KV_MAX_CONNECTIONS": str(connections_max),
                },
                log,
            )
        self.wait_until(self.is_ready, every=0.005)
        self.url = f"http://127.0.0.1:{self.port}/"
        self.read = requests(self.url, f"/kv/{NAME}")

    def is_ready(self):
        return accepts(self.port) and self.request("GET", "/health/ready") == 200

    def request(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request(method, path, body, {"Content-Type": "text/plain"} if body else {})
            answer = connection.getresponse()
            answer.read()
            return answer.status
        finally:
            connection.close()

    def prepare(self):
        """Stores the value and reads it once, so that it is cached."""
        if self.request("PUT", f"/kv/{KEY}", VALUE) not in (200, 201):
            raise RuntimeError(f"{self.name} did not store the value")
        if self.request("GET", f"/kv/{KEY}") != 200:
            raise RuntimeError(f"{self.name} did not return the value")

    def database(self):
        """The path of its SQLite file."""
        for folder, _, names in os.walk(self.data):
            for name in names:
                path = os.path.join(folder, name)
                with open(path, "rb") as file:
                    if file.read(15) == b"SQLite format 3":
                        return path
        raise RuntimeError(f"no SQLite database under {self.data}")


class Redis(Process):
    """redis-server without persistence, its fastest configuration."""

    def __init__(self, folder):
        self.port = free_port()
        options = ["--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--dir", folder]
        super().__init__("Redis", ["redis-server", "--port", str(self.port), *options])
        self.wait_until(lambda: accepts(self.port))

    def command(self, *words):
        subprocess.run(
            ["redis-cli", "-p", str(self.port), *words], check=True, stdout=subprocess.DEVNULL
        )

    def prepare(self):
        self.command("SET", KEY, VALUE)
        # The key that redis-benchmark reads.
        self.command("SET", "key:__rand_int__", VALUE)


class Webdis(Process):
    """webdis in front of a Redis, with as many threads as Debian configures, and no log."""

    def __init__(self, folder, redis_port, redis_password=None):
        self.port = free_port()
        path = os.path.join(folder, "webdis.json")
        settings = {
            "redis_host": "127.0.0.1",
            "redis_port": redis_port,
            "http_host": "127.0.0.1",
            "http_port": self.port,
            "threads": 2,
            "daemonize": False,
            "verbosity": 0,
            "logfile": os.path.join(folder, "webdis.log"),
        }
        if redis_password:
            settings["redis_auth"] = redis_password
        with open(path, "w") as file:
            json.dump(settings, file)
        super().__init__("webdis", ["webdis", path])
        self.wait_until(lambda: accepts(self.port))
        # The value as plain text, as from kv-api, instead of JSON.
        self.url = f"http://127.0.0.1:{self.port}/"
        self.read = requests(self.url, f"/GET/{NAME}", suffix=".txt")

    def value(self, key):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", f"/GET/{key}.txt")
            return connection.getresponse().read().decode()
        finally:
            connection.close()


class Nginx(Process):
    """nginx, which answers 100 bytes from its configuration: the cost of HTTP alone."""

    def __init__(self, folder, server=f'return 200 "{VALUE}";', upstream=""):
        self.port = free_port()
        # As root, nginx would run its workers as another user, who may not enter the folder.
        user = f"user {getpass.getuser()};" if os.geteuid() == 0 else ""
        path = os.path.join(folder, f"nginx-{self.port}.conf")
        with open(path, "w") as file:
            file.write(f"""
                {user}
                daemon off; worker_processes auto; pid {folder}/nginx-{self.port}.pid;
                error_log {folder}/nginx.log;
                events {{ worker_connections 1024; }}
                http {{
                  access_log off;
                  keepalive_requests 1000000000;
                  client_body_temp_path {folder}/nginx-body;
                  proxy_temp_path {folder}/nginx-proxy;
                  fastcgi_temp_path {folder}/nginx-fastcgi;
                  uwsgi_temp_path {folder}/nginx-uwsgi;
                  scgi_temp_path {folder}/nginx-scgi;
                  {upstream}
                  server {{ listen 127.0.0.1:{self.port}; {server} }}
                }}
                """)
        super().__init__("nginx", [_nginx(), "-c", path, "-e", f"{folder}/nginx.log"])
        self.wait_until(lambda: accepts(self.port))
        self.url = f"http://127.0.0.1:{self.port}/"
        self.read = requests(self.url, "/")

    @classmethod
    def before(cls, folder, port):
        """nginx in front of a server, with persistent connections to it."""
        return cls(
            folder,
            server="location / { proxy_pass http://behind; proxy_http_version 1.1;"
            ' proxy_set_header Connection ""; proxy_set_header Host $http_host; }',
            upstream=f"upstream behind {{ server 127.0.0.1:{port}; keepalive 64;"
            " keepalive_requests 1000000000; }",
        )


class ClusterNginx(Process):
    """nginx with the configuration of a cluster's Nginx, in front of the server at another port."""

    def __init__(self, control, folder, port_behind):
        """control: a `kvcluster.Cluster`."""
        self.port = free_port()
        own = os.path.join(folder, f"nginx-{self.port}")
        os.mkdir(own)
        log = os.path.join(own, "access.log")
        for name, text in control["nginx"].files(own, self.port, log, [port_behind]).items():
            with open(os.path.join(own, name), "w") as file:
                file.write(text)
        command = [_nginx(), "-p", own, "-e", "stderr", "-c", f"{own}/nginx.conf"]
        super().__init__("nginx", [*command, "-g", "daemon off;"])
        self.wait_until(lambda: accepts(self.port))
        self.url = f"http://127.0.0.1:{self.port}/"


def _nginx():
    # Debian's folder for it is not on every user's PATH.
    return shutil.which("nginx") or "/usr/sbin/nginx"
