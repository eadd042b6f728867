import { floorField, rateField, scheduleKind, warmupField, withWarmup } from './kind.ts';
import type { Schedule } from './schedule.ts';

/**
 * Half a wave of the cosine from η down to a floor, update by update (Loshchilov and Hutter 2017, equation 5, without
 * restarts): η_min + (η − η_min) (1 + cos πp) / 2, where p is the share of the run that is done.
 */
export function cosine(learningRate: number, minRate: number, epochs: number): Schedule {
  const floor = Math.min(minRate, learningRate);
  return {
    rate({ epoch, share }) {
      const done = (epoch + share) / epochs;
      return floor + ((learningRate - floor) * (1 + Math.cos(Math.PI * done))) / 2;
    },
  };
}

/** The cosine schedule with its fields. */
export const cosineKind = scheduleKind({
  name: 'cosine',
  about: 'the learning rate falls along half a cosine, update by update',
  fields: { ...rateField, ...floorField, ...warmupField },
  defaults: { minRate: 0, warmup: 0 },
  create: ({ learningRate, minRate, warmup }, { epochs }) => withWarmup(cosine(learningRate, minRate, epochs), warmup),
});
