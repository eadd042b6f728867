import type { Settings } from '../base/fields.ts';
import { selectors } from '../config/runConfig.ts';
import { optimizers } from '../optimizers/registry.ts';
import { schedules } from '../optimizers/schedules/registry.ts';
import type { TaskDefinition } from '../tasks/task.ts';

/*
 * What fields are when nobody says them, in words for the help. It depends on the task, and for some of them on the
 * optimizer.
 */

/** For what (a task, an optimizer, a schedule) a field has a value. */
type Case = readonly [of: string, value: unknown];

const optimizerKinds = Object.values(optimizers);

/** `0.5`, or `6 for text-classification; 10 for arrays`; undefined where presets alone say it, and for switches. */
export function defaultText(field: string, tasks: readonly TaskDefinition[]): string | undefined {
  const owners = tasks.filter((task) => hasField(task, field));
  const ofTasks = (owners.length > 0 ? owners : tasks).flatMap((task) => casesOf(field, task));
  const cases = ofTasks.some(([, value]) => value !== undefined) ? ofTasks : kindCases(field);
  const byValue = new Map<string, Set<string>>();
  for (const [of, value] of cases) {
    if (value === undefined || typeof value === 'boolean') continue;
    byValue.set(String(value), (byValue.get(String(value)) ?? new Set()).add(of));
  }
  const [only] = byValue.keys();
  if (byValue.size === 1 && cases.every(([, value]) => value !== undefined)) return only;
  const texts = [...byValue].map(([value, of]) => `${value} for ${[...of].join(', ')}`);
  return texts.length === 0 ? undefined : texts.join('; ');
}

/** Whether a switch is on when nobody says it. */
export function isOnByDefault(field: string, tasks: readonly TaskDefinition[]): boolean {
  return tasks.some((task) => defaultsOf(task).get(undefined)![field] === true);
}

function hasField({ fields, models }: TaskDefinition, field: string): boolean {
  return [fields, ...models.map((model) => model.fields)].some((shape) => field in shape);
}

/** The default of a task, or of each optimizer where it depends on that. */
function casesOf(field: string, task: TaskDefinition): Case[] {
  const defaults = defaultsOf(task);
  const byOptimizer = optimizerKinds.map(({ name }): Case => [name, defaults.get(name)![field]]);
  const depends = field !== selectors.optimizer && byOptimizer.some(([, value]) => value !== byOptimizer[0]![1]);
  return depends ? byOptimizer : [[task.name, defaults.get(undefined)![field] ?? firstKinds(task)[field]]];
}

const known = new WeakMap<TaskDefinition, ReadonlyMap<string | undefined, Settings>>();

/** The defaults of a task by the optimizer that somebody says, and where nobody does. */
function defaultsOf(task: TaskDefinition): ReadonlyMap<string | undefined, Settings> {
  const found = known.get(task);
  if (found) return found;
  const said = [undefined, ...optimizerKinds.map(({ name }) => name)];
  const defaults = new Map(said.map((name) => [name, task.defaults(name === undefined ? {} : { optimizer: name })]));
  known.set(task, defaults);
  return defaults;
}

/** What is chosen of each part when nobody says it. */
function firstKinds({ models }: TaskDefinition): Settings {
  return {
    [selectors.model]: models.length > 1 ? models[0]!.name : undefined,
    [selectors.optimizer]: optimizerKinds[0]!.name,
    [selectors.schedule]: Object.keys(schedules)[0],
  };
}

/** The defaults that optimizers or schedules have for a field of their own. */
function kindCases(field: string): Case[] {
  const kinds: readonly { readonly name: string; readonly defaults: Settings }[] = [
    ...optimizerKinds,
    ...Object.values(schedules),
  ];
  return kinds.filter(({ defaults }) => field in defaults).map(({ name, defaults }): Case => [name, defaults[field]]);
}
