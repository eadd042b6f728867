import { gateNames } from '../../graph/operators.ts';
import type { ReportRun } from '../../report/data.ts';
import type { WordConnections } from '../../topology/words.ts';
import { axisOf } from '../shared/axis.ts';
import { Chart, type Colors, linearAxis, onTop } from '../shared/chart.tsx';
import { courseOf, EpochCharts } from '../shared/courseCharts.tsx';
import { DistanceMapTable } from '../shared/distanceMap.tsx';

/** Which connections a sparse model has, and how they moved. */
export function TopologySection({ run: { epochs, words, epochDistances } }: { run: ReportRun }) {
  const densities = epochs.at(-1)?.densities;
  if (densities === undefined && words === undefined) return null;
  return (
    <>
      <h3 class="part">Connections</h3>
      {densities && <DensityCharts epochs={epochs} densities={densities} />}
      {words && <Words words={words} />}
      {epochDistances && (
        <>
          <p class="quiet small">
            Distance of the topologies after each epoch: 0 for the same connections, 1 for none in common, whatever the
            order of the units.
          </p>
          <DistanceMapTable map={epochDistances} label="Distance of the topologies of the epochs" />
        </>
      )}
    </>
  );
}

/** A chart for each sparse tensor, a line for each of its gates. */
function DensityCharts({
  epochs,
  densities,
}: Pick<ReportRun, 'epochs'> & { densities: Readonly<Record<string, readonly number[]>> }) {
  const charts = Object.entries(densities).map(([tensor, shares]) => ({
    title: `Connections of ${tensor}`,
    note: 'Share of its weights that exist.',
    courses: shares.map((_, i) =>
      courseOf(gateNames(shares.length)[i] ?? tensor, epochs, (row) => row.densities?.[tensor]?.[i]),
    ),
    percent: true,
    fromZero: true,
  }));
  return <EpochCharts charts={charts} />;
}

/** Which words have connections: by how frequent they are, and the words with most. */
function Words({ words: { bands, mean, without, most } }: { words: WordConnections }) {
  const rank = (i: number) => `${bands[i]!.from + 1}–${bands[i]!.to}`;
  const table = {
    head: ['frequency rank', 'connections of a word'],
    rows: bands.map(({ mean: own }, i) => [rank(i), own.toFixed(2)]),
  };
  const axis = axisOf([...bands.map((band) => band.mean), mean], { fromZero: true });
  const option = (colors: Colors) => ({
    legend: { show: false },
    grid: { top: 12 },
    xAxis: { type: 'category', data: bands.map((_, i) => rank(i)), name: 'words, most frequent first' },
    yAxis: linearAxis(axis),
    series: [
      {
        type: 'bar',
        name: 'connections of a word',
        data: bands.map((band) => band.mean),
        markLine: {
          symbol: 'none',
          data: [{ yAxis: mean }],
          label: { formatter: 'mean of all words', position: 'insideEndTop', color: colors.text, ...onTop(colors) },
          silent: true,
        },
      },
    ],
  });
  return (
    <div class="part">
      <Chart
        title="Connections of words"
        note={`On average ${mean.toFixed(1)} of each word; words without any: ${without}.`}
        table={table}
        option={option}
      />
      <p class="small">Most: {most.map(({ word, count }) => `${word} ${count}`).join(', ')}.</p>
    </div>
  );
}
