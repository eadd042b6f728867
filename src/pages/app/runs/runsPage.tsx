import { useState } from 'preact/hooks';
import { grouped } from '../../../base/format.ts';
import type { RunSummary } from '../../../runs/record.ts';
import { formatScore } from '../../../tasks/score.ts';
import { Problem } from '../../shared/problem.tsx';
import { fetchRuns, followRuns, nameOf } from '../api.ts';
import { compareHref, runHref } from '../routes.ts';
import { useFetched } from '../useFetched.ts';

/** Most runs side by side: more lines than colours. */
const MOST_COMPARED = 8;

/** All runs in the folder, newest first; with a server the list keeps itself up to date. */
export function RunsPage() {
  const [list, problem] = useFetched(fetchRuns, followRuns);
  const [filter, setFilter] = useState('');
  const [chosen, setChosen] = useState<readonly string[]>([]);
  if (problem !== '') return <Problem message={problem} />;
  if (list === undefined) return <p class="quiet">Reading runs …</p>;
  const { runs, more } = list;
  const wanted = filter.trim().toLowerCase();
  const shown = runs
    .filter((run) => `${run.id} ${run.methodLabel} ${run.task} ${run.state}`.toLowerCase().includes(wanted))
    .sort((a, b) => Number(b.state === 'running') - Number(a.state === 'running') || b.modifiedAt - a.modifiedAt);
  const toggle = (id: string) =>
    setChosen((ids) => (ids.includes(id) ? ids.filter((other) => other !== id) : [...ids, id].slice(-MOST_COMPARED)));
  return (
    <>
      <h1>Runs</h1>
      {runs.length === 0 ? (
        <p>
          There is no run in this folder yet. <code>npx slimrnn demo</code> makes two.
        </p>
      ) : (
        <div class="fields">
          <label>
            Filter by name, method, task or state
            <input type="search" value={filter} onInput={({ currentTarget }) => setFilter(currentTarget.value)} />
          </label>
          {chosen.length > 1 ? (
            <a class="button" href={compareHref(chosen)}>
              Compare {chosen.length} runs
            </a>
          ) : (
            <span class="quiet small">Tick two runs or more to compare them.</span>
          )}
        </div>
      )}
      {more !== undefined && <p class="quiet">{more}.</p>}
      <ul class="runs">
        {shown.map((run) => (
          <RunItem key={run.id} run={run} isChosen={chosen.includes(run.id)} onToggle={() => toggle(run.id)} />
        ))}
      </ul>
      {runs.length > 0 && shown.length === 0 && <p class="quiet">No run fits the filter.</p>}
    </>
  );
}

function RunItem({ run, isChosen, onToggle }: { run: RunSummary; isChosen: boolean; onToggle: () => void }) {
  const { state, methodLabel, epochs, last, parameters, alive } = run;
  return (
    <li class="card">
      <input type="checkbox" checked={isChosen} onChange={onToggle} aria-label={`Compare ${nameOf(run)}`} />
      <a class="title" href={runHref(run.id)}>
        {nameOf(run)}
      </a>
      <span class={`state ${state}`}>{state}</span>
      <span class="quiet small">{methodLabel}</span>
      <span class="quiet small">
        epoch {epochs.done}
        {epochs.all === undefined ? '' : ` of ${epochs.all}`}
      </span>
      <span class="small">{figureOf(run)}</span>
      <span class="small">{last ? `${last.alive.join(' + ')} units` : ''}</span>
      <span class="quiet small">{parameters === undefined ? '' : `${grouped(parameters)} parameters`}</span>
      <Sparkline values={alive} label="Units alive by epoch" />
    </li>
  );
}

/** The deciding score after the last epoch: 'valid perplexity 99.50'. */
function figureOf({ last, scores: [kind] }: RunSummary): string {
  const [split, value] =
    kind && last?.valid?.[kind.name] !== undefined
      ? ['valid', last.valid[kind.name]]
      : ['training', kind && last?.train[kind.name]];
  return kind === undefined || value === undefined ? '' : `${split} ${kind.name} ${formatScore(kind, value)}`;
}

/** A line as large as a word: how values went, from zero up. */
function Sparkline({ values, label }: { values: readonly number[]; label: string }) {
  if (values.length < 2) return null;
  const [width, height] = [96, 20];
  const most = Math.max(...values, 1);
  const points = values.map((value, i) => {
    const x = (i / (values.length - 1)) * width;
    return `${x.toFixed(1)},${(height - 1 - (value / most) * (height - 2)).toFixed(1)}`;
  });
  return (
    <svg
      class="sparkline"
      viewBox={`0 0 ${width} ${height}`}
      width={width}
      height={height}
      role="img"
      aria-label={label}
    >
      <polyline points={points.join(' ')} fill="none" stroke="currentColor" stroke-width="1.5" />
    </svg>
  );
}
