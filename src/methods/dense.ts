import { defineMethod } from './kind.ts';

/** Training without anything that makes weights vanish. */
export const denseKind = defineMethod({
  name: 'dense',
  label: 'dense',
  selector: undefined,
  fields: {},
  isAskedFor: () => true,
  isStructural: false,
  keepsZeros: false,
  describe: () => 'dense',
  create: () => undefined,
});
