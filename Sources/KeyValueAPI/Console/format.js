// Sizes, times and counts as people read them.

const countFormat = new Intl.NumberFormat("en");

export const formatCount = (count) => countFormat.format(count);

export function formatBytes(bytes) {
  if (bytes < 1024) return `${bytes} ${bytes === 1 ? "byte" : "bytes"}`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  let size = bytes / 1024;
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${size < 10 ? size.toFixed(1) : Math.round(size)} ${units[unit]}`;
}

/** `2 d 4 h`, `3 m 20 s`, `12 s`. */
export function formatSeconds(seconds) {
  const whole = Math.max(0, Math.ceil(seconds));
  const parts = [
    [Math.floor(whole / 86400), "d"],
    [Math.floor(whole / 3600) % 24, "h"],
    [Math.floor(whole / 60) % 60, "m"],
    [whole % 60, "s"],
  ];
  const first = parts.findIndex(([count]) => count > 0);
  if (first < 0) return "0 s";
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(" ");
}

/** `2026-03-01 14:05:09`, in the reader's time zone. */
export function formatTime(date) {
  const two = (number) => String(number).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${formatClock(date)}`;
}

export function formatClock(date) {
  const two = (number) => String(number).padStart(2, "0");
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** `12.5k`, `0.25`: short enough for an axis. */
export function formatShort(value) {
  if (value >= 1e6) return `${trimZeros((value / 1e6).toFixed(1))}M`;
  if (value >= 1e3) return `${trimZeros((value / 1e3).toFixed(1))}k`;
  if (value >= 10 || value === 0) return String(Math.round(value));
  return trimZeros(value.toFixed(value < 1 ? 2 : 1));
}

const trimZeros = (text) => text.replace(/\.?0+$/, "");
