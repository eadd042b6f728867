import { grouped } from '../../base/format.ts';
import type { Model } from '../../graph/types.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import type { NamedArrays } from '../arrays/examples.ts';
import { loadedImported } from '../arrays/loadedArrays.ts';
import { readPaddingNotes } from '../arrays/paddingNotes.ts';
import type { LoadedTask, TaskConfig } from '../task.ts';
import { type DistillationFields, readTaskFields } from './definition.ts';
import { type DistillationData, type Lesson, type Lessons, prepareLessons } from './lessons.ts';
import { distillationProblem } from './problem.ts';

/**
 * A student, its teacher and inputs that are in memory already. The teacher runs on all of them once. Throws UsageError
 * where they do not fit together.
 * @example const task = await loadedDistillation(config, { student, teacher, data: { train } }, nodeRuntime);
 */
export async function loadedDistillation(
  config: TaskConfig,
  given: DistillationData,
  runtime: Runtime,
): Promise<LoadedTask> {
  const { batch, threads, task } = config;
  return loadedLessons(config, await prepareLessons(given, readTaskFields(task), { runtime, batch, threads }));
}

/** The same with a teacher that has spoken. */
export function loadedLessons(config: TaskConfig, lessons: Lessons): LoadedTask {
  const { student: model, wiring: fields, data, train, valid } = lessons;
  const sets: [NamedArrays, Lesson][] = [[data.train, train]];
  if (data.valid && valid) sets.push([data.valid, valid]);
  const notes = sets.flatMap(([named, lesson]) => stepNotes(model, fields, named, lesson));
  return loadedImported(
    { model, data, fields, config, withBatch: (batch) => distillationProblem(lessons, batch) },
    notes,
  );
}

/** What does not count, and padding that the student reads all the same. */
function stepNotes(
  { graph }: Model,
  fields: DistillationFields,
  named: NamedArrays,
  { taught, counts }: Lesson,
): string[] {
  const left = counts.map((all) => all.filter((counted) => counted === 0).length);
  const isLeftOut = left.every((count) => count > 0);
  return [
    ...taught.flatMap(({ name }, i) => {
      const share = `${grouped(left[i]!)} of ${grouped(counts[i]!.length)} places`;
      const note = `note: ${named.source}: ${share} of '${name}' are beyond the lengths of their examples and do not count`;
      return left[i] === 0 ? [] : [note];
    }),
    ...readPaddingNotes(graph, named, fields, isLeftOut),
  ];
}
