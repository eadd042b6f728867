import { expect, it } from 'vitest';
import { rankingFrom } from './rankFlags.ts';

it('ranks cuts by activity where there are inputs, everything else by norm', () => {
  const flags = { compensate: true };
  expect(rankingFrom(flags, true, true)).toBe('activity');
  expect(rankingFrom(flags, true, false)).toBe('norm');
  expect(rankingFrom(flags, false, true)).toBe('norm');
  expect(rankingFrom({ ...flags, rank: 'lamp' }, true, true)).toBe('lamp');
  expect(rankingFrom({ ...flags, rank: 'taylor' }, true, true)).toBe('taylor');
});

it('refuses a ranking of nothing, and one that lacks inputs', () => {
  const asked = { compensate: true, rank: 'activity' } as const;
  expect(() => rankingFrom(asked, true, false)).toThrow(
    /^--rank activity looks at what units do on inputs; give some \(--inputs FILE\)$/,
  );
  expect(() => rankingFrom({ ...asked, rank: 'taylor' }, true, false)).toThrow(/^--rank taylor looks at/);
  expect(() => rankingFrom(asked, false, true)).toThrow(/^--rank says which units a cut removes; give --keep/);
});

it('refuses --no-compensate without inputs', () => {
  expect(rankingFrom({ compensate: false }, true, true)).toBe('activity');
  expect(() => rankingFrom({ compensate: false }, true, false)).toThrow(/^--no-compensate is for cuts .*--inputs FILE/);
});
