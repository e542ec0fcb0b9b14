"""The model's tables, and their places in the Markdown files: between two comments."""

import re

from .cost import cost
from .demand import demand
from .figures import SERVICES
from .plan import ADVICE, NAMES, plan

MARKERS = re.compile(
    r"(<!-- CLOUD/model/run: (?P<name>[a-z]+) -->\n)(?P<text>.*?)(<!-- end -->)", re.DOTALL)


def tables(figures):
    """The tables by name."""
    plans = [plan(figures, demand(figures, rate)) for rate in figures.assumed["rates"]]
    return {
        "capacity": capacity(plans),
        "cost": costs(figures, plans),
        "services": services(plans),
        "measured": measured(figures),
        "limits": limits(plans),
    }


def fill(text, made):
    """A document with the tables in their places."""

    def replace(match):
        if match["name"] not in made:
            raise KeyError(f"there is no table {match['name']}; there are {', '.join(made)}")
        return f"{match[1]}\n{made[match['name']]}\n\n{match[4]}"

    return MARKERS.sub(replace, text)


def capacity(plans):
    """What each rate needs, its bottleneck, and how to remove that."""
    rows = []
    for one in plans:
        found = one.bottleneck
        state = f"{NAMES[found.name]}, {_share(found.share)}"
        over = [limit for limit in one.limits if limit.share > 1]
        change = "nothing" if one.fits else "; ".join(
            f"{NAMES[limit.name]} into {limit.parts:,}: {ADVICE[limit.name]}" for limit in over)
        machines = ", ".join(f"{group.count:,} {group.service}" for group in one.groups)
        rows.append([
            f"{one.demand.rate:,.0f}", f"{sum(one.demand.cores.values()):,.1f}", machines, state,
            change])
    return _table(
        ["requests/s", "busy cores", "machines", "reached first", "to be changed there"], rows)


def costs(figures, plans):
    """Dollars a month at each provider, by purpose."""
    providers = list(figures.assumed["prices"]["providers"])
    rows = []
    for one in plans:
        each = {name: cost(figures, one, name) for name in providers}
        first = each[providers[0]]
        largest = sorted(
            [*first.machines.items(), ("disks", first.disks), ("traffic between zones",
             first.traffic)], key=lambda part: -part[1])[:3]
        where = ", ".join(f"{name} {amount / first.total:.0%}" for name, amount in largest)
        million = first.total / (one.demand.rate * 730 * 3600 / 1e6)
        rows.append([f"{one.demand.rate:,.0f}", *(_dollars(each[name].total) for name in providers),
                     where, f"{million:.4f} $"])
    return _table(["requests/s", *providers, f"most of it ({providers[0]})",
                   f"a million requests ({providers[0]})"], rows)


def services(plans):
    """Machines by service at each rate."""
    rows = []
    for place, group in enumerate(plans[0].groups):
        cells = []
        for one in plans:
            group = one.groups[place]
            disk = f", {group.disk_gb_each:,.0f} GB" if group.disk_gb_each >= 1 else ""
            cells.append(
                f"{group.count:,} × {group.cores_each} cores, {group.gib_each} GiB{disk}")
        rows.append([group.service, *cells])
    return _table(["machines", *(f"{one.demand.rate:,.0f}/s" for one in plans)], rows)


def limits(plans):
    """The load of each single part."""
    rows = [
        [NAMES[limit.name], *(_share(one.limits[place].share) for one in plans)]
        for place, limit in enumerate(plans[0].limits)
    ]
    return _table(["in use", *(f"{one.demand.rate:,.0f}/s" for one in plans)], rows)


def measured(figures):
    """The inputs of the model."""
    names = {"get_cached": "GET, cached", "get_missed": "GET, not cached", "put": "PUT",
             "put_queued": "PUT, queued and applied", "delete": "DELETE"}
    found = figures.measured["processor_us"]
    columns = SERVICES
    rows = [
        [names[request], *(f"{found[request][service]:.1f}" for service in columns),
         f"{sum(found[request].values()):.1f}"]
        for request in names
    ]
    sizes = ", ".join(
        f"{name.replace('_', ' ')} {count:,.0f}"
        for name, count in figures.measured["bytes"].items())
    messages = ", ".join(
        f"{name.replace('_', ' ')} {count:,}"
        for name, count in figures.measured.get("messages_per_second_per_core", {}).items())
    return (
        f"{_table(['CPU µs each', *columns, 'all'], rows)}\n\n"
        f"Bytes: {sizes}. Messages per second and core of RabbitMQ's: {messages}. "
        f"On {figures.measured['machine']}; {figures.measured['conditions']}.")


def _table(head, rows):
    lines = ["| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows)]
    return "\n".join(lines)


def _share(share):
    if share > 1:
        return f"{share:,.1f} times what it carries"
    return f"at {share:.1%} of what it carries"


def _dollars(amount):
    """Three significant digits: a model has no more."""
    digits = max(0, len(f"{amount:.0f}") - 3)
    return f"{round(amount, -digits):,.0f} $"
