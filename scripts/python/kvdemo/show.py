"""Tells and carries out the faults, one after the other, and says what clients noticed."""

import shutil
import textwrap
import time

from .load import Answers

WIDTH = min(96, shutil.get_terminal_size().columns)


class Show:
    """`pause` seconds are given to read before each fault, or as long as its reader needs with
    `is_stepwise`. A fault lasts `away` seconds; the next begins `seconds` after it."""

    def __init__(self, cluster, load, watcher, seconds, pause, is_stepwise, stream):
        self.cluster = cluster
        self.load = load
        self.watcher = watcher
        self.seconds = seconds
        self.pause = pause
        self.away = max(2.0, seconds / 4)
        self.is_stepwise = is_stepwise
        self.stream = stream
        self.lost = []
        # When figures were printed last.
        self.last = time.monotonic()

    @property
    def is_good(self):
        """Whether every promise was kept."""
        return not (self.lost or self.load.stale or self.load.unexpected)

    def introduce(self, faults):
        cluster = self.cluster
        self.say("")
        self.tell("Console", f"{cluster.url}/")
        self.tell("Prometheus", f"http://127.0.0.1:{cluster.ports.prometheus}/")
        self.tell("Services", cluster.folder.command("status"))
        self.say("")
        self.paragraph(
            "The load: a few clients write numbers to keys below `demo/` and read them, through "
            "Nginx. Each key has one writer that counts upwards, so it is known what a read may "
            "return. A tenth of the writes asks to be queued. One more client watches all changes."
        )
        self.paragraph(f"The faults: {', '.join(fault.name for fault in faults)}.")

    def run(self, number, of, fault):
        """One fault from its announcement to its figures."""
        start = time.monotonic()
        names = fault.names(self.cluster)
        described = [service.name for service in self.cluster.select(names)]
        self.say("")
        self.say(f"== {number} of {of}: {fault.title} ".ljust(WIDTH, "="))
        self.tell("What happens", fault.happens.format(names=", ".join(described)))
        self.tell("Look at", fault.look)
        self.tell("Promised", fault.promise)
        self.wait()
        self.load.take_answers()
        self.last = time.monotonic()
        streams = self.watcher.streams
        seen = Answers()
        self.do(fault.verb, names)
        if fault.undo:
            self.observe(self.away, seen)
            self.do(fault.undo, names)
        self.observe(max(2.0, self.seconds - (time.monotonic() - start)), seen)
        self.sum_up(seen, self.watcher.streams - streams)

    def wait(self):
        """Gives time to read."""
        if self.is_stepwise:
            self.stream.write("\n  Enter starts it. ")
            self.stream.flush()
            if not self._enter():
                self.is_stepwise = False
            return
        self.say(f"\n  It begins in {self.pause:.0f} s.")
        time.sleep(self.pause)

    @staticmethod
    def _enter():
        """Whether a line came; at the end of the input no more will."""
        try:
            input()
            return True
        except EOFError:
            return False

    def do(self, verb, names):
        """Does what the command line that is printed does."""
        self.say(f"\n  $ {self.cluster.folder.command(verb, *names)}")
        getattr(self.cluster, verb)(names)

    def observe(self, seconds, seen):
        """Prints figures while time passes."""
        end = time.monotonic() + seconds
        step = max(1.0, min(5.0, seconds / 3))
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(step, left))
            answers, now = self.load.take_answers(), time.monotonic()
            seen.counts.update(answers.counts)
            seen.slowest = max(seen.slowest, answers.slowest)
            self.figures(answers, now - self.last)
            self.last = now

    def figures(self, answers, seconds):
        counts = answers.counts
        reads = counts["hit"] + counts["read"]
        share = f"{counts['hit'] / reads:.0%} of the reads from the cache" if reads else "no reads"
        self.say(
            f"    {answers.total / seconds:5.0f} requests/s, {share}, {counts['queued']} queued, "
            f"{answers.failed} failed, slowest {answers.slowest:.2f} s"
        )

    def sum_up(self, seen, streams):
        """Waits until all is well again, and compares what is stored with what was promised."""
        lost = self.load.lost()
        self.lost += lost
        missed = self.missed()
        self.lost += [f"no event of {key} at revision {revision}" for key, revision in missed]
        counts = seen.counts
        self.say("")
        self.tell(
            "Observed",
            f"{seen.total} requests, {seen.failed} failed: {counts['refused']} refused with 503, "
            f"{counts['unknown']} of unknown outcome, {counts['broken']} broken connections. "
            f"{counts['written']} writes were acknowledged as committed, {counts['queued']} as "
            f"queued. The slowest answer took {seen.slowest:.2f} s.",
        )
        self.tell(
            "Kept",
            f"acknowledged writes lost: {len(lost)}; stale reads: {len(self.load.stale)}; changes "
            f"that the watcher missed: {len(missed)} (it reconnected {streams} times).",
        )

    def missed(self, seconds=60):
        """The acknowledged changes that the watcher has not seen; they are given time."""
        end = time.monotonic() + seconds
        while (missing := self.load.committed - self.watcher.seen()) and time.monotonic() < end:
            time.sleep(0.2)
        self.load.committed -= self.watcher.seen()
        return missing

    def conclude(self):
        self.say("\n" + "=" * WIDTH)
        load = self.load
        self.say(
            f"{load.count_acknowledged} writes were acknowledged, {len(self.lost)} of them or of "
            f"their events lost; {len(load.stale)} stale reads; {len(load.unexpected)} unexpected "
            "answers."
        )
        for trouble in [*self.lost, *load.stale, *load.unexpected][:10]:
            self.say(f"  {trouble}")

    def tell(self, label, text):
        lines = textwrap.wrap(text, WIDTH - 16, break_long_words=False, break_on_hyphens=False)
        for place, line in enumerate(lines):
            self.say(f"{label if place == 0 else '':<14}{line}")

    def paragraph(self, text):
        self.say(textwrap.fill(text, WIDTH))

    def say(self, text):
        self.stream.write(text + "\n")
        self.stream.flush()
