import { describe, expect, it } from 'vitest';
import { matricesOf, methodFor, UPDATES } from '../../test/support/methods.ts';
import { nothingMoves, type PlainMatrix, plainMatrix } from '../../test/support/plainMatrix.ts';
import type { Settings } from '../base/fields.ts';
import { randomStream, uniform } from '../base/random.ts';
import { type MagnitudeOptions, magnitude } from './magnitude.ts';

const SIZE = 1200;
const SHARE = 0.85;
const [FROM, TO, EVERY] = [10, 57, 5];

const fresh = () => plainMatrix('w', [30, 40], uniform(SIZE, 1, randomStream(1)));
const method = (options: Partial<MagnitudeOptions> = {}) =>
  magnitude({
    parameters: new Set(['w']),
    sizes: new Map([['w', SIZE]]),
    schedule: 'cubic',
    share: SHARE,
    from: FROM,
    to: TO,
    every: EVERY,
    ...options,
  });

const zeros = ({ weights }: PlainMatrix) => weights.reduce((n, w) => n + (w === 0 ? 1 : 0), 0);
const done = (t: number) => ({ update: t - 1, step: 1, ...nothingMoves });
const isPruned = (t: number) => t >= FROM && t <= TO && ((t - FROM) % EVERY === 0 || t === TO);

/** The thresholds at which a matrix is cut after each of the updates 1 … `last`. */
function cutsUntil(last: number, options: Partial<MagnitudeOptions>, change = (_t: number, _m: PlainMatrix) => {}) {
  const matrix = fresh();
  const cuts = new Map<number, number>();
  const pruning = method(options);
  for (let t = 1; t <= last; t++) {
    change(t, matrix);
    const cut = (threshold: number) => {
      cuts.set(t, threshold);
      matrix.passes.cut(threshold);
    };
    pruning.afterUpdate!([{ ...matrix, passes: { ...matrix.passes, cut } }], done(t));
  }
  return { cuts, matrix };
}

it('is what was asked for once the pruning has ended', () => {
  expect([TO - 1, TO, TO + 1].map((updates) => method().isReached!([], { updates }))).toEqual([false, true, true]);
});

describe('magnitude, cubic (Zhu and Gupta)', () => {
  it('has s · (1 − (1 − (t − t₀)/(t₁ − t₀))³) of zeros after each pruning, and none in between', () => {
    const matrix = fresh();
    const pruning = method();
    let expected = 0;
    for (let t = 1; t <= TO + 20; t++) {
      pruning.afterUpdate!([matrix], done(t));
      if (isPruned(t)) expected = Math.floor(SHARE * (1 - (1 - (t - FROM) / (TO - FROM)) ** 3) * SIZE);
      expect(zeros(matrix), `after ${t} updates`).toBe(expected);
    }
    expect(expected).toBe(SHARE * SIZE);
  });

  it('takes the smallest weights', () => {
    const matrix = fresh();
    const before = matrix.weights.slice();
    const pruning = method();
    for (let t = 1; t <= TO; t++) pruning.afterUpdate!([matrix], done(t));
    const gone = before.filter((_, i) => matrix.weights[i] === 0).map(Math.abs);
    const left = before.filter((_, i) => matrix.weights[i] !== 0).map(Math.abs);
    expect(Math.max(...gone)).toBeLessThan(Math.min(...left));
    expect(matrix.weights.filter((w) => w !== 0)).toEqual(before.filter((_, i) => matrix.weights[i] !== 0));
  });

  it('counts weights that left with their units as zeros', () => {
    const smaller = plainMatrix('w', [30, 20], uniform(600, 1, randomStream(2)));
    method({ from: 0, to: 5 }).afterUpdate!([smaller], done(5));
    expect(600 - zeros(smaller)).toBe(SIZE - SHARE * SIZE);
    // More have left than the share asks for.
    const tiny = plainMatrix('w', [10, 10], uniform(100, 1, randomStream(3)));
    method({ from: 0, to: 5 }).afterUpdate!([tiny], done(5));
    expect(zeros(tiny)).toBe(0);
  });

  it('keeps zeros zero, and leaves the gradient of all else', () => {
    const matrix = fresh();
    matrix.passes.cut(0.5);
    matrix.gradient.fill(3);
    expect(method().beforeUpdate([matrix], { update: 0, gradientScale: 1 })).toBe(0);
    expect(zeros(matrix)).toBeGreaterThan(0);
    matrix.weights.forEach((w, i) => {
      expect(matrix.gradient[i]).toBe(w === 0 ? 0 : 3);
    });
    expect([...matrix.rowPenalty, ...matrix.colPenalty].every((p) => p === 0)).toBe(true);
  });
});

describe("magnitude by Narang's schedule", () => {
  const schedule = 'narang';

  it('rises in two linear pieces, the second half as steep again, to the magnitude of the share', () => {
    const { cuts } = cutsUntil(TO + 10, { schedule, every: 1 });
    expect([...cuts.keys()]).toEqual(Array.from({ length: TO - FROM + 1 }, (_, i) => FROM + i));
    const sorted = fresh().weights.map(Math.abs).sort();
    expect(cuts.get(FROM)).toBe(0);
    expect(cuts.get(TO)).toBeCloseTo(sorted[SHARE * SIZE]!, 6);
    const middle = (FROM + TO) / 2;
    const slopes = [...cuts].slice(1).map(([t, cut]) => [t, cut - cuts.get(t - 1)!] as const);
    const [, first] = slopes[0]!;
    expect(first).toBeGreaterThan(0);
    for (const [t, slope] of slopes) {
      if (t <= middle) expect(slope).toBeCloseTo(first, 9);
      else if (t - 1 >= middle) expect(slope).toBeCloseTo(1.5 * first, 9);
    }
  });

  it('reaches the share when weights stay as they are', () => {
    const { matrix, cuts } = cutsUntil(TO, { schedule });
    expect([...cuts.keys()]).toEqual(Array.from({ length: TO }, (_, i) => i + 1).filter(isPruned));
    expect(Math.abs(zeros(matrix) - SHARE * SIZE)).toBeLessThanOrEqual(1);
  });

  it('takes its goal from the weights at the first pruning, also when it goes on from its state', () => {
    const shrunk = (t: number, { weights }: PlainMatrix) => {
      if (t === 20) for (let i = 0; i < weights.length; i++) weights[i]! *= 0.5;
    };
    const whole = cutsUntil(TO, { schedule }, shrunk);
    expect(zeros(whole.matrix)).toBeGreaterThan(SHARE * SIZE);

    const begun = method({ schedule });
    begun.afterUpdate!([fresh()], done(FROM));
    const state = JSON.parse(JSON.stringify(begun.state!())) as Record<string, number>;
    const later = uniform(SIZE, 9, randomStream(5));
    const resumed = plainMatrix('w', [30, 40], later);
    method({ schedule, state }).afterUpdate!([resumed], done(TO));
    const goal = whole.cuts.get(TO)!;
    expect(zeros(resumed)).toBe(later.filter((w) => Math.abs(w) < goal).length);
    expect(zeros(resumed)).toBeGreaterThan(0);
  });
});

describe('pruning by epochs', () => {
  it('has an update of its own even where it begins and ends in the same one', () => {
    const { method, model } = methodFor({ magnitude: 0.5, pruneFrom: 1, pruneTo: 1.01 });
    const matrices = matricesOf(model, method!);
    for (let t = 1; t <= 2 * UPDATES; t++) method!.afterUpdate!(matrices, done(t));
    expect(zerosIn(matrices)).toBeGreaterThan(0);
  });

  const zerosIn = (matrices: readonly PlainMatrix[]) => matrices.reduce((n, matrix) => n + zeros(matrix), 0);

  /** Updates after which there were more zeros. */
  const prunings = (fields: Settings) => {
    const { method, model } = methodFor(fields);
    const matrices = matricesOf(model, method!);
    const changes: number[] = [];
    for (let t = 1, last = 0; t <= 6 * UPDATES; t++) {
      method!.afterUpdate!(matrices, done(t));
      const now = zerosIn(matrices);
      if (now !== last) changes.push(t);
      last = now;
    }
    return { changes, matrices };
  };

  it('comes every 100 updates, and at the end, when nothing else is said', () => {
    expect(prunings({ magnitude: 0.5, pruneFrom: 0, pruneTo: 6 }).changes).toEqual([100, 120]);
  });

  it('becomes updates of the run', () => {
    const { changes, matrices } = prunings({ magnitude: 0.5, pruneFrom: 1, pruneTo: 2.5, pruneEvery: 7 });
    // At update 20 the share is still 0; then every 7 updates until update 50.
    expect(changes).toEqual([27, 34, 41, 48, 50]);
    const size = matrices.reduce((n, { weights }) => n + weights.length, 0);
    expect(Math.abs(zerosIn(matrices) / size - 0.5)).toBeLessThan(0.02);
  });
});
