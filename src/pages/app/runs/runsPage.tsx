import { useState } from 'preact/hooks';
import { grouped } from '../../../base/format.ts';
import type { RunSummary } from '../../../runs/record.ts';
import { formatScore } from '../../../tasks/score.ts';
import { Problem } from '../../shared/problem.tsx';
import { moment, unbroken } from '../../shared/text.ts';
import { fetchRuns, followRuns, nameOf, unitsOf } from '../api.ts';
import { SelectField } from '../playground/fields.tsx';
import { compareHref, runHref } from '../routes.ts';
import { useFetched } from '../useFetched.ts';
import { inOrder, ORDERS, type OrderName, scoreOf } from './order.ts';

/** Most runs side by side: more lines than colours. */
const MOST_COMPARED = 8;

/** All runs in the folder in an order that can be chosen; with a server the list keeps itself up to date. */
export function RunsPage() {
  const [list, problem] = useFetched(fetchRuns, followRuns);
  const [filter, setFilter] = useState('');
  const [order, setOrder] = useState<OrderName>('newest');
  const [chosen, setChosen] = useState<readonly string[]>([]);
  if (problem !== '') return <Problem message={problem} />;
  if (list === undefined) return <p class="quiet">Reading runs …</p>;
  const { runs, more } = list;
  const wanted = filter.trim().toLowerCase();
  const fits = ({ id, methodLabel, task, state }: RunSummary) => `${id} ${methodLabel} ${task} ${state}`.toLowerCase();
  const shown = inOrder(
    runs.filter((run) => fits(run).includes(wanted)),
    order,
  );
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
          <SelectField label="Order" options={ORDERS} value={order} onChange={({ name }) => setOrder(name)} />
          {chosen.length > 1 ? (
            <a class="button primary" href={compareHref(chosen)}>
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
  const { state, methodLabel, epochs, parameters, alive, modifiedAt } = run;
  const units = unitsOf(run);
  return (
    <li class="card">
      <input type="checkbox" checked={isChosen} onChange={onToggle} aria-label={`Compare ${nameOf(run)}`} />
      <a class="title" href={runHref(run.id)}>
        {nameOf(run)}
      </a>
      <span class={`state ${state}`}>{state}</span>
      <span class="pair">
        <span>{methodLabel}</span>
        <span class="quiet">
          epoch {epochs.done}
          {epochs.all === undefined ? '' : ` of ${epochs.all}`}
        </span>
      </span>
      <span class="pair">
        <span>{figureOf(run)}</span>
        <time class="quiet" dateTime={new Date(modifiedAt).toISOString()}>
          {moment(modifiedAt)}
        </time>
      </span>
      <span class="pair">
        <span>{units ? unbroken(`${units.join(' + ')} units`) : ''}</span>
        <span class="quiet">{parameters === undefined ? '' : unbroken(`${grouped(parameters)} parameters`)}</span>
      </span>
      <Sparkline values={alive} />
    </li>
  );
}

/** The deciding score after the last epoch: 'valid perplexity 99.50'. */
function figureOf(run: RunSummary): string {
  const score = scoreOf(run);
  return score ? unbroken(`${score.split} ${score.kind.name} ${formatScore(score.kind, score.value)}`) : '';
}

/** A line as large as a word: how many units were alive, epoch by epoch, from zero up. */
function Sparkline({ values }: { values: readonly number[] }) {
  if (values.length < 2) return null;
  const [width, height] = [96, 20];
  const most = Math.max(...values, 1);
  const points = values.map((value, i) => {
    const x = (i / (values.length - 1)) * width;
    return `${x.toFixed(1)},${(height - 1 - (value / most) * (height - 2)).toFixed(1)}`;
  });
  return (
    <span class="sparkline">
      <svg viewBox={`0 0 ${width} ${height}`} width={width} height={height} aria-hidden="true">
        <polyline points={points.join(' ')} fill="none" stroke="currentColor" stroke-width="1.5" />
      </svg>
      <span class="quiet">
        units alive {values[0]} → {values.at(-1)}
      </span>
    </span>
  );
}
