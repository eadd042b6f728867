import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { heldOut, splitRank } from './holdOut.ts';

const examples = fc.array(
  fc.record({ label: fc.constantFrom('a', 'b', 'c'), text: fc.string({ minLength: 3, maxLength: 8 }) }),
  { minLength: 1, maxLength: 60 },
);

/** The examples that are held out, in words. */
function held(given: readonly { label: string; text: string }[], share: number, seed = 1): string[] {
  const ranks = given.map(({ text }) => splitRank(text, seed));
  const chosen = heldOut(
    given.map(({ label }) => label),
    ranks,
    share,
  );
  return [...chosen].map((i) => `${given[i]!.label} ${given[i]!.text}`).sort();
}

describe('heldOut', () => {
  it('takes the share of each class, at least one where it has two, never all', () => {
    fc.assert(
      fc.property(examples, fc.double({ min: 0.01, max: 0.5, noNaN: true }), (given, share) => {
        const chosen = held(given, share);
        for (const label of ['a', 'b', 'c']) {
          const count = given.filter((e) => e.label === label).length;
          const own = chosen.filter((e) => e.startsWith(label)).length;
          expect(own).toBe(count < 2 ? 0 : Math.min(count - 1, Math.max(1, Math.round(share * count))));
        }
      }),
    );
  });

  it('does not depend on the order of the examples, nor on those of other classes', () => {
    fc.assert(
      fc.property(examples, fc.constantFrom(0.1, 0.3), (given, share) => {
        const all = held(given, share);
        expect(held([...given].reverse(), share)).toEqual(all);
        const own = given.filter((e) => e.label === 'a');
        expect(held(own, share)).toEqual(all.filter((e) => e.startsWith('a')));
      }),
    );
  });

  it('differs with the seed', () => {
    const given = Array.from({ length: 100 }, (_, i) => ({ label: 'a', text: `text ${i}` }));
    expect(held(given, 0.1, 1)).not.toEqual(held(given, 0.1, 2));
  });
});
