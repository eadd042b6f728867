import { type Optimizer, optimizerKind } from 'slimrnn';

/**
 * signSGD (Bernstein et al. 2018): every weight moves by the learning rate against the sign of its gradient,
 *   d = sign(g).
 */
export function signDescent(): Optimizer {
  return {
    name: 'sign',
    slots: [],
    direction(_kernels, { gradient: { data } }) {
      for (let i = 0; i < data.length; i++) data[i] = Math.sign(data[i]!);
    },
  };
}

/** `--optimizer sign` */
export const signKind = optimizerKind({
  name: 'sign',
  about: 'every weight moves by the learning rate against the sign of its gradient',
  fields: {},
  defaults: {},
  usualRate: 1e-3,
  usualThreshold: (rate) => rate,
  create: () => signDescent(),
});
