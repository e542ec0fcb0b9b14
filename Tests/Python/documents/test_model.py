"""The capacity and cost model, with simple figures."""

import copy
import json
import subprocess
import tempfile
import unittest

from sizing import figures as reading
from sizing import documents as tables
from sizing.cost import cost
from sizing.demand import demand
from sizing.plan import plan
from support import ROOT

ASSUMED = json.loads(reading.ASSUMPTIONS.read_text())
# 10 µs of everything for every request, 100 bytes of everything.
EVEN = {
    "commands": {"processor_us": "none", "bytes": "none"}, "machine": "none", "conditions": "none",
    "processor_us": {
        request: dict.fromkeys(reading.SERVICES, 10) for request in reading.REQUESTS},
    "bytes": dict.fromkeys(reading.BYTES, 100),
}


def figures(**measured):
    return reading.check({**copy.deepcopy(EVEN), **measured}, copy.deepcopy(ASSUMED))


class Reading(unittest.TestCase):
    def test_the_real_files_are_complete(self):
        reading.read()

    def test_a_missing_figure_is_named(self):
        broken = copy.deepcopy(EVEN)
        del broken["processor_us"]["put"]["rabbitmq"]
        with self.assertRaisesRegex(reading.FiguresError, "no rabbitmq of put"):
            reading.check(broken, ASSUMED)
        broken = copy.deepcopy(EVEN)
        broken["bytes"]["cache_entry"] = -1
        with self.assertRaisesRegex(reading.FiguresError, "no cache_entry of bytes"):
            reading.check(broken, ASSUMED)

    def test_figures_without_their_command_are_refused(self):
        with self.assertRaisesRegex(reading.FiguresError, "no command .* that measured bytes"):
            figures(commands={"processor_us": "none"})
        with self.assertRaisesRegex(reading.FiguresError, "without their machine"):
            figures(machine="")

    def test_shares_add_up(self):
        assumed = copy.deepcopy(ASSUMED)
        assumed["workload"]["get"] += 0.1
        with self.assertRaisesRegex(reading.FiguresError, "add up to 1.1 instead of 1"):
            reading.check(EVEN, assumed)

    def test_an_unreadable_file_is_named(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            file.write("{")
            file.flush()
            with self.assertRaisesRegex(reading.FiguresError, "is not JSON"):
                reading.read(file.name)
        with self.assertRaisesRegex(reading.FiguresError, "No such file"):
            reading.read("/nowhere.json")


class Demands(unittest.TestCase):
    def test_cores_are_requests_times_microseconds(self):
        found = demand(figures(), 100_000)
        self.assertAlmostEqual(found.cores["kv-api"], 1.0)
        factor = ASSUMED["database"]["processor_factor"]
        self.assertAlmostEqual(found.cores["database"], factor)

    def test_requests_add_up_to_the_rate(self):
        self.assertAlmostEqual(sum(demand(figures(), 2500).requests.values()), 2500)

    def test_everything_grows_with_the_rate(self):
        one, two = demand(figures(), 1000), demand(figures(), 2000)
        for name in ("entries", "cache_bytes", "database_bytes", "changes_bytes", "zone_bytes",
                     "backlog_bytes", "stream_bytes", "queued_writes"):
            self.assertAlmostEqual(2 * getattr(one, name), getattr(two, name), msg=name)

    def test_only_writes_make_events(self):
        found = demand(figures(), 1000)
        writes = 1000 * (1 - ASSUMED["workload"]["get"])
        self.assertAlmostEqual(found.stream_bytes, writes * 100)


class Plans(unittest.TestCase):
    def made(self, rate, **measured):
        return plan(figures(**measured), demand(figures(**measured), rate))

    def test_a_small_rate_fits_and_gets_what_availability_needs(self):
        found = self.made(100)
        self.assertTrue(found.fits)
        least = {name: wanted["least"] for name, wanted in ASSUMED["machines"]["services"].items()}
        self.assertEqual({group.service: group.count for group in found.groups}, least)

    def test_one_redis_thread_is_a_limit(self):
        # 10 µs each: a thread carries 100,000/s, and 60,000/s with headroom.
        self.assertTrue(self.made(59_000).fits)
        found = self.made(61_000)
        self.assertFalse(found.fits)
        self.assertEqual(found.bottleneck.name, "redis")
        self.assertEqual(found.bottleneck.parts, 2)

    def test_redis_gets_memory_for_all_copies(self):
        huge = {**EVEN["bytes"], "cache_entry": 100_000}
        found = self.made(10_000, bytes=huge)
        redis = next(group for group in found.groups if group.service == "redis")
        needed = ASSUMED["copies"]["cache"] * found.demand.cache_bytes
        self.assertGreaterEqual(redis.count * redis.gib_each * (1 << 30), needed)

    def test_memory_may_be_the_limit_before_the_thread(self):
        idle = copy.deepcopy(EVEN["processor_us"])
        for request in idle.values():
            request["redis-master"] = 0
        huge = {**EVEN["bytes"], "cache_entry": 1_000_000}
        found = self.made(10_000, processor_us=idle, bytes=huge)
        self.assertEqual(found.bottleneck.name, "redis")

    def test_the_queue_is_a_limit(self):
        idle = {request: dict.fromkeys(reading.SERVICES, 0) for request in reading.REQUESTS}
        per_second = ASSUMED["limits"]["queue_writes_per_second"]["max"]
        rate = per_second / ASSUMED["workload"]["put_queued"]
        small = dict.fromkeys(reading.BYTES, 1)
        self.assertTrue(self.made(rate * 0.99, processor_us=idle, bytes=small).fits)
        found = self.made(rate * 1.01, processor_us=idle, bytes=small)
        self.assertEqual(found.bottleneck.name, "queue")

    def test_machines_carry_the_load_with_headroom(self):
        for rate in (2500, 100_000, 10_000_000):
            found = self.made(rate)
            for group in found.groups:
                parts = ("redis-master", "redis-replicas")
                names = parts if group.service == "redis" else (group.service,)
                cores = sum(found.demand.cores.get(name, 0) for name in names)
                self.assertLessEqual(
                    cores, group.cores * ASSUMED["headroom"]["utilisation"] + 1e-9, group)

    def test_a_higher_rate_never_needs_less(self):
        before = None
        for rate in (100, 2500, 40_000, 100_000, 1_000_000, 10_000_000):
            cores = {group.service: group.cores for group in self.made(rate).groups}
            for name in before or {}:
                self.assertGreaterEqual(cores[name], before[name], f"{name} at {rate}")
            before = cores


class Costs(unittest.TestCase):
    def test_machines_cost_their_cores(self):
        found = figures()
        made = plan(found, demand(found, 100))
        price = ASSUMED["prices"]["providers"]["AWS"]["core_hour"]["compute"]
        self.assertAlmostEqual(cost(found, made, "AWS").machines["nginx"], 2 * 4 * 730 * price)

    def test_the_total_is_the_sum(self):
        found = figures()
        made = cost(found, plan(found, demand(found, 1e6)), "GCP")
        parts = sum(made.machines.values()) + made.disks + made.traffic
        self.assertAlmostEqual(made.total, parts)


class Tables(unittest.TestCase):
    def test_they_are_put_between_the_comments_and_nowhere_else(self):
        text = "before\n<!-- CLOUD/model/run: cost -->\nold\n<!-- end -->\nafter <!-- end -->\n"
        filled = tables.fill(text, {"cost": "| new |"})
        self.assertEqual(
            filled,
            "before\n<!-- CLOUD/model/run: cost -->\n\n| new |\n\n<!-- end -->\n"
            "after <!-- end -->\n")
        self.assertEqual(tables.fill(filled, {"cost": "| new |"}), filled)

    def test_an_unknown_table_is_an_error(self):
        with self.assertRaisesRegex(KeyError, "there is no table tea"):
            tables.fill("<!-- CLOUD/model/run: tea -->\n<!-- end -->", {"cost": ""})

    def test_all_are_made_for_all_rates(self):
        made = tables.tables(figures())
        for name in ("capacity", "cost"):
            self.assertEqual(len(made[name].splitlines()), 2 + len(ASSUMED["rates"]))

    def test_the_command_prints_them_for_any_rate(self):
        done = subprocess.run(
            [ROOT / "CLOUD/model/run", "--rate", "5000"], capture_output=True, text=True,
            check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("| 5,000 |", done.stdout)
        wrong = subprocess.run(
            [ROOT / "CLOUD/model/run", "--rate", "5000", "--write"], capture_output=True,
            text=True, check=False)
        self.assertEqual(wrong.returncode, 2)

    def test_measuring_has_help(self):
        done = subprocess.run(
            [ROOT / "CLOUD/model/measure", "--help"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("--binaries", done.stdout)
