import { UsageError } from '../base/errors.ts';
import type { Settings } from '../base/fields.ts';
import { losses } from '../tasks/arrays/losses.ts';

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

/** Throws a UsageError that names what a command still needs to score an imported model. */
export function requireScoring(command: string, settings: Settings): void {
  // Settings that a run wrote have the fields of its task with it.
  if (typeof settings.task === 'object') return;
  if (settings.loss === undefined) throw new UsageError(`${command} needs --loss ${Object.keys(losses).join(' or ')}`);
  if (settings.targetArray === undefined) throw new UsageError(`${command} needs --target-array ARRAY`);
}
