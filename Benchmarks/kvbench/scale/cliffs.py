"""Steps at which the store does much less than at the step before."""

# What has to be left of the work.
SHARE_LEFT = 0.5


def cliffs(dimension, steps):
    """A line for each. Larger values may come less often, as long as their bytes do not."""
    found = []
    measured = [step for step in steps if "works" in step]
    for before, after in zip(measured, measured[1:]):
        for name, figures in after["works"].items():
            left = _share(dimension, before, after, name)
            if left is not None and left < SHARE_LEFT:
                sizes = [dimension.told(step["size"]) for step in (after, before)]
                found.append(
                    f"{name} at {sizes[0]}: {figures['per_second']:,.0f}/s,"
                    f" {left:.2f} × of that at {sizes[1]}"
                )
    return found


def _share(dimension, before, after, name):
    if name == "events" or name not in before["works"]:
        # There are as many as writes that a watcher follows.
        return None
    old, new = (step["works"][name]["per_second"] for step in (before, after))
    if not old:
        return None
    share = new / old
    if dimension.is_bytes and before["size"]:
        share = max(share, share * after["size"] / before["size"])
    return share
