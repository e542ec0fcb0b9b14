"""The process of the proxy: it accepts connections to all services of a cluster, finds out which
service has made each of them, and passes them on, as far as the rules let it.

    python3 -m chaos.proxy

Its first line of input is its plan, each further one sets or ends a rule; each is answered by a
line. It ends with its input.
"""

import asyncio
import contextlib
import functools
import json
import os
import sys

from .links import Link, Rule, reset
from .sources import Sources

CONNECT_SECONDS = 5
# What epmd answers when it is asked where a node listens (PORT2_RESP), without an error.
PORT_ANSWER = b"\x77\x00"


class Proxy:
    """Listens `detour` ports above each service."""

    def __init__(self, plan):
        """plan: "services", the port of each service's names; "detour"; "folder" of the cluster."""
        self.detour = plan["detour"]
        self.services = plan["services"]
        self.sources = Sources(plan["folder"], plan["clients"])
        self.rules = {}
        self.links = set()
        self.counts = {}

    async def listen(self):
        for name, ports in self.services.items():
            for port in ports:
                await asyncio.start_server(
                    lambda reader, writer, name=name, port=port: self._accept(
                        name, port, reader, writer
                    ),
                    "127.0.0.1",
                    port + self.detour,
                    backlog=1024,
                )

    async def _accept(self, target, port, reader, writer):
        source = self.sources.of(writer.get_extra_info("peername")[1], port + self.detour)
        pair = f"{source} to {target}"
        self.counts[pair] = self.counts.get(pair, 0) + 1
        probe = Link(source, target, self.rules, None, None)
        if probe.rule("cut"):
            return reset(writer)
        try:
            # Where nothing arrives, nothing is connected either.
            while probe.rule("silence", "half-open"):
                await asyncio.sleep(0.05)
            connecting = asyncio.open_connection("127.0.0.1", port)
            server = await asyncio.wait_for(connecting, CONNECT_SECONDS)
        except (OSError, asyncio.TimeoutError):
            return reset(writer)
        translate = functools.partial(self._translate, port) if target == "epmd" else None
        link = Link(source, target, self.rules, (reader, writer), server, translate)
        self.links.add(link)
        try:
            with contextlib.suppress(OSError):
                await link.run()
        finally:
            self.links.discard(link)

    def _translate(self, port, data):
        """What epmd says to those who know it at the proxy's port. A list of names begins with the
        port of epmd itself; the answer about one name has the node's."""
        if data.startswith(port.to_bytes(4, "big")):
            return (port + self.detour).to_bytes(4, "big") + data[4:]
        if data.startswith(PORT_ANSWER):
            node = int.from_bytes(data[2:4], "big") + self.detour
            return data[:2] + node.to_bytes(2, "big") + data[4:]
        return data

    def obey(self, order):
        """Carries out an order, and returns what to answer."""
        if "end" in order:
            self.rules.pop(order["end"], None)
        elif "rule" in order:
            words = dict(order["rule"])
            for name in ("sources", "targets"):
                words[name] = frozenset(words[name])
            self.rules[order["begin"]] = Rule(**words)
        affected = 0
        for link in list(self.links):
            link.rules_changed()
            affected += any(
                rule.is_about(link.source, link.target) for rule in self.rules.values()
            )
        return {"connections": affected, "counts": self.counts}


async def main():
    loop = asyncio.get_running_loop()
    orders = asyncio.StreamReader(limit=1 << 20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    proxy = Proxy(json.loads(await orders.readline()))
    await proxy.listen()
    print("{}", flush=True)
    while line := await orders.readline():
        print(json.dumps(proxy.obey(json.loads(line))), flush=True)
    # Without waiting for connections that are held back.
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main())
