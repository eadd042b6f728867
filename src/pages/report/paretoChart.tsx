import { rounded } from '../../base/format.ts';
import type { ReportRun } from '../../report/data.ts';
import { paretoFront } from '../../sweep/ranking.ts';
import { formatScore, type ScoreKind } from '../../tasks/score.ts';
import { axisOf, percentLabels } from '../shared/axis.ts';
import { Chart, type Colors, linearAxis, onTop, stepsAcross } from '../shared/chart.tsx';
import type { TableModel } from '../shared/modelTable.tsx';
import { type Quality, qualityOf } from '../shared/scores.ts';
import { onSameData, standingOf } from './figures.ts';

/** Dense runs, which all others are measured by, have the diamond. */
const SYMBOLS = ['circle', 'triangle', 'rect', 'pin', 'arrow', 'roundRect'];

interface Point {
  readonly run: string;
  readonly method: string;
  readonly cost: number;
  readonly quality: Quality;
  /** As it stood after its last epoch. */
  readonly isUnfinished: boolean;
}

interface ParetoProps {
  readonly runs: readonly ReportRun[];
  readonly title: string;
  /** Name and unit of the cost. */
  readonly axis: string;
  readonly cost: (model: TableModel) => number | undefined;
}

/** Quality against a cost over all runs: a symbol for each method, the finished runs that nothing beats joined by a line. */
export function ParetoChart({ runs, title, axis, cost }: ParetoProps) {
  const { points, others } = pointsOf(runs, cost);
  const first = points[0]?.quality;
  if (first === undefined || points.length < 2) return null;
  const { kind } = first;
  const sign = kind.better === 'lower' ? 1 : -1;
  const finished = points.filter(({ isUnfinished }) => !isUnfinished);
  const isFront = paretoFront(finished.map(({ cost, quality }) => [sign * quality.value, cost]));
  const front = finished.filter((_, i) => isFront[i]).sort((a, b) => a.cost - b.cost);
  const table = {
    head: ['run', 'method', axis, first.name, 'nothing better'],
    rows: points.map((point) => {
      const remark = point.isUnfinished ? 'not finished' : front.includes(point) ? 'yes' : '';
      return [point.run, point.method, rounded(point.cost), qualityText(kind, point.quality.value), remark];
    }),
  };
  const notes = [
    `Further left is smaller, ${kind.better} is better; the dotted line joins the runs that no other beats in both.`,
    finished.length < points.length ? 'Pale: runs that are not finished, as they stood after their last epoch.' : '',
    others > 0 ? `${others} on other data cannot be compared and ${others === 1 ? 'is' : 'are'} left out.` : '',
  ];
  const option = (colors: Colors, width: number) => drawing(points, front, { axis, quality: first }, colors, width);
  return (
    <Chart
      title={title}
      note={notes.filter((note) => note !== '').join(' ')}
      table={table}
      option={option}
      height={340}
    />
  );
}

/** Points of the runs that can be compared, finished ones first, and how many runs are on other data. */
export function pointsOf(
  runs: readonly ReportRun[],
  cost: ParetoProps['cost'],
): { readonly points: readonly Point[]; readonly others: number } {
  const comparable = onSameData(runs);
  const rated = comparable.flatMap((run): Point[] => {
    const standing = standingOf(run);
    const quality = standing && qualityOf(standing.model.scores, run.scores);
    const price = standing && cost(standing.model);
    if (quality === undefined || price === undefined) return [];
    return [
      { run: run.name, method: run.methodLabel, cost: price, quality, isUnfinished: standing?.epoch !== undefined },
    ];
  });
  rated.sort((a, b) => Number(a.isUnfinished) - Number(b.isUnfinished));
  const points = rated.filter(({ quality }) => quality.name === rated[0]!.quality.name);
  return { points, others: runs.length - comparable.length };
}

function qualityText(kind: ScoreKind, value: number): string {
  return kind.isShare ? formatScore(kind, value) : rounded(value);
}

/** The least and the greatest value, with some room on both sides; sizes and times are never negative. */
function roomy(values: readonly number[]): number[] {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = (high - low) * 0.06;
  return [low < 0 ? low - room : Math.max(0, low - room), high + room];
}

function drawing(
  points: readonly Point[],
  front: readonly Point[],
  named: { readonly axis: string; readonly quality: Quality },
  colors: Colors,
  width: number,
) {
  const { quiet, series } = colors;
  const { kind, name } = named.quality;
  const methods = [...new Set(points.map(({ method }) => method))];
  methods.sort((a, b) => Number(b === 'dense') - Number(a === 'dense'));
  const formatter = ({ data }: { data: { name?: string; value: [number, number] } }) => {
    const [cost, quality] = data.value;
    return escaped(`${data.name ?? ''}: ${named.axis} ${rounded(cost)}, ${name} ${qualityText(kind, quality)}`);
  };
  const label = {
    ...{
      show: points.length <= 16,
      position: 'top',
      distance: 6,
      color: quiet,
      fontSize: 11,
      minMargin: 6,
      ...onTop(colors),
    },
    formatter: ({ name }: { name: string }) => name,
  };
  const across = axisOf(roomy(points.map(({ cost }) => cost)), { steps: stepsAcross(width) });
  const up = axisOf(roomy(points.map(({ quality }) => quality.value)), { most: kind.isShare ? 1 : undefined });
  return {
    legend: { data: methods, itemWidth: 12, itemHeight: 12 },
    grid: { top: 52, right: 28 },
    tooltip: { trigger: 'item', formatter },
    xAxis: { ...linearAxis(across), name: named.axis, nameGap: 26 },
    yAxis: linearAxis(up, kind.isShare ? percentLabels(up) : undefined),
    series: [
      {
        ...{ type: 'line', name: 'front', silent: true, symbol: 'none', z: 1 },
        lineStyle: { color: quiet, type: 'dotted', width: 1.5 },
        data: front.map((p) => [p.cost, p.quality.value]),
      },
      ...methods.map((method, i) => ({
        ...{ type: 'scatter', name: method, symbolSize: 11, label, z: 3 },
        labelLayout: { hideOverlap: true },
        symbol: method === 'dense' ? 'diamond' : SYMBOLS[i % SYMBOLS.length],
        itemStyle: { color: series[i % series.length] },
        data: points
          .filter((p) => p.method === method)
          .map(({ run, cost, quality, isUnfinished }) => ({
            ...{ name: run, value: [cost, quality.value] },
            ...(isUnfinished && { itemStyle: { opacity: 0.4 } }),
          })),
      })),
    ],
  };
}

/** ECharts takes tooltips for HTML. */
function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
