import type { EChartsCoreOption } from 'echarts/core';
import { milliseconds, rounded } from '../../base/format.ts';
import type { ReportModel, ReportRun } from '../../report/data.ts';
import { axisStyle } from '../shared/axes.ts';
import { Chart } from '../shared/chart.tsx';
import type { Colors } from '../shared/colors.ts';
import { finalModel, latencyOf } from './figures.ts';

/** How much faster the final model is than `before`, by runtime and batch, beside what fewer multiply-adds promise. */
export function SpeedupChart({ run, before }: { run: ReportRun; before: ReportModel }) {
  const after = finalModel(run);
  const speedups = (after?.latencies ?? []).flatMap(({ runtime, batch, median }) => {
    const was = latencyOf(before, batch, runtime);
    return was === undefined ? [] : [{ label: `${runtime}, batch ${batch}`, was, is: median, ratio: was / median }];
  });
  if (after === undefined || before === after || speedups.length === 0) return null;
  const fewer = before.multiplyAdds / after.multiplyAdds;
  const bars = [{ label: 'multiply-adds', ratio: fewer }, ...speedups];
  const table = {
    head: ['', 'before', 'after', 'ratio'],
    rows: [
      ['multiply-adds', rounded(before.multiplyAdds), rounded(after.multiplyAdds), `${fewer.toFixed(2)}×`],
      ...speedups.map(({ label, was, is, ratio }) => [
        label,
        milliseconds(was),
        milliseconds(is),
        `${ratio.toFixed(2)}×`,
      ]),
    ],
  };
  const option = (colors: Colors): EChartsCoreOption => {
    const style = axisStyle(colors);
    return {
      legend: { show: false },
      tooltip: { show: false },
      grid: { left: 8, right: 48, top: 8, bottom: 8, containLabel: true },
      yAxis: { type: 'category', inverse: true, data: bars.map(({ label }) => label), ...style },
      xAxis: { type: 'value', min: 0, ...style, axisLabel: { color: colors.quiet, formatter: '{value}×' } },
      series: [
        {
          type: 'bar',
          barMaxWidth: 22,
          data: bars.map(({ ratio }, i) => ({ value: ratio, itemStyle: { color: colors.series[i === 0 ? 7 : 0] } })),
          label: {
            show: true,
            position: 'right',
            color: colors.text,
            formatter: ({ dataIndex }: { dataIndex: number }) => `${bars[dataIndex]!.ratio.toFixed(1)}×`,
          },
        },
      ],
    };
  };
  const note = 'Times faster, and the factor by which multiply-adds of a step went down (grey).';
  return <Chart title="Speed-up" note={note} table={table} option={option} height={48 + 34 * bars.length} />;
}
