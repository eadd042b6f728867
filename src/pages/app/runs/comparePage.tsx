import { useEffect, useState } from 'preact/hooks';
import { grouped } from '../../../format.ts';
import type { EpochRow, RunRecord } from '../../../runs/record.ts';
import { courseOf, EpochChart } from '../../shared/courseCharts.tsx';
import { Table } from '../../shared/table.tsx';
import { fetchRun } from '../api.ts';
import { nameOf } from './describe.ts';

/** Several runs side by side: figures in a table, curves over each other. */
export function ComparePage({ ids }: { ids: readonly string[] }) {
  const [records, setRecords] = useState<readonly RunRecord[]>();
  const [problem, setProblem] = useState('');
  useEffect(() => {
    Promise.all(ids.map(fetchRun)).then(setRecords, (error: unknown) =>
      setProblem(error instanceof Error ? error.message : String(error)),
    );
  }, [ids]);
  if (problem !== '')
    return (
      <p role="alert" class="problem">
        {problem}
      </p>
    );
  if (records === undefined) return <p class="quiet">Reading {ids.length} runs …</p>;
  const courses = (read: (row: EpochRow) => number | undefined) =>
    records
      .map(({ summary, epochs }) => courseOf(nameOf(summary), epochs, read))
      .filter(({ points }) => points.length > 0);
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
  ].filter((chart) => chart.courses.length > 0);
  return (
    <>
      <h1>{records.length} runs</h1>
      <div class="scroll">
        <Table
          head={['run', 'method', 'state', 'epochs', 'valid ppl', 'test ppl', 'hidden', 'parameters']}
          rows={records.map(rowOf)}
        />
      </div>
      <div class="grid part">
        {charts.map((chart) => (
          <EpochChart key={chart.title} {...chart} />
        ))}
      </div>
    </>
  );
}

function rowOf({ summary, epochs, result }: RunRecord): string[] {
  const last = epochs.at(-1);
  const model = result?.models.at(-1);
  const parameters = model?.parameters ?? last?.parameters;
  return [
    nameOf(summary),
    summary.method,
    summary.state,
    String(summary.epochs.done),
    (model?.validPerplexity ?? last?.validPerplexity)?.toFixed(2) ?? '–',
    model?.testPerplexity?.toFixed(2) ?? '–',
    (model?.hidden ?? last?.alive ?? []).join(', '),
    parameters === undefined ? '–' : grouped(parameters),
  ];
}
