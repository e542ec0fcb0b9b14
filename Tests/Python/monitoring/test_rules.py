"""Rules and alerts as files: Prometheus accepts them, and each has cases that pass."""

import re
import subprocess
import unittest

from monitoring import files

RULE_FILES = sorted(files.RULES.glob("*.yml"))
CASE_FILES = sorted(files.CASES.glob("*.yml"))


def promtool(*words):
    """Exit code and output of promtool."""
    done = subprocess.run(
        ["promtool", *map(str, words)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def entries(text, key):
    """The list items of a YAML file that begin with `key`."""
    parts = re.split(rf"^ +- {key}: ", text, flags=re.MULTILINE)[1:]
    return [(part.split("\n", 1)[0].strip(), part) for part in parts]


def alerts():
    """Name and text of each alert."""
    return entries((files.RULES / "alerts.yml").read_text(), "alert")


def records():
    """The names of all recording rules."""
    return [name for name, _ in entries((files.RULES / "recording.yml").read_text(), "record")]


class Rules(unittest.TestCase):
    def test_prometheus_accepts_them(self):
        code, output = promtool("check", "rules", *RULE_FILES)
        self.assertEqual(code, 0, output)
        self.assertEqual(output.count("SUCCESS"), 2, output)

    def test_their_cases_pass(self):
        code, output = promtool("test", "rules", *CASE_FILES)
        self.assertEqual(code, 0, output)
        self.assertEqual(output.count("SUCCESS"), 2, output)

    def test_every_alert_has_cases_in_which_it_fires_and_does_not(self):
        text = (files.CASES / "alerts.yml").read_text()
        cases = re.findall(r"alertname: (\w+)\n +exp_alerts:( \[\])?", text)
        fires = {name for name, is_empty in cases if not is_empty}
        rests = {name for name, is_empty in cases if is_empty}
        names = {name for name, _ in alerts()}
        self.assertGreater(len(names), 15)
        self.assertEqual(names, fires, "each fires in some case")
        self.assertEqual(names, rests, "each does not in another")

    def test_every_recording_rule_has_a_case(self):
        text = (files.CASES / "recording.yml").read_text()
        tested = {name for line, _ in entries(text, "expr") for name in files.selectors(line)}
        self.assertEqual(set(records()), tested)

    def test_every_job_that_is_named_is_scraped_wherever_prometheus_runs(self):
        """In both configurations, with and without containers."""
        expressions = files.panel_expressions() + [path.read_text() for path in RULE_FILES]
        matchers = re.findall(r'\bjob(=~?)"([^"$]+)"', " ".join(expressions))
        named = {job for kind, text in matchers for job in text.split("|") if job != "kv-.*"}
        self.assertGreater(len(named), 5)
        for path in files.SCRAPED:
            jobs = re.findall(r"^ +- job_name: (\S+)$", path.read_text(), re.MULTILINE)
            with self.subTest(configuration=path.name):
                self.assertLessEqual(named | {"sentinel", "cockroachdb"}, set(jobs))

    def test_every_alert_has_a_severity_and_describes_what_it_saw(self):
        for name, text in alerts():
            with self.subTest(alert=name):
                self.assertRegex(name, r"^KV[A-Z]\w+$")
                self.assertRegex(text, r"\n +severity: (critical|warning)\n")
                self.assertRegex(text, r'\n +summary: ".{10,}"\n')
                self.assertRegex(text, r'\n +description: ".*\{\{ \$(value|labels)\b.*"\n')

    def test_every_alert_has_a_section_in_the_runbook_and_every_section_an_alert(self):
        headings = re.findall(r"^## (\w+)$", files.RUNBOOK.read_text(), re.MULTILINE)
        self.assertEqual(headings, [name for name, _ in alerts()], "in the order of the alerts")
        for name, text in alerts():
            with self.subTest(alert=name):
                self.assertIn(
                    f"runbook: prometheus/RUNBOOK.md#{name.lower()}\n", text + "\n"
                )

    def test_the_runbook_answers_the_same_questions_for_each(self):
        sections = re.split(r"^## ", files.RUNBOOK.read_text(), flags=re.MULTILINE)[1:]
        for section in sections:
            with self.subTest(section=section.split("\n", 1)[0]):
                asked = re.findall(r"^\*\*(\w[\w ]+)\.\*\*", section, re.MULTILINE)
                self.assertEqual(asked, ["Symptom", "Likely causes", "Look at", "Do"])

    def test_metrics_that_the_runbook_names_are_in_a_rule_or_dashboard(self):
        """A renamed metric must not remain in the text."""
        known = " ".join(
            [path.read_text() for path in RULE_FILES] + files.panel_expressions()
        )
        named = re.findall(r"`((?:kv|rabbitmq|redis|node)_\w+)`", files.RUNBOOK.read_text())
        self.assertGreater(len(named), 3)
        for name in named:
            self.assertTrue(name in known, f"{name} is in no rule and no dashboard")
