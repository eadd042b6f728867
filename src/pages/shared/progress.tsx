import { duration, grouped, rounded } from '../../base/format.ts';
import type { RunLive } from '../../runs/record.ts';
import { formatScore, type ScoreKind } from '../../tasks/score.ts';
import { unbroken } from './text.ts';

interface ProgressProps {
  readonly live: Omit<RunLive, 'updatedAt'>;
  readonly scores: readonly ScoreKind[];
  /** What is counted: 'tokens', 'examples'. */
  readonly items: string;
}

/** Where a training is: a bar, and figures so far. */
export function Progress({ live, scores, items }: ProgressProps) {
  const { epoch, epochs, share, score, itemsPerSecond, secondsLeft, alive, units } = live;
  const kind = scores.find(({ name }) => name === score.name);
  const ofUnits = alive.map((n, i) => (n === units[i] ? String(n) : `${n} of ${units[i]}`));
  const facts = [
    `epoch ${epoch} of ${epochs}`,
    `training ${score.name} ${kind ? formatScore(kind, score.value) : rounded(score.value)}`,
    itemsPerSecond !== undefined && `${grouped(itemsPerSecond)} ${items} per second`,
    alive.length > 0 && `units ${ofUnits.join(' + ')}`,
    secondsLeft !== undefined && `${duration(secondsLeft)} left`,
  ].filter((fact) => fact !== false);
  return (
    <>
      <progress value={epoch - 1 + share} max={epochs} aria-label="Training" />
      <p class="small">{facts.map(unbroken).join(' · ')}</p>
    </>
  );
}
