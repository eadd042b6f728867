import type { EChartsCoreOption, init } from 'echarts/core';
import { useEffect, useRef } from 'preact/hooks';
import { type Colors, colorsOf, onColorsChange } from './colors.ts';
import { type DataTable, Table } from './table.tsx';

/** A chart: what it shows in words, the same as numbers, and the drawing in the colours of the scheme. */
export interface ChartProps {
  readonly title: string;
  /** One sentence on what to see, for everyone. */
  readonly note?: string | undefined;
  readonly table: DataTable;
  readonly option: (colors: Colors) => EChartsCoreOption;
  /** Pixels; 240 by default. */
  readonly height?: number;
}

type Drawing = ReturnType<typeof init>;

let library: typeof init | undefined;

/**
 * Names the library that draws. A page does so once (`engine.ts`); Node, which writes headings and tables into a report,
 * has none and needs none.
 */
export function drawChartsWith(initialize: typeof init): void {
  library = initialize;
}

/** Draws in SVG, follows the width, the colour scheme and new data, and keeps a table behind it. */
export function Chart({ title, note, table, option, height = 240 }: ChartProps) {
  const holder = useRef<HTMLDivElement>(null);
  const drawing = useRef<Drawing>(undefined);
  const current = useRef(option);
  current.current = option;

  useEffect(() => {
    const element = holder.current;
    if (element === null || library === undefined) return;
    const chart = library(element, null, { renderer: 'svg' });
    drawing.current = chart;
    const redraw = () => draw(chart, element, current.current);
    redraw();
    const resized = new ResizeObserver(() => chart.resize());
    resized.observe(element);
    const stop = onColorsChange(redraw);
    return () => {
      stop();
      resized.disconnect();
      chart.dispose();
      drawing.current = undefined;
    };
  }, []);

  useEffect(() => {
    if (drawing.current && holder.current) draw(drawing.current, holder.current, option);
  }, [option]);

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
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable from the keyboard. */}
        <section class="scroll" tabIndex={0} aria-label={`Numbers of: ${title}`}>
          <Table {...table} />
        </section>
      </details>
    </figure>
  );
}

function draw(chart: Drawing, element: HTMLElement, option: ChartProps['option']): void {
  const colors = colorsOf(element);
  const own = option(colors);
  const shared = base(colors, getComputedStyle(element).fontFamily);
  const legend = { ...shared.legend, ...(own.legend as object | undefined) };
  chart.setOption({ ...shared, ...own, legend }, { notMerge: true });
}

/** What all charts have in common. */
function base({ text, quiet, line, surface, series }: Colors, fontFamily: string) {
  return {
    color: [...series],
    animation: false,
    // Named, not inherited: the widths of labels are measured outside the page.
    textStyle: { fontFamily, color: text },
    grid: { left: 8, right: 16, top: 36, bottom: 8, containLabel: true },
    legend: { top: 0, left: 0, itemWidth: 18, itemHeight: 8, itemGap: 18, textStyle: { color: quiet } },
    tooltip: {
      trigger: 'axis',
      confine: true,
      backgroundColor: surface,
      borderColor: line,
      textStyle: { color: text, fontSize: 12 },
    },
  };
}
