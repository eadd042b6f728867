import { milliseconds, rounded } from '../../base/format.ts';
import type { ReportModel, ReportRun } from '../../report/data.ts';
import { axisOf, tickLabels } from '../shared/axis.ts';
import { Chart, type Colors, linearAxis, stepsAcross } from '../shared/chart.tsx';
import { finalModel, latencyOf } from './figures.ts';

/** How much faster the final model is than `before`, by runtime and batch, beside what fewer multiply-adds promise. */
export function SpeedupChart({ run, before }: { run: ReportRun; before: ReportModel }) {
  const after = finalModel(run);
  const speedups = (after?.latencies ?? []).flatMap(({ runtime, batch, median }) => {
    const was = latencyOf(before, batch, runtime);
    if (was === undefined) return [];
    const label = `${runtime}, batch ${batch}`;
    return [{ label, was: milliseconds(was), is: milliseconds(median), ratio: was / median }];
  });
  if (after === undefined || before === after || speedups.length === 0) return null;
  const fewer = before.multiplyAdds / after.multiplyAdds;
  const bars = [
    { label: 'multiply-adds', was: rounded(before.multiplyAdds), is: rounded(after.multiplyAdds), ratio: fewer },
    ...speedups,
  ];
  const table = {
    head: ['', 'before', 'after', 'ratio'],
    rows: bars.map(({ label, was, is, ratio }) => [label, was, is, `${ratio.toFixed(2)}×`]),
  };
  const option = ({ series, text }: Colors, width: number) => ({
    legend: { show: false },
    tooltip: { show: false },
    grid: { right: 48, top: 8, bottom: 8 },
    yAxis: { type: 'category', inverse: true, data: bars.map(({ label }) => label) },
    xAxis: timesAxis(
      bars.map(({ ratio }) => ratio),
      width,
    ),
    series: [
      {
        type: 'bar',
        barMaxWidth: 22,
        data: bars.map(({ ratio }, i) => ({ value: ratio, itemStyle: { color: series[i === 0 ? 7 : 0] } })),
        label: {
          ...{ show: true, position: 'right', color: text },
          formatter: ({ dataIndex }: { dataIndex: number }) => `${bars[dataIndex]!.ratio.toFixed(1)}×`,
        },
      },
    ],
  });
  const note = 'Times faster, and the factor by which multiply-adds of a step went down (grey).';
  return <Chart title="Speed-up" note={note} table={table} option={option} height={48 + 34 * bars.length} />;
}

/** An axis from 0 with ticks as 1×, 2×. */
function timesAxis(ratios: readonly number[], width: number) {
  const axis = axisOf(ratios, { fromZero: true, steps: stepsAcross(width) });
  const label = tickLabels(axis);
  return linearAxis(axis, (value) => `${label(value)}×`);
}
