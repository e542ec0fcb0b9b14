"""Which failures an event explains."""

import http.client
import unittest
from email.message import Message

from kvsoak.events import EVENTS, SCALING, Happening, schedule
from kvsoak.explaining import explain
from kvsoak.failures import Failure, answered, broken

BY_NAME = {event.name: event for event in EVENTS}


def happening(name, begin=100.0, end=120.0):
    return Happening(BY_NAME[name], begin, end)


def failure(what, begin=110.0, end=None, where="put"):
    return Failure(begin, begin if end is None else end, where, what, "")


class Explaining(unittest.TestCase):
    def explained(self, found, *happenings):
        explanation = explain([found], happenings)
        self.assertEqual(explanation.by.total() + len(explanation.unexplained), 1)
        return explanation.by.total() == 1

    def test_a_failure_without_an_event_is_unexplained(self):
        self.assertFalse(self.explained(failure("reset")))

    def test_an_event_explains_what_its_rules_name(self):
        self.assertTrue(self.explained(failure("503 outcome-unknown"), happening("rabbitmq")))
        self.assertFalse(self.explained(failure("503 unavailable"), happening("rabbitmq")))
        self.assertFalse(self.explained(failure("500 internal-error"), happening("redis")))
        read = failure("503 outcome-unknown", where="get")
        self.assertFalse(self.explained(read, happening("rabbitmq")))

    def test_an_event_explains_nothing_before_it_and_long_after_it(self):
        settles = BY_NAME["rabbitmq"].settles
        for begin, end, wanted in [
            (90.0, 99.9, False),
            (90.0, 100.1, True),
            (120.0 + settles, 125.0 + settles, True),
            (120.1 + settles, 125.0 + settles, False),
        ]:
            with self.subTest(begin=begin):
                found = failure("503 outcome-unknown", begin, end)
                self.assertIs(self.explained(found, happening("rabbitmq")), wanted)

    def test_an_event_that_has_not_ended_explains_on(self):
        found = failure("503 outcome-unknown", 500.0)
        self.assertTrue(self.explained(found, happening("rabbitmq", end=None)))

    def test_restarts_and_the_autoscaler_explain_nothing(self):
        for name in ("kv-api", "kv-worker"):
            for what in ("reset", "closed", "refused", "503 unavailable", "503 outcome-unknown"):
                self.assertFalse(self.explained(failure(what), happening(name)), (name, what))
        self.assertFalse(self.explained(failure("reset"), Happening(SCALING, 100.0, 120.0)))

    def test_what_is_explained_is_counted_by_event_rule_and_failure(self):
        explanation = explain(
            [failure("503 unavailable"), failure("503 outcome-unknown"),
             failure("503 unavailable")],
            [happening("redis")])
        rule = BY_NAME["redis"].rules[0].name
        self.assertEqual(
            dict(explanation.by),
            {("redis", rule, "503 unavailable"): 2, ("redis", rule, "503 outcome-unknown"): 1})


class Failures(unittest.TestCase):
    def test_an_answer_is_named_by_status_and_problem(self):
        fields = Message()
        fields["Content-Type"] = "application/problem+json"
        fields["Retry-After"] = "1"
        body = b'{"type": "/docs#outcome-unknown", "detail": "It is not known."}'
        what, text = answered(503, fields, body)
        self.assertEqual(what, "503 outcome-unknown")
        self.assertIn("It is not known.", text)
        self.assertIn("Retry-After: 1", text)

    def test_an_answer_that_is_no_problem_is_named_so(self):
        fields = Message()
        fields["Content-Type"] = "text/html"
        self.assertEqual(answered(502, fields, b"<html>")[0], "502 without a problem")
        fields.replace_header("Content-Type", "application/json")
        self.assertEqual(answered(502, fields, b"{")[0], "502 without a problem")

    def test_a_connection_that_broke_is_named_by_how(self):
        for error, what in [
            (TimeoutError(), "timeout"),
            (ConnectionRefusedError(), "refused"),
            (ConnectionResetError(), "reset"),
            (BrokenPipeError(), "reset"),
            (http.client.RemoteDisconnected("end"), "closed"),
            (http.client.IncompleteRead(b""), "closed"),
            (OSError(113, "No route"), "broken"),
        ]:
            self.assertEqual(broken(error)[0], what, error)


class Schedule(unittest.TestCase):
    def test_each_sixth_of_an_hour_has_every_event(self):
        for database in ("postgres", "cockroach"):
            names = {event.name for event in EVENTS if database in event.databases}
            planned = schedule(3600, database, 7)
            for number in range(6):
                begin = number * 600
                here = [event.name for at, event in planned if begin <= at < begin + 600]
                self.assertEqual(sorted(here), sorted(names), (database, number))

    def test_the_seed_decides(self):
        self.assertEqual(schedule(3600, "postgres", 3), schedule(3600, "postgres", 3))
        self.assertNotEqual(schedule(3600, "postgres", 3), schedule(3600, "postgres", 4))

    def test_a_short_run_has_events_that_end_in_it(self):
        planned = schedule(90, "postgres", 1)
        self.assertGreater(len(planned), 2)
        self.assertLessEqual(max(at for at, _ in planned), 70)


if __name__ == "__main__":
    unittest.main()
