"""Charts, over time or over steps, as SVG with the colours of the page."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 760, 260
LEFT, RIGHT, TOP, BOTTOM = 84, 84, 16, 44


class Line:
    """A line of a chart. `values` has None for a gap."""

    def __init__(self, name, style, values):
        self.name, self.style, self.values = name, style, values


@dataclass
class Axis:
    """What a chart goes along, from 0 to `end`; `tell` names a place on it."""

    name: str
    end: float
    ticks: list
    tell: Callable


def seconds(end):
    """The time since the start of the load."""
    end = max(end, 1e-3)
    ticks = [tick for tick in _linear([end], most=10)[2] if tick <= end * 1.001]
    tell = "at {:.1f} s".format
    return Axis("seconds of load", end, [(tick, number(tick)) for tick in ticks], tell)


def steps(name, texts):
    """Steps with the same distance, whatever their sizes are; the texts tell these."""
    return Axis(name, max(1, len(texts) - 1), list(enumerate(texts)), lambda at: texts[at])


class Chart:
    """Lines with the same places on an axis, and one scale. `marks` are places with a text, each a
    vertical line; without points, a line of many values stays small."""

    def __init__(
        self, title, unit, places, lines, axis, is_logarithmic=False, marks=(), has_points=True
    ):
        self.title, self.unit, self.places, self.lines = title, unit, places, lines
        self.axis, self.marks, self.has_points = axis, marks, has_points
        known = [value for line in lines for value in line.values if value is not None]
        make = _logarithmic if is_logarithmic else _linear
        self.low, self.high, self.ticks = make(known)
        self.is_logarithmic = is_logarithmic

    def svg(self):
        """The chart. Each point has its value as a title."""
        parts = [
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(self.title)}">',
            *self._horizontal(),
            *self._vertical(),
            *self._marks(),
        ]
        for line in self.lines:
            parts += self._line(line)
        parts += self._names()
        return "\n".join([*parts, "</svg>"])

    def legend(self):
        """The legend, as HTML."""
        keys = [
            f'<li><svg class="key" viewBox="0 0 28 10" aria-hidden="true">'
            f'<line class="line {line.style}" x1="0" y1="5" x2="28" y2="5"/></svg>'
            f"{escape(line.name)}</li>"
            for line in self.lines
        ]
        return f'<ul class="legend">{"".join(keys)}</ul>'

    def _x(self, place):
        return LEFT + place / self.axis.end * (WIDTH - LEFT - RIGHT)

    def _y(self, value):
        if self.is_logarithmic:
            low, high = math.log(self.low), math.log(self.high)
            share = (math.log(max(value, self.low)) - low) / (high - low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    def _horizontal(self):
        for tick in self.ticks:
            y = self._y(tick)
            yield f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}"/>'
            yield f'<text class="tick end" x="{LEFT - 8}" y="{y + 4:.1f}">{number(tick)}</text>'
        middle = TOP + (HEIGHT - TOP - BOTTOM) / 2
        yield (f'<text class="axis" transform="translate(14 {middle:.0f}) rotate(-90)">'
               f"{escape(self.unit)}</text>")

    def _vertical(self):
        bottom = HEIGHT - BOTTOM
        for place, text in self.axis.ticks:
            x = self._x(place)
            yield f'<line class="grid" x1="{x:.1f}" y1="{bottom}" x2="{x:.1f}" y2="{bottom + 5}"/>'
            yield (f'<text class="tick middle" x="{x:.1f}" y="{bottom + 19}">'
                   f"{escape(text)}</text>")
        yield (f'<text class="axis" x="{LEFT + (WIDTH - LEFT - RIGHT) / 2:.0f}" '
               f'y="{HEIGHT - 6}">{escape(self.axis.name)}</text>')

    def _marks(self):
        for place, text in self.marks:
            x = self._x(place)
            yield (f'<line class="mark" x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" '
                   f'y2="{HEIGHT - BOTTOM}"><title>{escape(text)}, '
                   f"{escape(self.axis.tell(place))}</title></line>")

    def _line(self, line):
        """The line segments between consecutive points, then the points."""
        points = [
            None if value is None else (self._x(place), self._y(value), place, value)
            for place, value in zip(self.places, line.values)
        ]
        stroke = []
        for point in [*points, None]:
            if point:
                stroke.append(f"{point[0]:.1f},{point[1]:.1f}")
            elif stroke:
                yield f'<polyline class="line {line.style}" points="{" ".join(stroke)}"/>'
                stroke = []
        if not self.has_points:
            return
        radius = 3 if len(points) <= 30 else 2
        for x, y, place, value in filter(None, points):
            said = f"{line.name}: {number(value)} {self.unit}, {self.axis.tell(place)}"
            yield (f'<circle class="point {line.style}" cx="{x:.1f}" cy="{y:.1f}" r="{radius}">'
                   f"<title>{escape(said)}</title></circle>")

    def _names(self):
        """The name of each line at its end, moved where names would overlap."""
        if len(self.lines) < 2:
            return
        floor = TOP
        for y, line in self._ends():
            y = max(y, floor)
            floor = y + 14
            yield (f'<text class="name {line.style}" x="{WIDTH - RIGHT + 10}" '
                   f'y="{y + 4:.1f}">{escape(line.name)}</text>')

    def _ends(self):
        found = []
        for line in self.lines:
            known = [value for value in line.values if value is not None]
            if known:
                found.append((self._y(known[-1]), line))
        return sorted(found, key=lambda end: end[0])


def number(value):
    """With a useful number of digits."""
    if value == 0:
        return "0"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _linear(values, most=5):
    """A scale from 0 to a round number: low, high and the ticks."""
    high = max(values, default=0) or 1
    step = 10 ** math.floor(math.log10(high / most))
    step *= next(factor for factor in (1, 2, 5, 10, 20) if high / (step * factor) <= most)
    count = math.ceil(high / step - 1e-9)
    return 0, count * step, [index * step for index in range(count + 1)]


def _logarithmic(values):
    """A scale between two round numbers, with ticks at 1, 2 and 5 of each decade if they fit."""
    known = [value for value in values if value > 0] or [1]
    steps = [digit * 10.0**power for power in range(-4, 9) for digit in (1, 2, 5)]
    low = max(step for step in steps if step <= max(min(known), steps[0]))
    high = min((step for step in steps if step >= max(known) and step > low), default=steps[-1])
    inside = [step for step in steps if low <= step <= high]
    if len(inside) > 8:
        decades = [step for step in inside if f"{step:e}".startswith("1.0")]
        inside = decades
    return low, high, inside
