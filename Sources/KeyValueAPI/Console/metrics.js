// Figures from /metrics, in Prometheus' text format 0.0.4.

const samplePattern = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/;
const labelPattern = /(\w+)="((?:[^"\\]|\\.)*)"/g;

/** All samples by name: lists of `{labels, value}`. */
export function parseMetrics(text) {
  const samples = new Map();
  for (const line of text.split("\n")) {
    const match = line[0] === "#" ? null : samplePattern.exec(line);
    if (!match) continue;
    const [, name, labelText, number] = match;
    const labels = {};
    for (const [, label, value] of (labelText ?? "").matchAll(labelPattern)) labels[label] = value;
    if (!samples.has(name)) samples.set(name, []);
    samples.get(name).push({ labels, value: Number(number.replace("Inf", "Infinity")) });
  }
  return samples;
}

/** The sum of the samples that `accept` lets through; null if there are none. */
export function sumOf(samples, name, accept = () => true) {
  const found = (samples.get(name) ?? []).filter(({ labels }) => accept(labels));
  return found.length === 0 ? null : found.reduce((sum, { value }) => sum + value, 0);
}

/** How much a counter has grown; null if that is not known, or the process is another one. */
export function growthOf(before, after, name, accept) {
  const from = sumOf(before, name, accept) ?? 0;
  const to = sumOf(after, name, accept);
  return to === null || to < from ? null : to - from;
}

/**
 * A quantile of what a histogram has counted between two readings, interpolated as Prometheus does;
 * null if nothing was counted.
 */
export function quantileOf(before, after, name, quantile, accept = () => true) {
  const bounds = new Map();
  const add = (samples, sign) => {
    for (const { labels, value } of samples.get(`${name}_bucket`) ?? []) {
      if (!accept(labels)) continue;
      const bound = Number(labels.le.replace("+Inf", "Infinity"));
      bounds.set(bound, (bounds.get(bound) ?? 0) + sign * value);
    }
  };
  add(before, -1);
  add(after, 1);
  const buckets = [...bounds].sort(([left], [right]) => left - right);
  const total = buckets.at(-1)?.[1] ?? 0;
  if (total <= 0) return null;
  const rank = quantile * total;
  let lower = 0;
  let below = 0;
  for (const [bound, count] of buckets) {
    if (count >= rank) {
      if (bound === Infinity) return lower;
      return lower + (bound - lower) * ((rank - below) / Math.max(count - below, 1e-9));
    }
    lower = bound;
    below = count;
  }
  return lower;
}
