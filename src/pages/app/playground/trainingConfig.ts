import { resolveConfig } from '../../../config/resolve.ts';
import type { RunConfig } from '../../../config/runConfig.ts';
import { optimizers } from '../../../optimizers/registry.ts';
import { languageModelDefinition } from '../../../tasks/language-model/definition.ts';
import type { TrainingChoice } from './protocol.ts';

/** The small preset with what the person chose; throws UsageError for what does not fit. */
export function trainingConfig({ text: _, hidden, optimizer, schedule, ...choice }: TrainingChoice): RunConfig {
  const { epochs, learningRate } = choice;
  return resolveConfig(
    {
      ...choice,
      hidden: [...hidden],
      embedding: Math.max(...hidden),
      optimizer,
      threshold: optimizers[optimizer].usualThreshold(learningRate),
      schedule,
      ...(schedule === 'step' && { flatEpochs: Math.ceil(epochs / 2) }),
      shrinkEvery: 50,
      checkpointEvery: Number.MAX_SAFE_INTEGER,
    },
    { source: 'these settings', base: languageModelDefinition.presets['iss-small'], tasks: [languageModelDefinition] },
  );
}
