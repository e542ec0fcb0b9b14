"""The console's pure parts, run alone in an empty page."""

import random
import re

import support
from console.running import ConsoleTest

FOLDER = support.ROOT / "Sources/KeyValueAPI/Console"

STREAM = """\
retry: 1500
: hello
id: 7.0

id: 7.1
event: put
data: {"key":"ü"}

data: two
data: lines
id

: kept alive

event: delete
data:
"""


class Modules(ConsoleTest):
    def run_module(self, name, body, *arguments):
        """Runs the body of a function in which the module's names are known."""
        text = (FOLDER / name).read_text()
        text = re.sub(r"^import [^;]*;$", "", text, flags=re.MULTILINE)
        text = re.sub(r"^export ", "", text, flags=re.MULTILINE)
        self.browser.driver.get("about:blank")
        return self.browser.run(f"{text}\n{body}", *arguments)

    def test_events(self):
        """Events are the same wherever the stream is split, and whatever ends its lines."""
        body = """
            const [stream] = arguments;
            const results = [];
            for (const end of ["\\n", "\\r\\n", "\\r"]) {
              const text = stream.replaceAll("\\n", end) + end;
              for (let split = 0; split <= text.length; split += 1) {
                const parser = new EventParser();
                const pieces = [text.slice(0, split), text.slice(split)];
                // What follows shows that a lone CR at the end of a piece has ended a line.
                const events = [...pieces, "data: last" + end + end + ":"].flatMap((piece) =>
                  parser.feed(piece));
                results.push([events, parser.lastID, parser.retry]);
              }
            }
            return results;
        """
        events = [
            {"id": "7.1", "type": "put", "data": '{"key":"ü"}'},
            {"id": "", "type": "", "data": "two\nlines"},
            {"id": "", "type": "delete", "data": ""},
            {"id": "", "type": "", "data": "last"},
        ]
        results = self.run_module("watch.js", body, STREAM)
        self.assertGreater(len(results), 300)
        for result in results:
            self.assertEqual(result, [events, "", 1500])

    def test_order(self):
        """Keys are ordered as the server orders them: by their bytes."""
        seed = random.randrange(2**32)
        chance = random.Random(seed)
        letters = "ab/ \x7e\u00fc\u0fff\ud7ff\ue000\uffff\U00010000\U0001f600\U0010ffff"
        keys = {"".join(chance.choices(letters, k=chance.randrange(1, 5))) for _ in range(500)}
        expected = sorted(keys, key=str.encode)
        shuffled = chance.sample(expected, len(expected))
        found = self.run_module("keys.js", "return arguments[0].sort(compareKeys)", shuffled)
        self.assertEqual(found, expected, f"seed {seed}")

    def test_json(self):
        """Formatted JSON has the same tokens, in lines."""
        body = "return formatJSON(arguments[0])?.map(([, text]) => text).join('') ?? null"
        cases = {
            '{"a":[1,-2.50e+10,true],"b":{},"c":[]}': '{\n  "a": [\n    1,\n    -2.50e+10,\n'
            '    true\n  ],\n  "b": {},\n  "c": []\n}',
            '"a\\"{,:"': '"a\\"{,:"',
            "[[]]": "[\n  []\n]",
            "{": None,
            "": None,
            "01": None,
        }
        for text, expected in cases.items():
            with self.subTest(text):
                self.assertEqual(self.run_module("json.js", body, text), expected)

    def test_metrics(self):
        """Rates and quantiles are what Prometheus would say."""
        before = 'a_total{x="1"} 5\nt_bucket{le="1"} 0\nt_bucket{le="2"} 0\nt_bucket{le="+Inf"} 0\n'
        after = (
            '# HELP a_total {x="9"} 9\na_total{x="1"} 15\na_total{x="2\\"}"} 7\n'
            't_bucket{le="1"} 50\nt_bucket{le="2"} 100\nt_bucket{le="+Inf"} 100\n'
        )
        body = """
            const [before, after] = [...arguments].map(parseMetrics);
            return [
              growthOf(before, after, "a_total"),
              growthOf(before, after, "a_total", ({ x }) => x === "1"),
              growthOf(after, before, "a_total"), growthOf(before, after, "none"),
              quantileOf(before, after, "t", 0.5), quantileOf(before, after, "t", 0.75),
              quantileOf(after, after, "t", 0.5),
            ];
        """
        found = self.run_module("metrics.js", body, before, after)
        self.assertEqual(found, [17, 10, None, None, 1, 1.5, None])
