import type { EChartsCoreOption } from 'echarts/core';
import { rounded } from '../../base/format.ts';
import type { ReportModel, ReportRun } from '../../report/data.ts';
import { paretoFront } from '../../sweep/ranking.ts';
import { formatScore } from '../../tasks/score.ts';
import { axisStyle, percentLabel, tickLabel } from '../shared/axes.ts';
import { Chart } from '../shared/chart.tsx';
import type { Colors } from '../shared/colors.ts';
import { finalModel, onSameData, runQuality } from './figures.ts';

/** Dense runs, which all others are measured by, have the diamond. */
const SYMBOLS = ['circle', 'triangle', 'rect', 'pin', 'arrow', 'roundRect'];

interface Point {
  readonly run: string;
  readonly method: string;
  readonly cost: number;
  readonly quality: number;
  readonly isFront: boolean;
}

interface ParetoProps {
  readonly runs: readonly ReportRun[];
  readonly title: string;
  /** Name and unit of the cost. */
  readonly axis: string;
  readonly cost: (model: ReportModel) => number | undefined;
}

/** Quality against a cost over all runs: a symbol for each method, the runs that nothing beats joined by a line. */
export function ParetoChart({ runs, title, axis, cost }: ParetoProps) {
  const rated = onSameData(runs).flatMap((run) => {
    const model = finalModel(run);
    const quality = runQuality(run);
    const price = model && cost(model);
    return quality === undefined || price === undefined ? [] : [{ run, quality, price }];
  });
  const first = rated[0]?.quality;
  const same = rated.filter(({ quality }) => quality.name === first?.name);
  if (first === undefined || same.length < 2) return null;
  const { kind, name } = first;
  const shown = (value: number) => (kind.isShare ? formatScore(kind, value) : rounded(value));
  const points = markFront(
    same.map(({ run, quality, price }) => ({
      run: run.name,
      method: run.methodLabel,
      cost: price,
      quality: quality.value,
    })),
    kind.better === 'lower',
  );
  const methods = [...new Set(points.map(({ method }) => method))].sort(
    (a, b) => Number(b === 'dense') - Number(a === 'dense'),
  );
  const front = points.filter(({ isFront }) => isFront).sort((a, b) => a.cost - b.cost);
  const table = {
    head: ['run', 'method', axis, name, 'nothing better'],
    rows: points.map((p) => [p.run, p.method, rounded(p.cost), shown(p.quality), p.isFront ? 'yes' : '']),
  };
  const option = (colors: Colors): EChartsCoreOption => {
    const style = axisStyle(colors);
    const label = { color: colors.quiet, formatter: tickLabel, hideOverlap: true };
    return {
      grid: { left: 8, right: 24, top: 36, bottom: 28, containLabel: true },
      xAxis: {
        type: 'value',
        scale: true,
        boundaryGap: ['6%', '6%'],
        name: axis,
        nameLocation: 'middle',
        nameGap: 26,
        ...style,
        axisLabel: label,
      },
      yAxis: {
        type: 'value',
        scale: true,
        boundaryGap: ['6%', '10%'],
        ...style,
        axisLabel: { ...label, formatter: kind.isShare ? percentLabel : tickLabel },
      },
      tooltip: {
        trigger: 'item',
        formatter: ({ data }: { data: { name?: string; value: [number, number] } }) =>
          escaped(`${data.name ?? ''}: ${axis} ${rounded(data.value[0])}, ${name} ${shown(data.value[1])}`),
      },
      series: [
        {
          type: 'line',
          name: 'front',
          silent: true,
          symbol: 'none',
          lineStyle: { color: colors.quiet, type: 'dotted', width: 1.5 },
          data: front.map((p) => [p.cost, p.quality]),
        },
        ...methods.map((method, i) => ({
          type: 'scatter',
          name: method,
          symbol: method === 'dense' ? 'diamond' : SYMBOLS[i % SYMBOLS.length],
          symbolSize: 11,
          itemStyle: { color: colors.series[i % colors.series.length] },
          data: points.filter((p) => p.method === method).map((p) => ({ name: p.run, value: [p.cost, p.quality] })),
          label: {
            show: points.length <= 16,
            position: 'top',
            color: colors.quiet,
            fontSize: 11,
            formatter: ({ name }: { name: string }) => name,
          },
          labelLayout: { hideOverlap: true },
        })),
      ],
      legend: { data: methods, itemWidth: 12, itemHeight: 12 },
    };
  };

  const others = runs.length - onSameData(runs).length;
  const left = others === 0 ? '' : ` ${others} on other data cannot be compared and are left out.`;
  const note = `Further left is smaller, ${kind.better} is better; the dotted line joins the runs that no other beats in both.${left}`;
  return <Chart title={title} note={note} table={table} option={option} height={340} />;
}

/** Marks the points that no other beats in one figure without losing in the other. */
function markFront(points: readonly Omit<Point, 'isFront'>[], lessIsBetter: boolean): Point[] {
  const front = paretoFront(points.map(({ cost, quality }) => [lessIsBetter ? quality : -quality, cost]));
  return points.map((p, i) => ({ ...p, isFront: front[i]! }));
}

/** ECharts takes tooltips for HTML. */
function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
