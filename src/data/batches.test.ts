import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SlimError, UsageError } from '../base/errors.ts';
import { type Batches, batchWindows } from './batches.ts';

const count = (length: number) => Int32Array.from({ length }, (_, index) => index);

function readWindows(batches: Batches) {
  const size = batches.steps * batches.batchSize;
  return Array.from({ length: batches.windows }, (_, index) => {
    const inputs = new Int32Array(size).fill(-1);
    const targets = new Int32Array(size).fill(-1);
    const steps = batches.fillWindow(index, inputs, targets);
    return { steps, inputs, targets };
  });
}

describe('batchWindows', () => {
  it('cuts 15 tokens into 2 rows and windows of 3 steps, time-major', () => {
    // Rows 0..6 and 7..13; token 14 is not used. Six targets a row make two windows.
    const batches = batchWindows(count(15), 2, 3);
    expect(batches).toMatchObject({ batchSize: 2, steps: 3, windows: 2, tokens: 12 });
    expect(readWindows(batches)).toEqual([
      { steps: 3, inputs: Int32Array.of(0, 7, 1, 8, 2, 9), targets: Int32Array.of(1, 8, 2, 9, 3, 10) },
      { steps: 3, inputs: Int32Array.of(3, 10, 4, 11, 5, 12), targets: Int32Array.of(4, 11, 5, 12, 6, 13) },
    ]);
  });

  it('drops an incomplete last window, or keeps it with keepTail', () => {
    expect(batchWindows(count(15), 2, 4)).toMatchObject({ windows: 1, tokens: 8 });
    const batches = batchWindows(count(15), 2, 4, { keepTail: true });
    expect(batches).toMatchObject({ windows: 2, tokens: 12 });
    expect(readWindows(batches)[1]).toEqual({
      steps: 2,
      inputs: Int32Array.of(4, 11, 5, 12, -1, -1, -1, -1),
      targets: Int32Array.of(5, 12, 6, 13, -1, -1, -1, -1),
    });
  });

  it('gives the steps an epoch of the Penn Treebank has in the literature', () => {
    expect(batchWindows(new Int32Array(929_589), 20, 35).windows).toBe(1327);
    expect(batchWindows(new Int32Array(82_430), 1, 1, { keepTail: true }).tokens).toBe(82_429);
  });

  const shape = fc.record({
    length: fc.integer({ min: 2, max: 300 }),
    batchSize: fc.integer({ min: 1, max: 8 }),
    steps: fc.integer({ min: 1, max: 12 }),
  });

  it('predicts every token once, but for row starts and what is cut off', () => {
    fc.assert(
      fc.property(shape, fc.boolean(), ({ length, batchSize, steps }, keepTail) => {
        fc.pre(length >= batchSize * ((keepTail ? 1 : steps) + 1));
        const batches = batchWindows(count(length), batchSize, steps, { keepTail });
        const predicted: number[] = [];
        for (const window of readWindows(batches)) {
          const size = window.steps * batchSize;
          expect(window.steps).toBeGreaterThan(0);
          for (let i = 0; i < size; i++) {
            expect(window.targets[i]).toBe(window.inputs[i]! + 1);
            predicted.push(window.targets[i]!);
          }
        }
        const rowLength = Math.floor(length / batchSize);
        const perRow = keepTail ? rowLength - 1 : Math.floor((rowLength - 1) / steps) * steps;
        const expected = Array.from({ length: batchSize }, (_, row) =>
          Array.from({ length: perRow }, (_, step) => row * rowLength + step + 1),
        ).flat();
        expect(predicted.sort((a, b) => a - b)).toEqual(expected);
        expect(batches.tokens).toBe(expected.length);
      }),
    );
  });

  it('goes on in each row where the window before stopped', () => {
    fc.assert(
      fc.property(shape, ({ length, batchSize, steps }) => {
        fc.pre(length >= 2 * batchSize);
        const windows = readWindows(batchWindows(count(length), batchSize, steps, { keepTail: true }));
        windows.slice(1).forEach((window, index) => {
          const before = windows[index]!.targets.subarray((steps - 1) * batchSize, steps * batchSize);
          expect(window.inputs.subarray(0, batchSize)).toEqual(before);
        });
      }),
    );
  });

  it('begins later by a share of the tokens to spare: as many windows, each cut elsewhere', () => {
    // Rows 0..6 and 7..13: one window of 3 steps, with which 4 tokens are to spare.
    for (const [shift, first] of [
      [0, 0],
      [0.25, 1],
      [0.5, 2],
      [0.99, 3],
    ] as const) {
      const batches = batchWindows(count(15), 2, 3, { shift });
      expect(batches).toMatchObject({ windows: 1, tokens: 6 });
      const rows = [0, 7, 1, 8, 2, 9].map((token) => token + first);
      expect(readWindows(batches)).toEqual([
        { steps: 3, inputs: Int32Array.from(rows), targets: Int32Array.from(rows, (token) => token + 1) },
      ]);
    }
  });

  it("can begin at each of a window's places where rows are long enough, and never leaves its row", () => {
    fc.assert(
      fc.property(shape, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (sizes, shift) => {
        const { length, batchSize, steps } = sizes;
        fc.pre(length >= batchSize * (steps + 1));
        const rowLength = Math.floor(length / batchSize);
        const firsts = new Set<number>();
        for (let place = 0; place < steps; place++) {
          const windows = readWindows(batchWindows(count(length), batchSize, steps, { shift: place / steps }));
          firsts.add(windows[0]!.inputs[0]!);
        }
        if (rowLength >= 2 * steps) expect(firsts.size).toBe(steps);
        const batches = batchWindows(count(length), batchSize, steps, { shift });
        expect(batches.windows).toBe(batchWindows(count(length), batchSize, steps, { shift: 0 }).windows);
        for (const { steps: read, inputs, targets } of readWindows(batches)) {
          expect(read).toBe(steps);
          for (const [i, token] of inputs.entries()) {
            expect(Math.floor(token / rowLength)).toBe(i % batchSize);
            expect(Math.floor(targets[i]! / rowLength)).toBe(i % batchSize);
            expect(targets[i]).toBe(token + 1);
          }
        }
      }),
    );
  });

  it('says how many tokens a window needs', () => {
    expect(() => batchWindows(count(7), 2, 3, { label: 'training text' })).toThrow(
      new UsageError(
        'the training text has 7 tokens, but one window of --batch 2 and --steps 3 needs 2 × (3 + 1) = 8: ' +
          'lower --batch or --steps, or use more text',
      ),
    );
    expect(batchWindows(count(8), 2, 3).windows).toBe(1);
    expect(() => batchWindows(count(3), 2, 3, { keepTail: true })).toThrow(/3 tokens.*= 4: lower --batch, or/);
    expect(batchWindows(count(4), 2, 3, { keepTail: true }).windows).toBe(1);
  });

  it('refuses sizes, windows and arrays that do not fit', () => {
    for (const size of [0, -1, 1.5, Number.NaN]) {
      expect(() => batchWindows(count(9), size, 1)).toThrow(/--batch must be a positive integer/);
      expect(() => batchWindows(count(9), 1, size)).toThrow(/--steps must be a positive integer/);
    }
    const { fillWindow } = batchWindows(count(15), 2, 3);
    const [six, five] = [new Int32Array(6), new Int32Array(5)];
    for (const index of [-1, 2, 0.5]) expect(() => fillWindow(index, six, six)).toThrow(/expected 0 to 1/);
    expect(() => fillWindow(0, six, five)).toThrow(SlimError);
    expect(() => fillWindow(0, five, six)).toThrow(/needs arrays of 6 elements, got 5 .* and 6/);
  });
});
