import { describe, expect, it } from 'vitest';
import { floats } from '../graph/attributes.ts';
import { GraphBuilder } from '../graph/builder.ts';
import type { Dim, Graph } from '../graph/types.ts';
import { givenWindows } from './givenWindows.ts';
import { splitInputs } from './splitInputs.ts';

function graphOf(shapes: Record<string, readonly Dim[]>): Graph {
  const inputs = Object.entries(shapes).map(([name, shape]) => {
    return { name, type: { elementType: 'float32', shape } } as const;
  });
  return { name: 'g', inputs, outputs: [], initializers: new Map(), nodes: [] };
}

const counted = (dims: readonly number[]) => {
  const length = dims.reduce((a, b) => a * b, 1);
  return floats(
    dims,
    Float32Array.from({ length }, (_, i) => i),
  );
};

const noStates = new Set<string>();

describe('splitInputs', () => {
  it('holds out the last quarter of several windows', () => {
    const windows = [1, 2, 3, 4].map((i) => ({ x: counted([i]) }));
    const split = splitInputs(graphOf({ x: ['n'] }), noStates, windows);
    expect(split).toEqual({ fit: windows.slice(0, 3), heldOut: windows.slice(3), isSplit: true, before: [] });
  });

  it('names the windows over which states are carried to those that are held out', () => {
    const windows = [1, 2, 3, 4].map(() => ({ x: counted([1, 2]) }));
    const states = new Set(['h']);
    expect(splitInputs(graphOf({ x: [1, 2], h: [1, 3] }), states, windows).before).toEqual(windows.slice(0, 3));
    const inTime = splitInputs(graphOf({ x: ['time', 1, 2], h: [1, 1, 3] }), states, [{ x: counted([4, 1, 2]) }]);
    expect(inTime.before).toEqual(inTime.fit);
    const sideBySide = graphOf({ x: ['time', 'batch', 2], h: [1, 'batch', 3] });
    expect(splitInputs(sideBySide, states, [{ x: counted([4, 4, 2]) }]).before).toEqual([]);
  });

  it.each<[string, Record<string, readonly Dim[]>, readonly string[], readonly number[]]>([
    ['the states', { x: ['time', 'batch', 2], h: [1, 'batch', 3] }, ['h'], [4, 2, 2]],
    ['the batch', { x: ['time', 'batch', 2] }, [], [4, 2, 2]],
    ['the outermost', { x: ['p', 'q', 2] }, [], [1, 8, 2]],
    ['all inputs', { x: ['a', 'b', 2], lengths: ['b'] }, [], [4, 2, 2]],
  ])('splits a window along the free dimension of %s', (_, shapes, states, dims) => {
    const window = { x: counted([4, 8, 2]), ...('lengths' in shapes && { lengths: counted([8]) }) };
    const { heldOut, isSplit } = splitInputs(graphOf(shapes), new Set(states), [window]);
    expect(isSplit).toBe(true);
    expect(heldOut[0]!.x!.dims).toEqual(dims);
    if ('lengths' in shapes) expect([...(heldOut[0]!.lengths!.data as Float32Array)]).toEqual([6, 7]);
  });

  it('splits along the axis that a recurrent layer reads as its batch, whatever it is called', () => {
    const b = new GraphBuilder('g');
    const x = b.input('x', 'float32', ['t', 'b', 2]);
    const [w, r] = [b.parameter('w', counted([1, 3, 2])), b.parameter('r', counted([1, 3, 3]))];
    b.output(b.node('RNN', [x, w, r], { hidden_size: 3 })[0]!, 'y');
    const { fit, heldOut } = splitInputs(b.build(), noStates, [{ x: counted([4, 8, 2]) }]);
    expect([fit[0]!.x!.dims, heldOut[0]!.x!.dims]).toEqual([
      [4, 6, 2],
      [4, 2, 2],
    ]);
  });

  it('takes the same for both parts where all sizes are fixed', () => {
    const windows = [{ x: counted([1, 3]) }];
    expect(splitInputs(graphOf({ x: [1, 3] }), noStates, windows)).toEqual({
      fit: windows,
      heldOut: windows,
      isSplit: false,
      before: [],
    });
  });
});

describe('givenWindows', () => {
  const graph = graphOf({ x: [1, 2], y: [1], h: [1, 3] });

  it('parts arrays with an axis in front, and repeats the others', () => {
    const arrays = new Map([
      ['x', counted([3, 1, 2])],
      ['y', counted([1])],
    ]);
    const { windows } = givenWindows(graph, new Set(['h']), arrays, 'f.npz');
    expect(windows.map(({ x }) => [...(x!.data as Float32Array)])).toEqual([
      [0, 1],
      [2, 3],
      [4, 5],
    ]);
    expect(windows.map(({ y }) => y!.dims)).toEqual([[1], [1], [1]]);
  });

  it('is one window otherwise, and refuses different numbers of windows', () => {
    const one = new Map([
      ['x', counted([1, 2])],
      ['y', counted([1])],
    ]);
    expect(givenWindows(graph, new Set(['h']), one, 'f.npz').windows).toHaveLength(1);
    const apart = new Map([
      ['x', counted([3, 1, 2])],
      ['y', counted([2, 1])],
    ]);
    expect(() => givenWindows(graph, new Set(['h']), apart, 'f.npz')).toThrow(
      /arrays of f.npz have different numbers of windows along their first axis: 'x' \[3, 1, 2\], 'y' \[2, 1\]/,
    );
  });
});
