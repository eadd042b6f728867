import { z } from 'zod';
import type { FieldValues } from '../kind.ts';
import { decayField, rateField, scheduleKind, warmupField, withWarmup } from './kind.ts';
import type { Schedule } from './schedule.ts';

const fields = {
  ...rateField,
  ...decayField,
  flatEpochs: z.int().nonnegative().describe('epochs before the rate decays at every epoch'),
  decayEvery: z
    .int()
    .nonnegative()
    .describe('decay once every so many epochs instead (0: every epoch, after --flat-epochs)'),
};

/**
 * The rate decays between epochs (Zaremba et al. 2014): in epoch e it is η · γ^k, where k = max(e + 1 − flat epochs, 0),
 * or ⌊e / n⌋ to decay once every n epochs.
 */
export function step({ learningRate, decay, flatEpochs, decayEvery }: FieldValues<typeof fields>): Schedule {
  return {
    rate({ epoch }) {
      const decays = decayEvery > 0 ? Math.floor(epoch / decayEvery) : Math.max(epoch + 1 - flatEpochs, 0);
      return learningRate * decay ** decays;
    },
  };
}

/** The step schedule with its fields. */
export const stepKind = scheduleKind({
  name: 'step',
  about: 'the learning rate falls by a factor between epochs',
  fields: { ...fields, ...warmupField },
  defaults: { decay: 1, flatEpochs: 1, decayEvery: 0, warmup: 0 },
  create: ({ warmup, ...fields }) => withWarmup(step(fields), warmup),
});
