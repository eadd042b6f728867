import type { init } from 'echarts/core';
import { useEffect, useRef } from 'preact/hooks';
import { type Axis, tickLabels } from './axis.ts';
import { type DataTable, Table } from './table.tsx';

/** A chart: what it shows in words, the same as numbers, and the drawing in the colours of the scheme. */
export interface ChartProps {
  readonly title: string;
  /** One sentence on what to see, for everyone. */
  readonly note?: string | undefined;
  readonly table: DataTable;
  /** `width` is that of the drawing in pixels: how many labels have room. */
  readonly option: (colors: Colors, width: number) => ChartOption;
  /** Pixels. */
  readonly height?: number;
}

type Options = Readonly<Record<string, unknown>>;
type AxisOption = Options & { readonly axisLabel?: object };

/** Options of ECharts, laid over those that all charts have in common. */
type ChartOption = Options & Readonly<Record<'xAxis' | 'yAxis', AxisOption>> & { legend?: object; grid?: object };

/** Colours of a scheme as charts need them. */
export interface Colors {
  readonly text: string;
  readonly quiet: string;
  readonly line: string;
  readonly surface: string;
  readonly series: readonly string[];
}

let library: typeof init | undefined;

/** Names the library that draws, as `engine.ts` does on a page; Node, which writes a report's tables, needs none. */
export function drawChartsWith(initialize: typeof init): void {
  library = initialize;
}

/** Draws in SVG, follows the width, the colour scheme and new data, and keeps a table behind it. */
export function Chart({ title, note, table, option, height = 240 }: ChartProps) {
  const holder = useRef<HTMLDivElement>(null);
  const current = useRef(option);
  current.current = option;
  const redraw = useRef<() => void>(undefined);
  useEffect(() => {
    const element = holder.current;
    if (element === null || library === undefined) return;
    const chart = library(element, null, { renderer: 'svg' });
    const drawn = () => draw(chart, element, current.current);
    redraw.current = drawn;
    // Another width has room for other labels.
    const resized = new ResizeObserver(() => {
      chart.resize();
      drawn();
    });
    resized.observe(element);
    // Another scheme, or printing, which is always light.
    const queries = [matchMedia('(prefers-color-scheme: dark)'), matchMedia('print')];
    for (const query of queries) query.addEventListener('change', drawn);
    return () => {
      for (const query of queries) query.removeEventListener('change', drawn);
      resized.disconnect();
      chart.dispose();
    };
  }, []);
  useEffect(() => redraw.current?.(), [option]);
  return (
    <figure class="card" style={{ margin: 0 }}>
      <figcaption>
        <h3>{title}</h3>
        {note !== undefined && <p class="quiet small">{note}</p>}
      </figcaption>
      <div
        ref={holder}
        class="chart"
        role="img"
        aria-label={note ? `${title}. ${note}` : title}
        style={{ height: `${height}px` }}
      />
      <details class="chart-table">
        <summary>Numbers</summary>
        <Table {...table} label={`Numbers of: ${title}`} />
      </details>
    </figure>
  );
}

function draw(chart: ReturnType<typeof init>, element: HTMLElement, option: ChartProps['option']): void {
  const colors = colorsOf(element);
  const { text, quiet, line, surface, series } = colors;
  const { legend, grid, xAxis, yAxis, ...own } = option(colors, element.clientWidth);
  const tooltip = { backgroundColor: surface, borderColor: line, textStyle: { color: text, fontSize: 12 } };
  const all = {
    color: [...series],
    animation: false,
    // Named, not inherited: the widths of labels are measured outside the page.
    textStyle: { fontFamily: getComputedStyle(element).fontFamily, color: text },
    tooltip: { trigger: 'axis', confine: true, ...tooltip },
    grid: { left: 8, right: 16, top: 36, bottom: 28, containLabel: true, ...grid },
    // Many layers take one line all the same.
    legend: {
      type: 'scroll',
      top: 0,
      left: 0,
      right: 0,
      itemWidth: 18,
      itemHeight: 8,
      itemGap: 18,
      textStyle: { color: quiet },
      ...legend,
    },
    xAxis: styled(xAxis, colors),
    yAxis: styled(yAxis, colors),
  };
  chart.setOption({ ...all, ...own }, { notMerge: true });
}

function styled({ axisLabel, ...own }: AxisOption, { quiet, line }: Colors) {
  return {
    axisLine: { lineStyle: { color: line } },
    axisTick: { lineStyle: { color: line } },
    splitLine: { lineStyle: { color: line, opacity: 0.6 } },
    axisLabel: { color: quiet, hideOverlap: true, ...axisLabel },
    nameTextStyle: { color: quiet },
    nameLocation: 'middle',
    nameGap: 24,
    ...own,
  };
}

/** The colours of an element now: custom properties may be `light-dark(…)`, which only a computed colour settles. */
function colorsOf(element: Element): Colors {
  const probe = document.createElement('span');
  element.append(probe);
  const read = (name: string): string => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const [text, quiet, line, surface] = ['text', 'quiet', 'line', 'surface'].map(read) as [
    string,
    string,
    string,
    string,
  ];
  const series = Array.from({ length: 8 }, (_, i) => read(`series-${i + 1}`));
  probe.remove();
  return { text, quiet, line, surface, series };
}

/** A value axis with these ticks and no others. */
export function linearAxis(axis: Axis, label: (value: number) => string = tickLabels(axis)): AxisOption {
  const { min, max, step: interval } = axis;
  return { type: 'value', min, max, interval, axisLabel: { formatter: label } };
}

/** How many steps of a horizontal axis have room for their labels. */
export function stepsAcross(width: number): number {
  return Math.max(2, Math.min(6, Math.floor(width / 100)));
}

/** A label that stands on the lines of a chart, not under them. */
export function onTop({ surface }: Colors) {
  return { backgroundColor: surface, padding: [1, 4], borderRadius: 3 };
}
