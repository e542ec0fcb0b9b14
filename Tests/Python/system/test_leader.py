"""RabbitMQ's record of the stream of changes names a dead process as its leader for good, as after
its issue 6179: what the runbook says about it (KVOutboxOld) is true, and chaos does it."""

import re
import time

import pytest

from chaos.stream import ISSUE, SECONDS, StreamLeader
from kvcluster import Cluster
from support import wait_until
from system import test_watch

# The release that mends the issue.
MENDED = (3, 11, 3)

# Where the processes are decided on that stand in the record.
COORDINATOR = "{ok, _, {_, Node}} = ra:members({rabbit_stream_coordinator, node()}), Node."

# To be run there: the leader of the stream dies, and its successor can't be recorded, because
# somebody else holds the records until this node dies. Whoever coordinates then believes for good
# that the successor is just being recorded.
LOSE = """
  {ok, Q} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"/">>, queue, <<"kv.changes">>)),
  Self = self(),
  spawn(fun() ->
    mnesia:transaction(fun() ->
      mnesia:lock({table, rabbit_queue}, write),
      Self ! held,
      receive never -> ok end
    end)
  end),
  receive held -> ok after 30000 -> error(not_held) end,
  Leader = amqqueue:get_pid(Q),
  rpc:call(node(Leader), erlang, exit, [Leader, kill])."""


@pytest.mark.once
class Leader(test_watch.Watched):
    def setUp(self):
        super().setUp()
        self.native = Cluster(self.cluster.folder)
        self.remedies = []
        self.leader = StreamLeader(self.native, lambda *told: self.remedies.append(told))

    def test_lost_leader(self):
        """Events stop until the record is renewed as the runbook says; then those that waited
        come, and none is missing."""
        with self.watching() as watchers, self.loads() as loads:
            self.warm_up(watchers, loads)
            self.lose_leader()
            if self.version() >= MENDED:
                wait_until(lambda: "alive => true" in self.shown(), 60, "living leader")
            else:
                self.assert_stalled(watchers, loads)
                self.assert_mended()
            self.settle(loads)
            self.assert_all_seen(watchers, loads, is_ordered=False)

    def test_no_remedy(self):
        """While the leader is known, nothing is done about stalls that have other causes."""
        with self.loads():
            with self.cluster.without("rabbitmq", "pause"):
                time.sleep(test_watch.AWAY * 2)
            self.cluster.wait_until_healthy()
            end = time.monotonic() + SECONDS + 10
            wait_until(lambda: self.leader.look() or time.monotonic() > end, SECONDS * 2, "end")
        self.assertGreater(self.stalls(), 0)
        self.assertEqual(self.remedies, [])

    def lose_leader(self):
        self.assertIn("alive => true", self.shown())
        found = re.search(r"rabbitmq-\d", self.broker().control("eval", COORDINATOR))
        before = self.leaders()
        self.assertIsNotNone(self.native[found[0]].control("eval", LOSE))
        wait_until(lambda: self.leaders() not in ([], before), 30, "next leader")
        with self.cluster.without(found[0]):
            pass
        self.cluster.wait_until_healthy()

    def assert_stalled(self, watchers, loads):
        """Publishers wait in vain for confirms, again and again, and events for publishers."""
        self.assertIn("alive => false", self.shown())
        committed = {change for load in loads for change in load.changes}
        count = self.stalls()
        wait_until(lambda: self.stalls() >= count + 4, 60, "stalls")
        for watcher in watchers:
            self.assertTrue(committed - watcher.seen(), "all events have come")
        self.assertIn("alive => false", self.shown())

    def assert_mended(self):
        """It is recognised and mended once, and then stays well."""
        wait_until(self.leader.look, SECONDS * 4, "remedy")
        self.assertEqual([name for name, _ in self.remedies], [ISSUE])
        wait_until(lambda: "alive => true" in self.shown(), 10, "living leader")
        # Connections whose confirms do not come are closed within five seconds.
        time.sleep(6)
        count = self.stalls()
        time.sleep(12)
        self.assertEqual(self.stalls(), count)

    def version(self):
        text = self.broker().control("eval", "rabbit_misc:version().")
        return tuple(map(int, re.findall(r"\d+", text)[:3]))

    def shown(self):
        """What the runbook's first command prints."""
        return self.leader.shown() or ""

    def leaders(self):
        text = re.search(r"leaders =>\s*\[(.*?)\]", self.shown(), re.DOTALL)
        return re.findall(r'"([^"]+)"', text[1] if text else "")

    def stalls(self):
        return self.leader.waiting()[0]
