/*
 * Figures as people read them: the same on the command line and on a page.
 */

/** 21 824 148 with thin groups, as figures are read. */
export function grouped(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+(?!\d))/g, ' ');
}

/** 1.2M, 345k: a count to three digits. */
export function short(value: number): string {
  if (value >= 1e9) return `${(value / 1e9).toPrecision(3)}G`;
  if (value >= 1e6) return `${(value / 1e6).toPrecision(3)}M`;
  if (value >= 1e3) return `${(value / 1e3).toPrecision(3)}k`;
  return String(value);
}

/** 1 window, 2 windows, 3 batches: a count with what is counted. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${grouped(count)} ${count === 1 ? one : many}`;
}

/** A real number to three digits. */
export function rounded(value: number): string {
  return value === 0 ? '0' : String(Number(value.toPrecision(3)));
}

/** A part as a percentage to three digits: 0.0123 is 1.23 %. */
export function percent(part: number): string {
  return `${rounded(100 * part)} %`;
}

/** ▁▂▃▄▅▆▇█: counts as bars relative to the largest; an empty bin is a dot, so that a single unit still shows. */
export function bars(counts: readonly number[]): string {
  const most = Math.max(...counts);
  return counts.map((n) => (n === 0 ? '·' : '▁▂▃▄▅▆▇█'[Math.ceil((n / most) * 8) - 1]!)).join('');
}

/** Bytes in MB or kB, decimal as file managers show them. */
export function fileSize(bytes: number): string {
  return bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e3).toFixed(0)} kB`;
}

/** Milliseconds with the digits that mean something. */
export function milliseconds(value: number): string {
  return `${value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)} ms`;
}

/** 1:02:03 or 2:03 from seconds. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '–';
  const s = Math.round(seconds);
  const [h, m] = [Math.floor(s / 3600), Math.floor((s % 3600) / 60)];
  const tail = String(s % 60).padStart(2, '0');
  return h > 0 ? `${h}:${String(m).padStart(2, '0')}:${tail}` : `${m}:${tail}`;
}

/** How well two models agree, as part of a sentence: "equal, to the last bit," or "differ by at most …". */
export function agreement({ maxRelativeDifference: worst }: { maxRelativeDifference: number }): string {
  return worst === 0 ? 'equal, to the last bit,' : `agree within ${worst.toExponential(1)} (relative) with`;
}
