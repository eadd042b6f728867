import { sha256Hex } from '../base/digest.ts';
import { flagName, type Section } from '../base/fields.ts';
import { checkMethod, createMethod, methodOf } from '../methods/registry.ts';
import { optimizerKindOf, optimizerOf } from '../optimizers/registry.ts';
import { scheduleKindOf, scheduleOf } from '../optimizers/schedules/registry.ts';
import type { LoadedTask } from '../tasks/task.ts';
import type { Pressure, TrainParts } from '../train/options.ts';
import { freeFields, type RunConfig, selectors } from './runConfig.ts';
import { warmUpNotes } from './warmUps.ts';

/**
 * What the trainer takes of a configuration: the trainer itself knows no method, optimizer or schedule by name.
 * @example const config = resolveConfig(presets['iss-small'], { tasks });
 *   const task = loadedText(config, corpus);
 *   const { model } = await train({ ...trainParts(config), ...taskParts(task), runtime });
 */
export function trainParts(config: RunConfig): TrainParts {
  const { method, optimizer, schedule } = config;
  const kind = methodOf(method);
  const determining = Object.entries(config).filter(([field]) => !freeFields.has(field));
  return {
    settings: config,
    digest: sha256Hex(JSON.stringify(Object.fromEntries(determining))),
    method: {
      isDense: kind.name === 'dense' && method.keepZeros !== true,
      embeddings: kind.groupsEmbeddings?.(method) ?? false,
      pressure: pressureOf(method),
      check: (first) => checkMethod(method, first),
      create: (context) => createMethod(method, context),
    },
    createOptimizer: (state) => optimizerOf(optimizer, state),
    schedule: scheduleOf(schedule, config),
    notes: (run) => warmUpNotes(config, run),
    needsScores: [
      ...(optimizerKindOf(optimizer).needsScores ? [`${flagName(selectors.optimizer)} ${optimizer.kind}`] : []),
      ...(scheduleKindOf(schedule).needsScores ? [`${flagName(selectors.schedule)} ${schedule.kind}`] : []),
      ...(config.patience === undefined ? [] : [flagName('patience')]),
      ...(config.keepBest ? [flagName('keepBest')] : []),
    ],
  };
}

function pressureOf(method: Section): Pressure | undefined {
  const { lambda: field, isStructural } = methodOf(method);
  const lambda = field === undefined ? undefined : method[field];
  return typeof lambda === 'number' && lambda > 0 ? { flag: flagName(field!), lambda, isStructural } : undefined;
}

/** What the trainer takes of a task with its data. */
export function taskParts({ problem, model, states, isImported }: LoadedTask) {
  return { problem, model: model(), states, verifiesShrinks: isImported };
}
