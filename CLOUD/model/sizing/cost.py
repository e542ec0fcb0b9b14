"""Dollars a month."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """The cost of a plan at a provider for a month."""

    machines: dict
    disks: float
    traffic: float

    @property
    def total(self):
        return sum(self.machines.values()) + self.disks + self.traffic


def cost(figures, plan, provider):
    """The cost at the provider's prices."""
    prices = figures.assumed["prices"]
    price = prices["providers"][provider]
    hours = prices["hours_a_month"]
    machines = {
        group.service: group.cores * price["core_hour"][group.shape] * hours
        for group in plan.groups
    }
    disks = sum(group.count * group.disk_gb_each for group in plan.groups)
    sent = plan.demand.zone_bytes * prices["cross_zone_share"] * hours * 3600 / 1e9
    return Cost(machines, disks * price["disk_gb_month"], sent * price["cross_zone_gb"])
