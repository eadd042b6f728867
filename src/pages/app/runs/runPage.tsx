import { duration, fileSize, grouped } from '../../../base/format.ts';
import type { RunLive, RunRecord } from '../../../runs/record.ts';
import { ConfigTable } from '../../shared/configTable.tsx';
import { CourseCharts } from '../../shared/courseCharts.tsx';
import { NormHistograms } from '../../shared/normHistogram.tsx';
import { Problem } from '../../shared/problem.tsx';
import { Table } from '../../shared/table.tsx';
import { fileUrl } from '../api.ts';
import { nameOf, STATES } from './describe.ts';
import { useRun } from './useRun.ts';

/** One run: where it is, how it went, its files. */
export function RunPage({ id }: { id: string }) {
  const run = useRun(id);
  switch (run.kind) {
    case 'loading':
      return <p class="quiet">Reading the run …</p>;
    case 'failed':
      return <Problem message={run.message} />;
    case 'there':
      return <RunDetails record={run.record} />;
  }
}

function RunDetails({ record }: { record: RunRecord }) {
  const { summary, config, epochs, live, problems, truncated } = record;
  const layers = (epochs[0]?.units ?? []).map((_, i) => `layer ${i + 1}`);
  const threshold = typeof config.threshold === 'number' ? config.threshold : undefined;
  return (
    <>
      <h1>{nameOf(summary)}</h1>
      <p>
        <span class={`state ${summary.state}`} role="status">
          {STATES[summary.state]}
        </span>{' '}
        <span class="quiet">
          {summary.method} · epoch {epochs.at(-1)?.epoch ?? 0}
          {summary.epochs.all === undefined ? '' : ` of ${summary.epochs.all}`}
        </span>
      </p>
      {live && <LiveNow live={live} />}
      {problems.map((problem) => (
        <p key={problem} class="problem">
          {problem}
        </p>
      ))}
      <Files record={record} />
      {record.result && <Models record={record} />}
      {truncated && <p class="quiet small">The run has more epochs than are shown here: these are the last ones.</p>}
      <h2>Training</h2>
      <CourseCharts rows={epochs} layers={layers} />
      {summary.method !== 'dense' && epochs.length > 0 && (
        <>
          <h2>Group norms</h2>
          <NormHistograms rows={epochs} layers={layers} threshold={threshold} />
        </>
      )}
      <ConfigTable config={config} />
    </>
  );
}

function LiveNow({ live }: { live: RunLive }) {
  const { epoch, epochs, share, metric, speed, secondsLeft, alive, units } = live;
  const facts = [
    `epoch ${epoch} of ${epochs}`,
    `training ${metric.name} ${metric.value.toFixed(metric.name === 'loss' ? 4 : 2)}`,
    speed === undefined ? '' : `${grouped(speed)} ${metric.name === 'loss' ? 'examples' : 'tokens'} per second`,
    `units ${alive.map((n, i) => (n === units[i] ? String(n) : `${n} of ${units[i]}`)).join(' + ')}`,
    secondsLeft === undefined ? '' : `${duration(secondsLeft)} left`,
  ].filter((fact) => fact !== '');
  return (
    <div class="card" data-testid="live">
      <progress value={epoch - 1 + share} max={epochs} aria-label="Training" />
      <p class="small">{facts.join(' · ')}</p>
    </div>
  );
}

/** What can be had of a run: models first, then what they came from. */
function Files({ record: { summary } }: { record: RunRecord }) {
  const files = summary.files.filter((name) => name !== 'report.html');
  return (
    <p class="fields">
      {summary.hasReport && (
        <a class="button" href={fileUrl(summary.id, 'report.html')}>
          Report
        </a>
      )}
      {summary.folderReport !== undefined && (
        <a class="button" href={fileUrl(summary.folderReport, 'report.html')}>
          Report of {summary.folderReport === '' ? 'all runs' : summary.folderReport}
        </a>
      )}
      {files.map((name) => (
        <a key={name} class="button" href={fileUrl(summary.id, name)} download={`${summary.name}-${name}`}>
          {name}
        </a>
      ))}
      {!summary.hasReport && summary.folderReport === undefined && summary.state === 'finished' && (
        <span class="quiet small">
          <code>slimrnn report</code> makes a report with weight maps and latencies.
        </span>
      )}
    </p>
  );
}

function Models({ record: { result } }: { record: RunRecord }) {
  const { models, seconds, verify } = result!;
  return (
    <>
      <div class="scroll">
        <Table
          head={['model', 'valid ppl', 'test ppl', 'hidden', 'parameters', 'multiply-adds', 'file']}
          rows={models.map((m) => [
            m.name,
            m.validPerplexity?.toFixed(2) ?? '–',
            m.testPerplexity?.toFixed(2) ?? '–',
            m.hidden.join(', '),
            grouped(m.parameters),
            grouped(m.multiplyAdds),
            fileSize(m.bytes),
          ])}
        />
      </div>
      <p class="quiet small">
        Trained for {duration(seconds)}.
        {verify &&
          (verify.maxAbsDifference === 0
            ? ` The slim model gave the same outputs on ${verify.batches} windows, to the last bit.`
            : ` The slim model agrees within ${verify.maxRelativeDifference.toExponential(1)} on ${verify.batches} windows.`)}
      </p>
    </>
  );
}
