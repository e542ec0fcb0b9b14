"""RabbitMQ: its rate of confirms, and the depth of a queue."""

import os
import subprocess

from .load import Clock, Run

QUEUE = "bench.confirms"


class Broker:
    """The program amqp_confirms.c, connected to one of a cluster's brokers."""

    def __init__(self, program, cluster):
        self.program = program
        self.cluster = cluster
        self.environment = {**os.environ, "AMQP_URL": cluster.amqp_urls[0]}

    def confirms(self, seconds, outstanding):
        """Publishes with a fixed number of unconfirmed messages."""
        clock, before = Clock(self.cluster.brokers), os.times()
        count, elapsed = self._call("confirms", QUEUE, str(seconds), str(outstanding)).split()
        after = os.times()
        own = after.children_user + after.children_system
        own -= before.children_user + before.children_system
        count = int(count)
        return Run(count / float(elapsed), own / count * 1e6, clock.microseconds_each(count))

    def depth(self, queue):
        """The ready messages, without those that consumers have received."""
        return int(self._call("depth", queue))

    def delete(self, queue):
        self._call("delete", queue)

    def _call(self, *arguments):
        done = subprocess.run(
            [self.program, *arguments], env=self.environment, capture_output=True, text=True
        )
        if done.returncode:
            raise RuntimeError(done.stderr.strip())
        return done.stdout
