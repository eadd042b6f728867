import type { SweepPlan } from '../sweep/plan.ts';
import { plannedEpochs } from '../sweep/rungs.ts';
import { baselines, type RunState } from '../sweep/standings.ts';
import type { SweepEvent } from '../sweep/sweep.ts';
import type { ScoreKind } from '../tasks/score.ts';
import { duration, grouped } from './output.ts';
import { type Display, scoresText } from './progress.ts';

/** Shows a line for every change of a run, and one that says how far the sweep is. */
export function sweepDisplay(plan: SweepPlan, { line, status }: Display): (event: SweepEvent) => void {
  const longest = Math.max(...plan.runs.map(({ name }) => name.length));
  const course = courseOf(plan);
  return (e) => {
    course.note(e);
    const text = eventText(e, plan.scores);
    if (text !== undefined) line('run' in e ? `${plan.runs[e.run]!.name.padEnd(longest)}  ${text}` : text);
    status(course.text);
  };
}

/** Counts what the runs of a sweep are at, and guesses how long they will take. */
function courseOf(plan: SweepPlan) {
  const total = plannedEpochs(
    plan.runs.map(({ config }) => config.epochs),
    plan,
    baselines(plan).filter((is) => is).length,
  );
  const phases = new Map<number, string>();
  const epochs = new Map<number, number>();
  const started = performance.now();
  let trained = 0;
  return {
    note(e: SweepEvent) {
      if (e.kind === 'start') phases.set(e.run, 'training');
      if (e.kind === 'epoch') {
        trained++;
        epochs.set(e.run, e.metrics.epoch);
      }
      if (e.kind === 'state') {
        phases.set(e.run, e.state.kind);
        epochs.set(e.run, 'entry' in e.state ? e.state.entry.epoch : (epochs.get(e.run) ?? 0));
      }
    },
    text() {
      const counts = new Map<string, number>();
      for (const phase of phases.values()) counts.set(phase, (counts.get(phase) ?? 0) + 1);
      const done = [...epochs.values()].reduce((a, b) => a + b, 0);
      const left = (Math.max(total - done, 0) * (performance.now() - started)) / 1e3 / trained;
      const runs = [...counts].map(([phase, n]) => `${n} ${phase}`).join(', ');
      return `${runs}; epoch ${done} of ${total}; ${duration(left)} left`;
    },
  };
}

function eventText(e: SweepEvent, scores: readonly ScoreKind[]): string | undefined {
  switch (e.kind) {
    case 'unbound':
      return `workers are not bound to cores: ${e.reason}`;
    case 'takenOver':
      return e.what;
    case 'timing':
      return `timing the models of ${e.models} finished runs in turn`;
    case 'start':
      return `trains to epoch ${e.until}`;
    case 'restart':
      return `its worker ended (${e.error}); started again (${e.restart})`;
    case 'state':
      return stateText(e.state, scores);
    default:
      return undefined;
  }
}

function stateText(state: RunState, scores: readonly ScoreKind[]): string {
  switch (state.kind) {
    case 'open':
      return `to be trained to epoch ${state.until}`;
    case 'diverged':
    case 'collapsed':
    case 'failed':
      return `${state.kind} after epoch ${state.epochs}: ${state.reason}`;
    default: {
      const { epochs, hidden, parameters, ...entry } = state.entry;
      const units = hidden.length === 0 ? '' : `units ${hidden.join(' ')}, `;
      const standing = `valid ${scoresText(scores, entry.scores)}, ${units}${grouped(parameters)} parameters`;
      return `${state.kind === 'waiting' ? 'stands' : state.kind} after epoch ${epochs}: ${standing}`;
    }
  }
}
