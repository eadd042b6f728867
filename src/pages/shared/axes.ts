import { rounded } from '../../base/format.ts';
import type { Colors } from './colors.ts';

/** How an axis looks. */
export function axisStyle({ quiet, line }: Colors) {
  return {
    axisLine: { lineStyle: { color: line } },
    axisTick: { lineStyle: { color: line } },
    axisLabel: { color: quiet, hideOverlap: true },
    nameTextStyle: { color: quiet },
    splitLine: { lineStyle: { color: line, opacity: 0.6 } },
  };
}

const SIZES = [
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
] as const;

/** Tick labels of counts and figures: 1.2M, 345k, 6k, 0.015. */
export function tickLabel(value: number): string {
  const [size, unit] = SIZES.find(([from]) => Math.abs(value) >= from) ?? [1, ''];
  return `${rounded(value / size)}${unit}`;
}

/** The same for shares of 1. */
export function percentLabel(value: number): string {
  return `${rounded(value * 100)} %`;
}

/** A horizontal axis of epochs, which are whole numbers. */
export function epochAxis(colors: Colors, last: number) {
  const style = axisStyle(colors);
  return {
    type: 'value',
    min: 1,
    max: Math.max(last, 2),
    minInterval: 1,
    name: 'epoch',
    nameLocation: 'middle',
    nameGap: 24,
    ...style,
    splitLine: { show: false },
  } as const;
}
