import { rounded, short } from '../../format.ts';
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

/** Tick labels of counts and figures: 1.2M, 345k, 0.015. */
export function tickLabel(value: number): string {
  return Math.abs(value) >= 1000 ? short(value) : rounded(value);
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
