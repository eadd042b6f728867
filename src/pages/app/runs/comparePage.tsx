import { useEffect, useState } from 'preact/hooks';
import { grouped } from '../../../base/format.ts';
import type { EpochRow, ResultModel, RunRecord } from '../../../runs/record.ts';
import { courseOf, EpochChart } from '../../shared/courseCharts.tsx';
import { messageOf } from '../../shared/messageOf.ts';
import { Problem } from '../../shared/problem.tsx';
import { type DataTable, Table } from '../../shared/table.tsx';
import { fetchRun } from '../api.ts';
import { nameOf, STATES } from './describe.ts';

/** Several runs side by side: figures in a table, curves over each other. */
export function ComparePage({ ids }: { ids: readonly string[] }) {
  const [records, setRecords] = useState<readonly RunRecord[]>();
  const [problem, setProblem] = useState('');
  useEffect(() => {
    Promise.all(ids.map(fetchRun)).then(setRecords, (error: unknown) => setProblem(messageOf(error)));
  }, [ids]);
  if (problem !== '') return <Problem message={problem} />;
  if (records === undefined) return <p class="quiet">Reading {ids.length} runs …</p>;
  // A run without such figures stays in the chart, so that every run has one colour in all of them.
  const courses = (read: (row: EpochRow) => number | undefined) =>
    records.map(({ summary, epochs }) => courseOf(nameOf(summary), epochs, read));
  const charts = [
    { title: 'Validation perplexity', courses: courses((row) => row.validPerplexity), isLog: true, fromZero: false },
    { title: 'Validation loss', courses: courses((row) => row.validLoss), isLog: false, fromZero: false },
    {
      title: 'Units alive',
      courses: courses((row) => row.alive.reduce((sum, n) => sum + n, 0)),
      isLog: false,
      fromZero: true,
    },
    { title: 'Parameters', courses: courses((row) => row.parameters), isLog: false, fromZero: true },
    {
      title: 'Tokens or examples per second',
      courses: courses((row) => row.tokensPerSecond ?? row.examplesPerSecond),
      isLog: false,
      fromZero: true,
    },
  ].filter((chart) => chart.courses.some(({ points }) => points.length > 0));
  const differences = differencesOf(records);
  return (
    <>
      <h1>{records.length} runs</h1>
      <div class="scroll">
        <Table {...figuresOf(records)} />
      </div>
      <div class="grid part">
        {charts.map((chart) => (
          <EpochChart key={chart.title} {...chart} />
        ))}
      </div>
      {differences.rows.length > 0 && (
        <>
          <h2>What differs in the configurations</h2>
          <div class="scroll">
            <Table {...differences} />
          </div>
        </>
      )}
    </>
  );
}

/** Figures side by side; a column that no run has a figure for is left out. */
function figuresOf(records: readonly RunRecord[]): DataTable {
  const columns: { head: string; read: (record: RunRecord) => string | undefined }[] = [
    { head: 'run', read: ({ summary }) => nameOf(summary) },
    { head: 'method', read: ({ summary }) => summary.method },
    { head: 'state', read: ({ summary }) => STATES[summary.state] },
    { head: 'epochs', read: ({ summary }) => String(summary.epochs.done) },
    {
      head: 'valid ppl',
      read: (record) => (modelOf(record)?.validPerplexity ?? lastOf(record)?.validPerplexity)?.toFixed(2),
    },
    { head: 'test ppl', read: (record) => modelOf(record)?.testPerplexity?.toFixed(2) },
    {
      head: 'valid loss',
      read: (record) => (record.result?.after?.validLoss ?? lastOf(record)?.validLoss)?.toFixed(4),
    },
    {
      head: 'valid accuracy',
      read: (record) => (record.result?.after?.validAccuracy ?? lastOf(record)?.validAccuracy)?.toFixed(4),
    },
    { head: 'hidden', read: (record) => (modelOf(record)?.hidden ?? lastOf(record)?.alive)?.join(', ') },
    {
      head: 'parameters',
      read: ({ summary: { parameters } }) => (parameters === undefined ? undefined : grouped(parameters)),
    },
  ];
  const shown = columns.filter(({ read }) => records.some((record) => read(record) !== undefined));
  return {
    head: shown.map(({ head }) => head),
    rows: records.map((record) => shown.map(({ read }) => read(record) ?? '–')),
  };
}

function modelOf({ result }: RunRecord): ResultModel | undefined {
  return result?.models.at(-1);
}

function lastOf({ epochs }: RunRecord): EpochRow | undefined {
  return epochs.at(-1);
}

/** Fields of the configurations that are not the same in all runs. */
function differencesOf(records: readonly RunRecord[]): DataTable {
  const fields = [...new Set(records.flatMap(({ config }) => Object.keys(config)))];
  const rows = fields
    .map((field) => [field, ...records.map(({ config }) => JSON.stringify(config[field]) ?? '–')])
    .filter(([, first, ...others]) => others.some((value) => value !== first));
  return { head: ['field', ...records.map(({ summary }) => nameOf(summary))], rows };
}
