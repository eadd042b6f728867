import fc from 'fast-check';
import { decode } from 'fast-png';
import { describe, expect, test } from 'vitest';
import { testModel } from '../../test/support/models.ts';
import { weightsOf } from '../groups/measure.ts';
import { traceModel } from '../groups/traceModel.ts';
import { shrinkModel } from '../slim/shrink.ts';
import { type KeptUnits, mapAxis, REMOVED, rasterOf, STRENGTHS, ZERO } from './weightMap.ts';
import { runsOf, weightMaps } from './weightMaps.ts';

const sizes = [5, 4];
const model = testModel({
  vocabulary: 7,
  embedding: 3,
  layers: sizes.map((hidden) => ({ hidden, direction: 'forward' as const })),
});
const whole = traceModel(model);

/** The model without some units, and which it has left. */
function shrunk(gone: readonly (readonly boolean[])[]): { model: typeof model; units: KeptUnits } {
  const removed = new Set(
    whole.groups.layers.flatMap(({ components }, i) => [...components].filter((_, unit) => gone[i]![unit])),
  );
  const small = shrinkModel(model, whole, (k) => removed.has(k));
  // A layer keeps one unit at least, whichever that is.
  const kept = whole.groups.layers.map(({ components }) =>
    [...components.keys()].filter((unit) => small.removed[components[unit]!] === 0),
  );
  return { model: small.model, units: { before: sizes, kept } };
}

const someUnits = fc.tuple(
  fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
  fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
);

describe('mapAxis', () => {
  test('gives every index that is left the value that stood at its first place', () => {
    fc.assert(
      fc.property(someUnits, (gone) => {
        const small = shrunk(gone);
        const { groups, prepared } = traceModel(small.model);
        const now = weightsOf(prepared.graph);
        const then = weightsOf(whole.prepared.graph);
        for (const { tensor, axis, components, role } of groups.axes) {
          const before = then(tensor);
          if (before === undefined || role === 'bias') continue;
          const along = mapAxis(groups, components, small.units);
          expect(along.before, tensor).toBe(before.dims[axis]);
          const other = groups.axes.find((a) => a.tensor === tensor && a.axis !== axis);
          if (other !== undefined) continue;
          // Along the other axis all is left, so whole lines can be compared.
          const after = now(tensor)!;
          const line = (t: typeof after, index: number) =>
            [...(t.data as Float32Array)].filter((_, at) => {
              const inner = t.dims.slice(axis + 1).reduce((a, b) => a * b, 1);
              return Math.floor(at / inner) % t.dims[axis]! === index;
            });
          for (const [index, first] of along.kept.entries()) expect(line(after, index)).toEqual(line(before, first));
        }
      }),
      { numRuns: 30 },
    );
  });

  test('names a segment for each gate, and one for what always stays', () => {
    const { groups } = whole;
    const axis = groups.axes.find((a) => a.tensor === 'lstm_0.weight' && a.role === 'produces')!;
    const units = { before: sizes, kept: sizes.map((n) => [...Array(n).keys()]) };
    expect(mapAxis(groups, axis.components, units).segments).toEqual(Array(4).fill({ layer: 0, length: 5 }));
    expect(mapAxis(groups, new Int32Array(3).fill(-1), units)).toMatchObject({
      segments: [{ layer: undefined, length: 3 }],
      before: 3,
      kept: Int32Array.of(0, 1, 2),
    });
  });
});

describe('rasterOf', () => {
  const axis = (before: number, kept: number[]) => ({ segments: [], before, kept: Int32Array.from(kept) });

  test('tells removed, zero and strengths apart', () => {
    const rows = axis(3, [0, 2]);
    const cols = axis(2, [0, 1]);
    const { levels } = rasterOf(Float32Array.of(1, 0, 0.25, -1), [rows, cols], 9, true);
    expect([...levels]).toEqual([ZERO + STRENGTHS, ZERO, REMOVED, REMOVED, ZERO + STRENGTHS - 2, ZERO + STRENGTHS]);
  });

  test('a cell of several weights shows their root mean square', () => {
    const rows = axis(1, [0]);
    const cols = axis(4, [0, 1, 2, 3]);
    const { width, levels } = rasterOf(Float32Array.of(2, 2, 0, 0), [rows, cols], 2, true);
    expect(width).toBe(2);
    expect([...levels]).toEqual([ZERO + STRENGTHS, ZERO]);
  });

  test('a cell that lost a part of its weights is thinner', () => {
    const rows = axis(1, [0]);
    const cols = axis(8, [0, 1, 2, 3, 4, 6]);
    const { levels } = rasterOf(Float32Array.of(1, 1, 1, 1, 1, 1), [rows, cols], 2, true);
    expect([...levels]).toEqual([ZERO + STRENGTHS, ZERO + STRENGTHS + STRENGTHS]);
    const few = rasterOf(Float32Array.of(1), [rows, axis(8, [7])], 1, true);
    expect([...few.levels]).toEqual([ZERO + STRENGTHS + 3 * STRENGTHS]);
  });

  test('what is left alone has no removed cells', () => {
    const rows = axis(4, [1]);
    const cols = axis(2, [0]);
    const after = rasterOf(Float32Array.of(3), [rows, cols], 9, false);
    expect(after).toEqual({ width: 1, height: 1, levels: Uint8Array.of(ZERO + STRENGTHS) });
  });
});

test('weightMaps draws every matrix that carries units, before and after, gates named', () => {
  const small = shrunk([
    [true, false, false, true, false],
    [false, true, false, false],
  ]);
  const maps = weightMaps(traceModel(small.model), small.units);
  const recurrent = maps.find(({ name }) => name === 'lstm_0.recurrent')!;
  expect(maps.map(({ name }) => name).sort()).toEqual(
    ['lstm_0.recurrent', 'lstm_0.weight', 'lstm_1.recurrent', 'lstm_1.weight', 'head.weight'].sort(),
  );
  // As the shape says: the four gates' rows of [20, 5] from top to bottom.
  expect(recurrent.down.segments.map(({ name, gate }) => [name, gate])).toEqual([
    ['lstm_0', 'input gate'],
    ['lstm_0', 'output gate'],
    ['lstm_0', 'forget gate'],
    ['lstm_0', 'cell'],
  ]);
  expect(recurrent.across.segments).toEqual([{ layer: 0, name: 'lstm_0', length: 5 }]);
  expect(recurrent.across.kept).toEqual([
    [1, 2],
    [4, 1],
  ]);
  expect([recurrent.before.height, recurrent.before.width]).toEqual([20, 5]);
  expect([recurrent.after.height, recurrent.after.width]).toEqual([12, 3]);
});

test('the picture of a matrix that is all there is blue, the stronger the fuller', () => {
  const { png } = weightMaps(traceModel(model), undefined).find(({ name }) => name === 'lstm_1.weight')!.before;
  const { palette, data } = decode(Buffer.from(png, 'base64'));
  const used = [...new Set(data)].sort((a, b) => a - b).map((level) => palette![level]!);
  for (const [red, green, blue] of used) expect([red, green, blue]).toEqual([42, 111, 214]);
  const opacities = used.map(([, , , alpha]) => alpha!);
  expect(opacities).toEqual([...opacities].sort((a, b) => a - b));
  expect(opacities.at(-1)).toBe(254);
});

test('runsOf', () => {
  expect(runsOf(Int32Array.of(0, 1, 2, 5, 7, 8))).toEqual([
    [0, 3],
    [5, 1],
    [7, 2],
  ]);
});
