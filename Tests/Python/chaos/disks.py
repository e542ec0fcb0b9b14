"""Small file systems of their own for some services, which can be full.

Each is a tmpfs, whose size is set to what it holds: then nothing more fits. That needs root.
"""

import os
import subprocess

# Far more than the services need in an hour; only what they write takes memory.
ROOM = 4 << 30
PAGE = 4096


class Disks:
    """The file systems, within a `with` block. Where they can't be made there are none."""

    def __init__(self, folder, names):
        """folder: that of the cluster; names: the services that get one."""
        self._paths = {name: folder / name for name in names}
        self._mounted = []
        # Why there are none.
        self.reason = None

    def __enter__(self):
        if os.geteuid() != 0:
            self.reason = "needs root"
            return self
        for name, path in self._paths.items():
            path.mkdir(parents=True, mode=0o755)
            done = _run("mount", "-t", "tmpfs", "-o", f"size={ROOM},mode=755", "kv-chaos", path)
            if done.returncode != 0:
                self.reason = done.stdout.strip()
                break
            self._mounted.append(name)
        return self

    def __exit__(self, *_):
        for name in self._mounted:
            _run("umount", "--lazy", self._paths[name])

    @property
    def names(self):
        """The services that have one."""
        return list(self._mounted)

    def fill(self, name):
        """Leaves no room, however much is being written at the moment."""
        for spare in (PAGE, 16 * PAGE, 256 * PAGE, 4096 * PAGE):
            if self._resize(name, self._used(name) + spare):
                return
        raise RuntimeError(f"the file system of {name} can't be made smaller")

    def free(self, name):
        """Makes room again."""
        self._resize(name, ROOM)

    def _used(self, name):
        status = os.statvfs(self._paths[name])
        return (status.f_blocks - status.f_bfree) * status.f_frsize

    def _resize(self, name, size):
        path = self._paths[name]
        return _run("mount", "-o", f"remount,size={size}", path).returncode == 0


def _run(*words):
    return subprocess.run(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
