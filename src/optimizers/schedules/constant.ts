import { rateField, scheduleKind, warmupField, withWarmup } from './kind.ts';

/** η all along. */
export const constantKind = scheduleKind({
  name: 'constant',
  about: 'the same learning rate all along',
  fields: { ...rateField, ...warmupField },
  defaults: { warmup: 0 },
  create: ({ learningRate, warmup }) => withWarmup({ rate: () => learningRate }, warmup),
});
