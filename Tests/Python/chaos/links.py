"""What may go wrong with a connection, and the connections that a proxy passes on.

A connection has a source and a target, the names of services. A rule is about pairs of them:

    cut       connections are reset, and so are new ones
    silence   nothing gets through in either direction until the rule ends, as in a partition: what
              was sent meanwhile arrives afterwards
    deaf      the same, for what the target sends
    half-open the target's side is closed, and the source is never told
    mute      as soon as the target answers, the connection is closed: the answer is lost
    delay     everything arrives `milliseconds` later
    throttle  `bytes` a second get through in each direction
"""

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass

MODES = ("cut", "silence", "deaf", "half-open", "mute", "delay", "throttle")
CHUNK = 65_536
# Chunks on their way in one direction; more are not read from the sender.
CHUNKS_MAX = 64


@dataclass(frozen=True)
class Rule:
    """A mode for all connections from one of `sources` to one of `targets`."""

    mode: str
    sources: frozenset
    targets: frozenset
    milliseconds: int = 0
    bytes: int = 0

    def is_about(self, source, target):
        return source in self.sources and target in self.targets


def reset(writer):
    """Closes a connection so that its other end is told at once (RST)."""
    connection = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class Link:
    """One connection through the proxy."""

    def __init__(self, source, target, rules, client, server, translate=None):
        """
        rules: all rules that hold, which others change.
        client, server: the reader and the writer of each side.
        translate: what becomes of the target's answers.
        """
        self.source = source
        self.target = target
        self.client = client
        self.server = server
        self._rules = rules
        self._translate = translate or (lambda data: data)
        self._changed = asyncio.Event()
        # The source is never told any more.
        self._is_dead = False

    def rule(self, *modes):
        """The first rule of these modes that holds for it."""
        for rule in self._rules.values():
            if rule.mode in modes and rule.is_about(self.source, self.target):
                return rule
        return None

    def rules_changed(self):
        if self.rule("cut"):
            self.break_off()
        elif self.rule("half-open") and not self._is_dead:
            self._is_dead = True
            self.server[1].transport.abort()
        self._changed.set()
        self._changed = asyncio.Event()

    def break_off(self):
        for _, writer in (self.client, self.server):
            reset(writer)

    async def run(self):
        """Passes on until either side ends."""
        directions = [
            asyncio.create_task(self._pass(self.client[0], self.server[1], False)),
            asyncio.create_task(self._pass(self.server[0], self.client[1], True)),
        ]
        try:
            _, pending = await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
            # The other direction may still have something to say, but not for long.
            if pending and not self._is_dead:
                await asyncio.wait(pending, timeout=1)
            if self._is_dead:
                await asyncio.wait(directions)
                await self._until_source_leaves()
        finally:
            for task in directions:
                task.cancel()
            for _, writer in (self.client, self.server):
                writer.close()

    async def _until_source_leaves(self):
        with contextlib.suppress(OSError):
            while await self.client[0].read(CHUNK):
                pass

    async def _pass(self, reader, writer, is_answer):
        """One direction. Reading goes on while earlier chunks are delayed."""
        chunks = asyncio.Queue(CHUNKS_MAX)
        sending = asyncio.create_task(self._send(chunks, writer, is_answer))
        try:
            while not sending.done():
                data = await reader.read(CHUNK)
                if data and is_answer and self.rule("mute"):
                    return self.break_off()
                await chunks.put((asyncio.get_running_loop().time(), data))
                if not data:
                    return await sending
        except OSError:
            pass
        finally:
            sending.cancel()

    async def _send(self, chunks, writer, is_answer):
        holding = ("silence", "deaf") if is_answer else ("silence",)
        with contextlib.suppress(OSError):
            while True:
                time, data = await chunks.get()
                if rule := self.rule("delay"):
                    due = time + rule.milliseconds / 1000
                    await asyncio.sleep(due - asyncio.get_running_loop().time())
                while self.rule(*holding):
                    await self._changed.wait()
                if self._is_dead and data:
                    continue
                if self._is_dead:
                    return
                if not data:
                    return writer.write_eof()
                writer.write(self._translate(data) if is_answer else data)
                await writer.drain()
                if rule := self.rule("throttle"):
                    await asyncio.sleep(len(data) / rule.bytes)
