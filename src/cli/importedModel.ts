import { UsageError } from '../base/errors.ts';
import { flagName, type Settings } from '../base/fields.ts';
import { losses } from '../tasks/arrays/losses.ts';
import { arraysTask } from '../tasks/arrays/task.ts';
import { distillationTask } from '../tasks/distillation/task.ts';

/** A size to reach, even one that is none, such as `units=3`: no array is meant. */
const GOAL = /^(units|params)=[-+.\d]/;

/** `--target y` names the array of targets (`y=output`: and the output), unless it is a size to reach (`units=0.3`). */
export function withTargets(said: Settings): Settings {
  const { target, targetArray, ...rest } = said;
  const isGoal = typeof target === 'string' && (targetArray !== undefined || GOAL.test(target));
  const named = targetArray ?? (isGoal ? undefined : target);
  const goal = isGoal ? { target } : {};
  if (typeof named !== 'string') return { ...rest, ...goal };
  const at = named.indexOf('=');
  const [array, output] = at < 0 ? [named, undefined] : [named.slice(0, at), named.slice(at + 1)];
  return { ...rest, ...goal, targetArray: array, ...(output !== undefined && { output }) };
}

/** The tasks of imported models: targets from an array, or from a teacher. */
export const importedTasks = [arraysTask, distillationTask] as const;

/**
 * Settings that choose the task of an imported model: to follow a teacher, where one is given. Throws a UsageError that
 * names what a command still needs, and what does not go with a teacher or without one.
 */
export function importedTask(command: string, settings: Settings, teacher: string | undefined): Settings {
  const { task } = settings;
  // Settings that a run wrote have the fields of its task with it.
  if (typeof task === 'object') return {};
  if (teacher !== undefined) requireTaught(settings);
  else if (task !== distillationTask.name) requireScoring(command, settings);
  return { task: teacher === undefined ? arraysTask.name : distillationTask.name };
}

/** Throws a UsageError where a teacher is given to a task that follows none. */
export function refuseTeacher(task: string, teacher: string | undefined): void {
  if (teacher === undefined || task === distillationTask.name) return;
  throw new UsageError(`--teacher needs --task ${distillationTask.name}, not ${task}`);
}

function requireTaught(settings: Settings): void {
  const { task } = settings;
  const given = Object.keys(arraysTask.fields).filter(
    (field) => settings[field] !== undefined && !(field in distillationTask.fields),
  );
  const isOther = task !== undefined && task !== distillationTask.name;
  const flags = [...(isOther ? [`--task ${String(task)}`] : []), ...given.map(flagName)];
  if (flags.length === 0) return;
  throw new UsageError(
    `${flags.join(' and ')} ${flags.length > 1 ? 'are' : 'is'} for targets from an array, and with --teacher they are its ` +
      'outputs; give one of them',
  );
}

function requireScoring(command: string, settings: Settings): void {
  const alone = Object.keys(distillationTask.fields).find(
    (field) => settings[field] !== undefined && !(field in arraysTask.fields),
  );
  if (alone !== undefined)
    throw new UsageError(`${flagName(alone)} needs --teacher FILE with the model that is followed`);
  if (settings.loss === undefined) throw new UsageError(`${command} needs --loss ${Object.keys(losses).join(' or ')}`);
  if (settings.targetArray === undefined) throw new UsageError(`${command} needs --target-array ARRAY`);
}
