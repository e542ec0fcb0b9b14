"""RabbitMQ's issue 6179, mended in its release 3.11.3: the record of the stream of changes names a
dead process as its leader, although another one leads it, and nothing corrects that. What is
published is accepted, and hardly any of it confirmed. A long run meets it, and goes on with the
remedy of the runbook (KVOutboxOld), which the report counts."""

import re
import time

from kvcluster import probes, rabbitmq
from support import runbook

ISSUE = "RabbitMQ's issue 6179"
# How long the record has to name the same dead process. An election takes far less; and how old a
# change in the outbox is that waits for more than an election.
SECONDS = 30
# Between two looks.
PAUSE = 5

STALLS = re.compile(r'^kv_queue_stalls_total\{connection="publisher"\} (\S+)$', re.MULTILINE)
AGE = re.compile(r"^kv_outbox_age_seconds (\S+)$", re.MULTILINE)
DEAD = re.compile(r"\balive => false\b")
NAMED = re.compile(r'\bnamed =>\s*\["([^"]+)"')
LEADER = re.compile(r'\bleaders =>\s*\["([^"]+)"')


class StreamLeader:
    """Recognises the case, and applies the remedy. Belongs to one thread."""

    def __init__(self, cluster, tell):
        """tell: takes the name and the details of a remedy that was applied."""
        self._cluster = cluster
        self._tell = tell
        self._show, self._renew = runbook.commands("KVOutboxOld")
        self._next = 0.0
        self._stalls = 0.0
        # The dead process that the record names, since when, and the stalls until then.
        self._sight = None

    def look(self):
        """For those who wait, to be called again and again. Returns whether the remedy was
        applied: only if for `SECONDS` all brokers have seen each other, the record has named the
        same dead process while another one led the stream, and publishers got no confirms."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + PAUSE
        stalls, age = self.waiting()
        is_suspect = stalls > self._stalls or age >= SECONDS
        self._stalls = stalls
        if not is_suspect and self._sight is None:
            return False
        named, leader = self._lost() or (None, None)
        if leader is None:
            self._sight = None
            return False
        if self._sight is None or self._sight[0] != named:
            self._sight = named, now, stalls
            return False
        _, since, before = self._sight
        if now - since < SECONDS or (stalls <= before and age < SECONDS):
            return False
        return self._mend(named, leader, now - since)

    def waiting(self):
        """How often publishers have waited for a confirm in vain, and the age in seconds of the
        oldest change that is not published."""
        stalls, ages = 0.0, [0.0]
        for service in self._cluster.of_kind("kv-api") + self._cluster.of_kind("kv-worker"):
            _, text = probes.http_get(service.port, "/metrics")
            stalls += sum(map(float, STALLS.findall(text)))
            ages += map(float, AGE.findall(text))
        return stalls, max(ages)

    def shown(self):
        """What RabbitMQ says about the leader, as the runbook has it asked; None: nothing."""
        return self._run(self._show)

    def _lost(self):
        """The dead process that the record names ("none" if it names no process), and the one that
        leads the stream; None unless that is so and all brokers see each other."""
        brokers = self._cluster.of_kind("rabbitmq")
        whole = f"sees {rabbitmq.NODES} of {rabbitmq.NODES}"
        if any(one.state != "ready" or one.detail() != whole for one in brokers):
            return None
        text = self.shown() or ""
        leader = LEADER.search(text)
        if not DEAD.search(text) or leader is None:
            return None
        named = NAMED.search(text)
        return named[1] if named else "none", leader[1]

    def _mend(self, named, leader, seconds):
        self._sight = None
        if self._run(self._renew) is None:
            return False
        self._tell(
            ISSUE,
            f"for {seconds:.0f} s the record of kv.changes has named {named} as its leader, which "
            f"is dead, while {leader} leads it and confirms did not come; the record was renewed",
        )
        return True

    def _run(self, words):
        """The output of one of the runbook's commands; None if it fails."""
        program, *rest = words
        if program != "rabbitmqctl":
            raise ValueError(f"a command of RabbitMQ was expected, not {program}")
        return self._cluster.of_kind("rabbitmq")[0].control(*rest)
