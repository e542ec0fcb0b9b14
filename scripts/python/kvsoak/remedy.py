"""The remedy of the runbook for a known fault of RabbitMQ, which an hour may meet: Debian's version
may lose the leader of the stream of changes. It is no silent pass: the results count it."""

from chaos.stream import StreamLeader
from kvcluster import Cluster

from .background import Background
from .events import REMEDY, Happening
from .failures import Failure

PAUSE_SECONDS = 1


class Remedy(Background):
    """Looks again and again, in a thread of its own, until the end of the block."""

    def __init__(self, folder, clock, tally):
        super().__init__(self._run)
        self.happenings = []
        self._clock, self._tally = clock, tally
        self._leader = StreamLeader(Cluster(folder), self._note)

    def _run(self):
        while not self._is_stopping.wait(PAUSE_SECONDS):
            try:
                self._leader.look()
            except Exception as error:
                now = self._clock()
                self._tally.fail(Failure(now, now, "remedy", "bug", repr(error)))
                return

    def _note(self, issue, details):
        now = self._clock()
        self.happenings.append(Happening(REMEDY, now, now, f"{issue}: {details}"))
