import { SlimError } from '../../base/errors.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { loadedImported, modelFor } from '../arrays/loadedArrays.ts';
import type { LoadedTask, TaskConfig } from '../task.ts';
import { readTaskFields } from './definition.ts';
import { distillationProblem, type Lessons } from './problem.ts';

/**
 * A student, its teacher and inputs that are in memory already. The teacher runs on all of them once. Throws UsageError
 * where they do not fit together.
 * @example const task = await loadedDistillation(config, { student, teacher, data: { train } }, nodeRuntime);
 */
export async function loadedDistillation(
  config: TaskConfig,
  { student, teacher, data }: Lessons,
  runtime: Runtime,
): Promise<LoadedTask> {
  const fields = readTaskFields(config.task);
  const model = modelFor(student, fields);
  const lessons = { student: model, teacher: teacherFor(teacher, fields), data };
  const problem = await distillationProblem(lessons, fields, { runtime, batch: config.batch });
  return loadedImported({ model, data, fields, problem, config }, []);
}

/** The teacher for the same values and sizes; one that has them already has no such inputs any more. */
function teacherFor(teacher: Lessons['teacher'], fields: Parameters<typeof modelFor>[1]) {
  try {
    return modelFor(teacher, fields);
  } catch (error) {
    if (error instanceof SlimError) return modelFor(teacher, {});
    throw error;
  }
}
