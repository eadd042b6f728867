/*
 * Axes of charts: where ticks stand and what is written at them. ECharts chooses ticks well, but a label that is rounded
 * without knowing its neighbours may say the same as them, and its axes run past what a value can be.
 */

/** A linear axis: its ends are ticks, and so is every step between them. */
export interface Axis {
  readonly min: number;
  readonly max: number;
  readonly step: number;
}

/** What an axis has to keep to. */
export interface AxisBounds {
  /** Begins at zero, for values whose share of the whole matters. */
  readonly fromZero?: boolean | undefined;
  /** No tick beyond this, such as 1 for shares. */
  readonly most?: number | undefined;
  /** Whole numbers only. */
  readonly whole?: boolean | undefined;
  /** About so many steps. */
  readonly steps?: number | undefined;
}

/** An axis around values with steps of 1, 2 or 5 times a power of ten; around 0 where there are none. */
export function axisOf(values: readonly number[], { fromZero, most, whole, steps = 5 }: AxisBounds = {}): Axis {
  const finite = values.filter(Number.isFinite);
  const first = finite[0] ?? 0;
  let [low, high] = finite.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [first, first]);
  if (fromZero) [low, high] = [Math.min(low, 0), Math.max(high, 0)];
  // A single value has an axis around it, wide enough for its ticks to differ.
  if (low === high)
    [low, high] = fromZero || low === 0 ? [0, 1] : [low - Math.abs(low) / 20, high + Math.abs(high) / 20];
  const step = Math.max(niceStep((high - low) / steps), whole ? 1 : 0);
  const at = (ticks: number) => Number((ticks * step).toPrecision(12));
  const max = at(Math.ceil(high / step - 1e-9));
  return { min: at(Math.floor(low / step + 1e-9)), max: most === undefined ? max : Math.min(max, most), step };
}

/** The least of 1, 2 and 5 times a power of ten that is not below a size. */
function niceStep(size: number): number {
  const power = 10 ** Math.floor(Math.log10(size));
  return Number(([1, 2, 5].find((n) => n * power >= size * (1 - 1e-9)) ?? 10) * power);
}

/** All ticks of an axis, in order. */
export function ticksOf({ min, max, step }: Axis): number[] {
  const count = Math.floor((max - min) / step + 1e-9);
  const ticks = Array.from({ length: count + 1 }, (_, i) => Number((min + i * step).toPrecision(12)));
  return ticks.at(-1)! < max ? [...ticks, max] : ticks;
}

const SIZES = [
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
] as const;

/** What an axis calls its values: 1.2M, 345k, 0.015 with as many digits as tell each tick from the next. */
export function tickLabels({ min, max, step }: Axis): (value: number) => string {
  const most = Math.max(Math.abs(min), Math.abs(max));
  const [size, unit] = SIZES.find(([from]) => most >= from) ?? [1, ''];
  const digits = decimalsOf(step / size);
  // Below a millionth there are more zeros than anyone counts.
  if (most < 1e-4)
    return (value) => (value === 0 ? '0' : value.toExponential(decimalsOf(step / 10 ** exponentOf(most))));
  return (value) => (value === 0 ? '0' : `${(value / size).toFixed(digits)}${unit}`);
}

/** The same for shares of 1: 75 %, or 74.95 % where ticks are that near. */
export function percentLabels({ step }: Axis): (value: number) => string {
  const digits = decimalsOf(100 * step);
  return (value) => `${(100 * value).toFixed(digits)} %`;
}

/** Labels of a logarithmic axis, a power of ten each: 1000, 0.01, 1e-5. */
export function powerLabel(value: number): string {
  const power = Math.round(Math.log10(value));
  return power >= -3 && power <= 4 ? String(10 ** power) : `1e${power}`;
}

/** Digits behind the point that tell a step from none: 0 for 20, 1 for 0.5, 2 for 0.02. */
function decimalsOf(step: number): number {
  return Math.min(20, Math.max(0, -exponentOf(step)));
}

function exponentOf(value: number): number {
  return Math.floor(Math.log10(value) + 1e-9);
}

/** Epochs that are written below an axis that is so many pixels wide: the first, the last, and round ones between. */
export function epochTicks(first: number, last: number, pixels: number): number[] {
  const room = Math.max(2, Math.floor(pixels / 48));
  if (last - first < room) return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  const step = Math.max(1, niceStep((last - first) / (room - 1)));
  const between: number[] = [];
  for (let epoch = Math.ceil(first / step) * step; epoch < last; epoch += step) between.push(epoch);
  // No tick stands nearer to an end than two thirds of a step.
  const apart = between.filter((epoch) => Math.min(epoch - first, last - epoch) >= (2 * step) / 3);
  return [first, ...apart, last];
}
