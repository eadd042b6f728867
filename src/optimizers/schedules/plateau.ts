import { z } from 'zod';
import type { FieldValues } from '../kind.ts';
import { decayField, floorField, rateField, scheduleKind, warmupField, withWarmup } from './kind.ts';
import type { Schedule } from './schedule.ts';

const fields = {
  ...rateField,
  ...decayField,
  ...floorField,
  plateauPatience: z.int().positive().describe('epochs without a better score before the learning rate decays'),
};

/**
 * The rate decays whenever so many epochs in a row had no better score than the best before them, down to a floor.
 * It is read off the scores anew at each update; without scores it never decays.
 */
export function plateau({ learningRate, decay, minRate, plateauPatience }: FieldValues<typeof fields>): Schedule {
  const floor = Math.min(minRate, learningRate);
  return {
    rate({ history }) {
      let [best, waited, decays] = [Number.POSITIVE_INFINITY, 0, 0];
      for (const score of history) {
        waited = score < best ? 0 : waited + 1;
        if (score < best) best = score;
        if (waited === plateauPatience) [waited, decays] = [0, decays + 1];
      }
      return Math.max(floor, learningRate * decay ** decays);
    },
  };
}

/** The plateau schedule with its fields. */
export const plateauKind = scheduleKind({
  name: 'plateau',
  about: 'the learning rate falls by a factor when the score on held-out data stops falling',
  fields: { ...fields, ...warmupField },
  defaults: { decay: 0.5, minRate: 0, plateauPatience: 2, warmup: 0 },
  needsScores: true,
  create: ({ warmup, ...fields }) => withWarmup(plateau(fields), warmup),
});
