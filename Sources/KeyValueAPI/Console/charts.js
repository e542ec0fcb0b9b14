// Charts of this node's figures over the last minutes, drawn as SVG.
import { html, useEffect, useRef, useState } from "./preact.js";
import { send } from "./api.js";
import { formatSeconds, formatShort } from "./format.js";
import { growthOf, parseMetrics, quantileOf, sumOf } from "./metrics.js";
import { Empty, Loading, Trouble } from "./parts.js";
import { session, whyDenied } from "./session.js";
import { useStore } from "./store.js";

const secondsBetween = 2;
const pointsKept = 150;

// The console's own questions are no load of the store.
const isTraffic = ({ route = "" }) => route.startsWith("/kv") || route.startsWith("/batch");

/** The figures between two readings of /metrics. */
function pointOf(before, after) {
  const seconds = (after.at - before.at) / 1000;
  const [from, to] = [before.samples, after.samples];
  const requests = growthOf(from, to, "kv_http_requests_total", isTraffic);
  const hits = growthOf(from, to, "kv_cache_lookups_total", ({ answer }) => answer === "hit");
  const lookups = growthOf(from, to, "kv_cache_lookups_total");
  const latency = (quantile) => {
    const value = quantileOf(from, to, "kv_http_request_duration_seconds", quantile, isTraffic);
    return value === null ? null : value * 1000;
  };
  const queue = sumOf(to, "kv_queue_unconfirmed_writes") ?? sumOf(to, "kv_embedded_queue_calls");
  return {
    at: after.at, requests: requests === null ? null : requests / seconds,
    median: latency(0.5), slow: latency(0.99),
    hitRate: lookups ? (100 * (hits ?? 0)) / lookups : null, queue,
  };
}

/** The figures that /cache/stats alone can give. */
function pointOfCache(before, after) {
  const hits = after.stats.cache_hits - before.stats.cache_hits;
  const misses = after.stats.cache_misses - before.stats.cache_misses;
  const hitRate = hits + misses > 0 ? (100 * hits) / (hits + misses) : null;
  return { at: after.at, hitRate };
}

function useFigures(isOn) {
  const [state, setState] = useState({ points: [], isCacheOnly: false, error: null });
  const last = useRef(null);
  useEffect(() => {
    if (!isOn) return undefined;
    const read = async () => {
      if (document.hidden) return;
      try {
        const next = await readFigures();
        const before = last.current;
        last.current = next;
        // Nginx may lead to another node each time, whose counters are others.
        const isSame = before && Boolean(before.samples) === Boolean(next.samples);
        const point = !isSame ? null
          : next.samples ? pointOf(before, next) : pointOfCache(before, next);
        setState(({ points }) => ({
          points: point ? [...points.slice(1 - pointsKept), point] : points,
          isCacheOnly: !next.samples, stats: next.stats, error: null,
        }));
      } catch (error) {
        last.current = null;
        setState((now) => ({ ...now, error }));
      }
    };
    read();
    const timer = setInterval(read, secondsBetween * 1000);
    return () => clearInterval(timer);
  }, [isOn]);
  return state;
}

async function readFigures() {
  const response = await send("GET", "/metrics", { cache: "no-store", accept: [404] });
  if (response.ok) return { at: Date.now(), samples: parseMetrics(await response.text()) };
  const stats = await send("GET", "/cache/stats", { cache: "no-store" });
  return { at: Date.now(), stats: await stats.json() };
}

export function Charts() {
  useStore(session);
  const denied = whyDenied("admin");
  const { points, isCacheOnly, error } = useFigures(!denied);
  if (denied) {
    return html`<${Empty} title="No charts for this token"><p>${denied}</p><//>`;
  }
  if (error && points.length === 0) return html`<${Trouble} error=${error} />`;
  if (points.length === 0) return html`<${Loading} what="Measuring" />`;
  const all = [
    { title: "Requests", unit: "a second", lines: [["requests", "requests"]] },
    { title: "Latency", unit: "milliseconds", lines: [["median", "median"], ["slow", "99 %"]] },
    { title: "Cache hits", unit: "percent", lines: [["hitRate", "hit rate"]], max: 100 },
    { title: "Queue", unit: "writes that wait", lines: [["queue", "waiting"]] },
  ];
  const shown = isCacheOnly ? [all[2]] : all;
  return html`<div>
    ${isCacheOnly && html`<p class="note">The proxy does not pass on <code>/metrics</code>, so only
      the cache's figures are here. Open the console on a kv-api itself, or Grafana, for all.
    </p>`}
    <div class="charts">${shown.map((chart) => html`<${Chart} key=${chart.title} ...${chart}
      points=${points} />`)}</div>
  </div>`;
}

const width = 320;
const height = 120;

function Chart({ title, unit, lines, max, points }) {
  const values = points.flatMap((point) => lines.map(([name]) => point[name] ?? 0));
  const top = max ?? roundUp(Math.max(...values));
  const end = points.at(-1).at;
  const span = Math.max(60_000, end - points[0].at);
  const x = (at) => width - ((end - at) / span) * width;
  const y = (value) => height - 2 - (value / top) * (height - 12);
  const last = points.at(-1);
  const shown = (name) => (isNumber(last[name]) ? formatShort(last[name]) : "–");
  const words = lines.map(([name, label]) => `${label} ${shown(name)}`);
  return html`<figure class="chart">
    <figcaption><b>${title}</b> <span class="hint">${unit}</span>
      <span class="chart-now">${lines.map(([name, label], index) => html`<span key=${name}
        class=${`key-${index}`}>${lines.length > 1 && `${label} `}<b>${shown(name)}</b></span>`)}
      </span></figcaption>
    <svg viewBox=${`0 0 ${width} ${height}`} role="img" preserveAspectRatio="none"
      aria-label=${`${title}: ${words.join(", ")}`}>
      ${[0, 0.5, 1].map((part) => html`<line key=${part} class="grid" x1="0" x2=${width}
        y1=${y(top * part)} y2=${y(top * part)} />`)}
      ${lines.map(([name], index) => html`<path key=${name} class=${`line-${index}`}
        d=${pathOfPoints(points, name, x, y)} />`)}
    </svg>
    <span class="chart-top hint">${formatShort(top)}</span>
    <span class="chart-span hint">${formatSeconds(span / 1000)} ago</span>
  </figure>`;
}

const isNumber = (value) => value !== null && value !== undefined;

/** The next of 1, 2, 5, 10, 20, … */
function roundUp(value) {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value);
}

/** A line through the points, with gaps where there is no value. */
function pathOfPoints(points, name, x, y) {
  let path = "";
  let isDown = false;
  for (const point of points) {
    const isValue = isNumber(point[name]);
    const place = isValue && `${x(point.at).toFixed(1)} ${y(point[name]).toFixed(1)}`;
    if (isValue) path += `${isDown ? "L" : "M"}${place}`;
    isDown = isValue;
  }
  return path;
}
