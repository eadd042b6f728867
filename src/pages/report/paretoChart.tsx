import { rounded } from '../../base/format.ts';
import type { ReportModel, ReportRun } from '../../report/data.ts';
import { paretoFront } from '../../sweep/ranking.ts';
import { formatScore, type ScoreKind } from '../../tasks/score.ts';
import { Chart, type Colors, percentLabel, tickLabel } from '../shared/chart.tsx';
import type { Quality } from '../shared/scores.ts';
import { finalModel, onSameData, runQuality } from './figures.ts';

/** Dense runs, which all others are measured by, have the diamond. */
const SYMBOLS = ['circle', 'triangle', 'rect', 'pin', 'arrow', 'roundRect'];

interface Point {
  readonly run: string;
  readonly method: string;
  readonly cost: number;
  readonly quality: Quality;
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
  const comparable = onSameData(runs);
  const rated = comparable.flatMap((run): Point[] => {
    const model = finalModel(run);
    const quality = runQuality(run);
    const price = model && cost(model);
    if (quality === undefined || price === undefined) return [];
    return [{ run: run.name, method: run.methodLabel, cost: price, quality }];
  });
  const first = rated[0]?.quality;
  const points = rated.filter(({ quality }) => quality.name === first?.name);
  if (first === undefined || points.length < 2) return null;
  const { kind } = first;
  const sign = kind.better === 'lower' ? 1 : -1;
  const isFront = paretoFront(points.map(({ cost, quality }) => [sign * quality.value, cost]));
  const front = points.filter((_, i) => isFront[i]).sort((a, b) => a.cost - b.cost);
  const table = {
    head: ['run', 'method', axis, first.name, 'nothing better'],
    rows: points.map(({ run, method, cost: price, quality }, i) => {
      return [run, method, rounded(price), qualityText(kind, quality.value), isFront[i] ? 'yes' : ''];
    }),
  };
  const others = runs.length - comparable.length;
  const left = others === 0 ? '' : ` ${others} on other data cannot be compared and are left out.`;
  const note = `Further left is smaller, ${kind.better} is better; the dotted line joins the runs that no other beats in both.${left}`;
  const option = (colors: Colors) => drawing(points, front, axis, first, colors);
  return <Chart title={title} note={note} table={table} option={option} height={340} />;
}

function qualityText(kind: ScoreKind, value: number): string {
  return kind.isShare ? formatScore(kind, value) : rounded(value);
}

function drawing(
  points: readonly Point[],
  front: readonly Point[],
  axis: string,
  { kind, name }: Quality,
  { quiet, series }: Colors,
) {
  const methods = [...new Set(points.map(({ method }) => method))];
  methods.sort((a, b) => Number(b === 'dense') - Number(a === 'dense'));
  const formatter = ({ data }: { data: { name?: string; value: [number, number] } }) => {
    const [cost, quality] = data.value;
    return escaped(`${data.name ?? ''}: ${axis} ${rounded(cost)}, ${name} ${qualityText(kind, quality)}`);
  };
  const label = {
    ...{ show: points.length <= 16, position: 'top', color: quiet, fontSize: 11 },
    formatter: ({ name }: { name: string }) => name,
  };
  return {
    legend: { data: methods, itemWidth: 12, itemHeight: 12 },
    grid: { right: 24 },
    tooltip: { trigger: 'item', formatter },
    xAxis: {
      ...{ type: 'value', scale: true, boundaryGap: ['6%', '6%'], name: axis, nameGap: 26 },
      axisLabel: { formatter: tickLabel },
    },
    yAxis: {
      ...{ type: 'value', scale: true, boundaryGap: ['6%', '10%'] },
      axisLabel: { formatter: kind.isShare ? percentLabel : tickLabel },
    },
    series: [
      {
        ...{ type: 'line', name: 'front', silent: true, symbol: 'none' },
        lineStyle: { color: quiet, type: 'dotted', width: 1.5 },
        data: front.map((p) => [p.cost, p.quality.value]),
      },
      ...methods.map((method, i) => ({
        ...{ type: 'scatter', name: method, symbolSize: 11, label, labelLayout: { hideOverlap: true } },
        symbol: method === 'dense' ? 'diamond' : SYMBOLS[i % SYMBOLS.length],
        itemStyle: { color: series[i % series.length] },
        data: points.filter((p) => p.method === method).map((p) => ({ name: p.run, value: [p.cost, p.quality.value] })),
      })),
    ],
  };
}

/** ECharts takes tooltips for HTML. */
function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
