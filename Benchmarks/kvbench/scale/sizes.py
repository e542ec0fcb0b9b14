"""The steps of each dimension."""

KEYS_LEAST, KEYS_DEFAULT, KEYS_MAX = 10_000, 1_000_000, 10_000_000
KEYS_CLUSTER_MAX = 1_000_000
# Open files of a process with many connections, beside those.
FILES_BESIDE = 500

KEYS = [10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000]
# Up to the default of KV_MAX_VALUE_BYTES.
VALUE_BYTES = [0, 100, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20]
CONNECTIONS = [1, 4, 16, 64, 256, 1_000, 4_000, 10_000, 20_000]
WATCHERS = [0, 10, 100, 500, 1_000, 2_500, 5_000]


def keys(most, is_cluster, _):
    most = min(most, KEYS_CLUSTER_MAX) if is_cluster else most
    return _up_to(most, KEYS)


def values(*_):
    return VALUE_BYTES


def connections(_, __, files):
    """files: how many a process may open."""
    return _up_to(connections_max(files), CONNECTIONS)


def connections_max(files):
    return min(CONNECTIONS[-1], files - FILES_BESIDE)


def watchers(_, __, files):
    return _up_to(min(WATCHERS[-1], connections_max(files)), WATCHERS)


def _up_to(most, sizes):
    """Those below `most`, and that."""
    return [*(size for size in sizes if size < most), most]


def told(size):
    return f"{size:,}"


def told_bytes(size):
    for unit, factor in (("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size >= factor and size % factor == 0:
            return f"{size // factor} {unit}"
    return f"{size} B"
