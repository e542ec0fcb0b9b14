"""The dashboards as files: structure, titles, queries and legends."""

import re
import subprocess
import unittest

from monitoring import files
from support import ROOT

# The kinds of panels of Grafana 11 that are used.
KINDS = {"timeseries", "stat", "table", "text"}
# The units of Grafana that are used.
UNITS = {"short", "percentunit", "s", "ns", "bytes", "Bps", "reqps", "ops"}
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS = 24


def each_panel():
    for name, dashboard in files.dashboards().items():
        for panel in files.panels(dashboard):
            yield f"{name}: {panel.get('title')}", panel


class Dashboards(unittest.TestCase):
    def test_they_are_generated_from_their_sources(self):
        done = subprocess.run(
            [ROOT / "scripts" / "dashboards", "--check"],
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_there_are_seven_with_a_name_of_their_own(self):
        found = files.dashboards()
        self.assertEqual(len(found), 7)
        for key in ("uid", "title", "description"):
            values = [dashboard[key] for dashboard in found.values()]
            self.assertEqual(len(set(values)), len(values), key)
            self.assertTrue(all(values), key)
        for name, dashboard in found.items():
            self.assertEqual(name, f"{dashboard['uid']}.json")
            self.assertRegex(dashboard["uid"], r"^[a-zA-Z0-9_-]{1,40}$")
            # Grafana assigns it; a fixed one could overwrite another dashboard.
            self.assertIsNone(dashboard["id"])
            self.assertEqual(dashboard["schemaVersion"], 39)

    def test_they_link_to_each_other(self):
        uids = {dashboard["uid"] for dashboard in files.dashboards().values()}
        for name, dashboard in files.dashboards().items():
            tags = [tag for link in dashboard["links"] for tag in link["tags"]]
            self.assertEqual(tags, dashboard["tags"], name)
            self.assertEqual(tags, ["kv"], name)
        overview = files.dashboards()["kv-overview.json"]
        places = {link["title"]: link["url"] for link in overview["links"] if link["title"]}
        self.assertEqual(places, {"Console": "${console:raw}/", "Runbook": "/d/kv-runbook"})
        settings = files.ENVIRONMENT.read_text()
        (published,) = re.findall(r"^KV_PUBLISH=(\S+)$", settings, re.MULTILINE)
        texts = [one for one in overview["templating"]["list"] if one["type"] == "textbox"]
        self.assertEqual([text["query"] for text in texts], [f"http://{published}"])
        linked = {
            re.match(r"/d/([\w-]+)", link["url"])[1]
            for _, panel in each_panel()
            for link in panel["links"]
        }
        self.assertLessEqual(linked, uids)
        self.assertEqual(len(linked), 6, "the overview leads to all others")

    def test_panels_are_numbered_and_do_not_overlap(self):
        for name, dashboard in files.dashboards().items():
            numbers = [panel["id"] for panel in dashboard["panels"]]
            self.assertEqual(len(set(numbers)), len(numbers), name)
            taken = {}
            for panel in dashboard["panels"]:
                place = panel["gridPos"]
                self.assertLessEqual(place["x"] + place["w"], COLUMNS, panel["title"])
                for x in range(place["x"], place["x"] + place["w"]):
                    for y in range(place["y"], place["y"] + place["h"]):
                        other = taken.setdefault((x, y), panel["title"])
                        self.assertEqual(other, panel["title"], name)

    def test_the_runbook_is_complete(self):
        panels = files.panels(files.dashboards()["kv-runbook.json"])
        texts = {panel["title"]: panel["options"]["content"] for panel in panels}
        sections = re.split(r"^## ", files.RUNBOOK.read_text(), flags=re.MULTILINE)[1:]
        self.assertEqual(list(texts)[1:], [section.split("\n", 1)[0] for section in sections])
        for text in texts.values():
            # Grafana can't open files of the repository.
            self.assertNotIn("](", text)
        self.assertIn("**Do.**", texts["KVWatchLagHigh"])

    def test_every_panel_says_what_it_shows(self):
        for name, panel in each_panel():
            with self.subTest(panel=name):
                self.assertIn(panel["type"], KINDS)
                self.assertTrue(panel["title"])
                self.assertRegex(panel["description"], r"^.{15,}[.]$")
                self.assertEqual(panel["datasource"], SOURCE)
                if panel["type"] == "text":
                    self.assertGreater(len(panel["options"]["content"]), 100)
                    continue
                defaults = panel["fieldConfig"]["defaults"]
                self.assertIn(defaults["unit"], UNITS)
                steps = defaults["thresholds"]["steps"]
                self.assertIsNone(steps[0]["value"])
                values = [step["value"] for step in steps[1:]]
                self.assertEqual(values, sorted(values))
                self.assertTrue(panel["targets"])

    def test_titles_are_unique_in_a_dashboard(self):
        for name, dashboard in files.dashboards().items():
            titles = [panel["title"] for panel in files.panels(dashboard)]
            self.assertEqual(len(set(titles)), len(titles), name)

    def test_every_series_has_a_name(self):
        for name, panel in each_panel():
            with self.subTest(panel=name):
                letters = [target["refId"] for target in panel["targets"]]
                self.assertEqual(len(set(letters)), len(letters))
                legends = [target["legendFormat"] for target in panel["targets"]]
                self.assertEqual(len(set(legends)), len(legends))
                for target in panel["targets"]:
                    self.assertEqual(target["datasource"], SOURCE)
                    self.assertTrue(target["legendFormat"])
                    self.assertNotEqual(target["legendFormat"], "__auto")
                    self.assertNotEqual(target["instant"], target["range"])

    def test_variables_can_be_chosen_and_are_used(self):
        for name, dashboard in files.dashboards().items():
            source, *others = dashboard["templating"]["list"]
            self.assertEqual((source["name"], source["type"]), ("datasource", "datasource"))
            if not any(panel["targets"] for panel in files.panels(dashboard)):
                continue
            others = files.variables(dashboard)
            self.assertGreaterEqual(len(others), 1, name)
            texts = [
                target["expr"] for panel in files.panels(dashboard) for target in panel["targets"]
            ]
            texts += [other["query"]["query"] for other in others]
            for variable in others:
                with self.subTest(dashboard=name, variable=variable["name"]):
                    self.assertEqual(variable["datasource"], SOURCE)
                    self.assertTrue(variable["label"])
                    self.assertTrue(files.label_values(variable["query"]["query"]))
                    self.assertTrue(any(f"${variable['name']}" in text for text in texts))
            known = {variable["name"] for variable in dashboard["templating"]["list"]}
            known |= {"__rate_interval"}
            used = {found for text in texts for found in re.findall(r"\$\{?(\w+)", text)}
            self.assertLessEqual(used, known, name)

    def test_several_choices_are_matched_as_such(self):
        """`=` would compare with all of them joined."""
        for name, panel in each_panel():
            for target in panel["targets"]:
                with self.subTest(panel=name):
                    self.assertNotRegex(target["expr"], r'[^=!~]="\$')

    def test_rates_span_several_scrapes(self):
        for name, panel in each_panel():
            for target in panel["targets"]:
                for window in re.findall(r"\[([^\]]+)\]", target["expr"]):
                    with self.subTest(panel=name):
                        self.assertEqual(window, "$__rate_interval")

    def test_the_data_source_is_the_one_that_is_provisioned(self):
        text = (files.GRAFANA / "provisioning" / "datasources" / "prometheus.yml").read_text()
        (uid,) = re.findall(r"^ +uid: (\S+)$", text, re.MULTILINE)
        for dashboard in files.dashboards().values():
            self.assertEqual(dashboard["templating"]["list"][0]["current"]["value"], uid)
        (interval,) = re.findall(r"^ +timeInterval: (\d+)s$", text, re.MULTILINE)
        self.assertEqual(files.RATE_INTERVAL, f"{4 * int(interval)}s")
        scraping = (ROOT / "prometheus/prometheus.yml").read_text()
        self.assertIn(f"scrape_interval: {interval}s\n", scraping)


class Selectors(unittest.TestCase):
    """The tests rely on finding the selectors of an expression."""

    def test_they_are_found(self):
        for expression, expected in {
            "up": ["up"],
            'sum by (job, le) (rate(a_b:c{x="y)}",z=~"5.."}[5m]))': ['a_b:c{x="y)}",z=~"5.."}'],
            "a and on (job) b > 0.1e3 or vector(0)": ["a", "b"],
            "0 * sum by (job) (rate(x[1m])) / (y > 0)": ["x", "y"],
            'absent(up{job="kv-api"}) or time() - start': ["start", 'up{job="kv-api"}'],
            "a / ignoring (b) group_left (c) d offset 5m": ["a", "d"],
        }.items():
            self.assertEqual(files.selectors(expression), expected)
