import { counted, grouped } from '../../../base/format.ts';
import type { ResultModel, RunRecord } from '../../../runs/record.ts';
import type { EpochMetrics } from '../../../train/metrics.ts';
import { differing, said, settingsOf } from '../../shared/configTable.tsx';
import { courseOf, type EpochChartProps, EpochCharts, scoreAxis } from '../../shared/courseCharts.tsx';
import { Problem } from '../../shared/problem.tsx';
import { allScores, scoreColumns, titled } from '../../shared/scores.ts';
import { type DataTable, Table, tableOf } from '../../shared/table.tsx';
import { fetchRun, followCompared, nameOf, unitsOf } from '../api.ts';
import { useFetched } from '../useFetched.ts';

/** Several runs side by side: figures in a table, curves over each other. */
export function ComparePage({ ids }: { ids: readonly string[] }) {
  const [records, problem] = useFetched<readonly RunRecord[]>(() => Promise.all(ids.map(fetchRun)), followCompared);
  if (problem !== '') return <Problem message={problem} />;
  if (records === undefined) return <p class="quiet">Reading {counted(ids.length, 'run')} …</p>;
  // A run without such figures stays in the chart, so that every run has one colour in all of them.
  const courses = (read: (row: EpochMetrics) => number | undefined) =>
    records.map(({ summary, epochs }) => courseOf(nameOf(summary), epochs, read));
  const summaries = records.map(({ summary }) => summary);
  const items = [...new Set(summaries.map((summary) => summary.items))];
  const charts: EpochChartProps[] = [
    ...allScores(summaries).map((kind) => {
      // Where no run has held-out data, of its training data.
      const isHeldOut = records.some(({ epochs }) => epochs.some(({ valid }) => valid?.[kind.name] !== undefined));
      return {
        title: `${isHeldOut ? 'Validation' : 'Training'} ${kind.name}`,
        courses: courses((row) => (isHeldOut ? row.valid : row.train)?.[kind.name]),
        ...scoreAxis(kind),
      };
    }),
    {
      title: 'Units alive',
      courses: courses((row) => row.alive.reduce((sum, n) => sum + n, 0)),
      fromZero: true,
      whole: true,
    },
    { title: 'Parameters', courses: courses((row) => row.parameters), fromZero: true },
    {
      title: `${titled(items.join(' or '))} per second`,
      courses: courses((row) => row.itemsPerSecond),
      fromZero: true,
    },
  ];
  const differences = differencesOf(records);
  return (
    <>
      <h1>{counted(records.length, 'run')}</h1>
      <Table {...figuresOf(records)} label="Runs side by side" />
      <div class="part">
        <EpochCharts charts={charts} />
      </div>
      {differences.rows.length > 0 && (
        <>
          <h2>What differs in the configurations</h2>
          <Table {...differences} label="What differs in the configurations" />
        </>
      )}
    </>
  );
}

/** Figures side by side. */
function figuresOf(records: readonly RunRecord[]): DataTable {
  const scores = scoreColumns(allScores(records.map(({ summary }) => summary)));
  return tableOf(records, [
    { head: 'run', read: ({ summary }) => nameOf(summary) },
    { head: 'method', read: ({ summary }) => summary.methodLabel },
    { head: 'state', read: ({ summary }) => summary.state },
    { head: 'epochs', read: ({ summary }) => String(summary.epochs.done) },
    ...scores.map(({ head, read }) => ({
      head,
      read: (record: RunRecord) => read(modelOf(record) ?? { scores: { valid: record.epochs.at(-1)?.valid } }),
    })),
    { head: 'units', read: ({ summary }) => unitsOf(summary)?.join(' + ') },
    { head: 'parameters', read: ({ summary: { parameters: n } }) => (n === undefined ? undefined : grouped(n)) },
  ]);
}

function modelOf({ result }: RunRecord): ResultModel | undefined {
  return result?.models.at(-1);
}

/** Fields of the configurations that are not the same in all runs. */
function differencesOf(records: readonly RunRecord[]): DataTable {
  const settings = records.map(({ config }) => (config ? settingsOf(config) : new Map<string, unknown>()));
  const names = differing(records.map(({ config }) => config));
  const rows = names.map((name) => [name, ...settings.map((of) => said(of.get(name)))]);
  return { head: ['field', ...records.map(({ summary }) => nameOf(summary))], rows };
}
