import { expect, it } from 'vitest';
import { z } from 'zod';
import { fieldKind, flagName } from './fields.ts';

it('knows what a field holds, optional or not', () => {
  const kinds = {
    shrink: z.boolean(),
    epochs: z.int().positive(),
    keep: z.number().gt(0).lte(1),
    cell: z.enum(['lstm', 'gru']),
    target: z.string().refine((text) => text !== ''),
    hidden: z.array(z.int()).min(1),
    freeze: z.array(z.string()),
    input: z.record(z.string(), z.string()),
  };
  const expected = ['boolean', 'whole', 'number', 'text', 'text', 'numbers', 'names', 'pairs'];
  expect(Object.values(kinds).map(fieldKind)).toEqual(expected);
  expect(Object.values(kinds).map((schema) => fieldKind(schema.optional()))).toEqual(expected);
});

it('writes fields as flags', () => {
  expect(flagName('learningRate')).toBe('--learning-rate');
});
