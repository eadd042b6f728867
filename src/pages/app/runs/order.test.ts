import { describe, expect, test } from 'vitest';
import { epochRow, type MadeTask, runConfig } from '../../../../test/support/runFolder.ts';
import { epochFrom } from '../../../runs/formats.ts';
import type { RunSummary } from '../../../runs/record.ts';
import { inOrder, type OrderName } from './order.ts';

/** A run as the list has it, whose score is that of so many epochs. */
function summary(id: string, task: MadeTask, epoch: number, more: Partial<RunSummary> = {}): RunSummary {
  const { items, scores } = runConfig(task);
  const last = epoch === 0 ? undefined : epochFrom(epochRow(epoch, {}, task))!;
  return {
    ...{ id, name: id, state: 'finished', task, method: 'dense', methodLabel: 'dense', items, scores, last },
    ...{ epochs: { done: epoch, all: 9 }, alive: [], modifiedAt: epoch, files: [], hasReport: false },
    ...more,
  };
}

describe('inOrder', () => {
  const runs = [
    summary('run-10', 'language-model', 3, { parameters: 50 }),
    summary('run-9', 'language-model', 5, { parameters: 70 }),
    summary('live', 'language-model', 1, { parameters: 60, state: 'running' }),
    summary('class', 'text-classification', 2),
    summary('class-2', 'text-classification', 4),
    summary('none', 'language-model', 0),
  ];

  test.each<[OrderName, string[]]>([
    ['newest', ['live', 'run-9', 'class-2', 'run-10', 'class', 'none']],
    ['name', ['class', 'class-2', 'live', 'none', 'run-9', 'run-10']],
    // Accuracy from the top, perplexity from the bottom, what has neither last.
    ['score', ['class-2', 'class', 'run-9', 'run-10', 'live', 'none']],
    ['size', ['run-10', 'live', 'run-9', 'class', 'class-2', 'none']],
  ])('by %s', (order, ids) => {
    expect(inOrder(runs, order).map(({ id }) => id)).toEqual(ids);
    expect(inOrder([...runs].reverse(), order).map(({ id }) => id)).toEqual(ids);
  });
});
