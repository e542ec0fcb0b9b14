"""What else ran on the machine during the measurements: processes, from /proc."""

import os
import threading
import time
from collections import Counter

from kvcluster import processes

# A sample takes some milliseconds. What lives for a shorter time may be missed.
SAMPLE_SECONDS = 2
NAMED_MAX = 6
# Of one core; less is not worth a word.
SHARE_MIN = 0.01
KERNEL_THREADS_PARENT = 2


class Others:
    """Adds up the processor time of processes that do not descend from `root`, sample by sample."""

    def __init__(self, root):
        self.root = root
        # By name, in clock ticks.
        self.used = Counter()
        # Identities (id and start) with the time that is counted already.
        self._counted = None
        self._own = set()
        # Those that children of the root lead. Some services lose their parent, but stay in one.
        self._sessions = set()

    def see(self, found):
        """found: all processes of the machine (`processes.Stat`). The first sample is where the
        count begins."""
        family = self._family(found)
        before, self._counted = self._counted, {}
        for process in found:
            identity = process.pid, process.started
            self._counted[identity] = process.used_itself
            if before is not None and process.pid not in family:
                used = process.used_itself - before.get(identity, 0)
                self.used[_name(process)] += used

    def _family(self, found):
        """The ids of the root, its descendants, and what these have left behind."""
        family = {process.pid for process in found if (process.pid, process.started) in self._own}
        family |= {self.root} | {one.pid for one in found if one.session in self._sessions}
        while True:
            children = {process.pid for process in found if process.parent in family}
            if children <= family:
                break
            family |= children
        for process in found:
            if process.pid in family:
                self._own.add((process.pid, process.started))
                if process.pid == process.session:
                    self._sessions.add(process.session)
        return family


def _name(process):
    is_kernel = KERNEL_THREADS_PARENT in (process.pid, process.parent) and not process.session
    return "the kernel's threads" if is_kernel else process.name


class Beside:
    """Samples other processes within a `with` block; `root` is the process that is not counted,
    with all that it starts."""

    def __init__(self, root=None, every=SAMPLE_SECONDS):
        self.load_average = os.getloadavg()[0]
        self._others = Others(root or os.getpid())
        self._every = every
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._start = time.monotonic()
        self._see()
        self._stolen = _stolen_ticks()
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._is_over.set()
        self._thread.join()

    def _run(self):
        while not self._is_over.wait(self._every):
            self._see()

    def _see(self):
        with self._lock:
            self._others.see(processes.everything())

    def shares(self):
        """What each name has used until now, as a share of one core, the largest first."""
        self._see()
        used = Counter(self._others.used)
        used["the hypervisor's other guests"] = _stolen_ticks() - self._stolen
        ticks = (time.monotonic() - self._start) * os.sysconf("SC_CLK_TCK")
        return [(name, count / ticks) for name, count in used.most_common()]

    def figures(self):
        """For JSON."""
        return {
            "load_average_at_start": self.load_average,
            "cores": {name: round(share, 3) for name, share in self.shares() if share >= 0.001},
        }

    def line(self):
        return told(self.shares(), self.load_average)


def told(shares, load_average):
    """The first line of the results."""
    named = [(name, share) for name, share in shares if share >= SHARE_MIN][:NAMED_MAX]
    rest = sum(share for _, share in shares) - sum(share for _, share in named)
    if rest >= SHARE_MIN:
        named.append(("others", rest))
    parts = [f"{name} {100 * share:.0f} %" for name, share in named]
    text = f"{', '.join(parts)} of a core" if parts else "nothing that used 1 % of a core"
    return f"Beside this ran: {text}; load average {load_average:.2f} at the start"


def _stolen_ticks():
    """The time that a virtual machine was ready to run, and its host ran others (proc(5))."""
    with open("/proc/stat", encoding="ascii") as file:
        fields = file.readline().split()
    return int(fields[8]) if len(fields) > 8 else 0
