import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { graphOver, numbersOf, randomTensor } from '../../test/support/graphs.ts';
import { nodeRuntime } from '../runtime/node.ts';
import type { Tensors } from '../runtime/runtime.ts';
import { floats, int64s } from './attributes.ts';
import type { AttributeValues, Value } from './builder.ts';
import { elementTypeNumbers } from './elementTypes.ts';
import { modelOf } from './model.ts';
import {
  inputsFor,
  isDifferentiable,
  isLookup,
  isRecurrent,
  movesAll,
  movesOnce,
  type Op,
  type OpWith,
  operators,
  traits,
} from './operators.ts';
import { apply } from './ops.ts';
import { operatorsWith, type Rules } from './rules.ts';
import { RECURRENT_INPUT, stateSlots } from './slots.ts';
import type { Movement } from './traits.ts';
import type { Graph, Node } from './types.ts';

const names = Object.keys(operators) as Op[];

const nodeOf = (op: string, inputs: readonly string[] = [], domain = ''): Node => {
  return { op, domain, name: 'node', inputs, outputs: ['y'], attributes: {} };
};

/** Runs a graph in an operator set that has every operator that is not deprecated. */
async function run(graph: Graph, feeds: Tensors, opset = 24): Promise<Record<string, number[]>> {
  const session = await nodeRuntime.createSession({ ...modelOf(graph), opsets: { '': opset } }, { threads: 1 });
  const results = await session.run(feeds).finally(() => session.release());
  return Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, numbersOf(tensor)]));
}

/** What ONNX Runtime says of a node with far too many inputs. */
async function complaint(op: string, opset: number): Promise<string> {
  const info = (name: string) => ({ name, type: { elementType: 'float32', shape: [2] } }) as const;
  const nodes = [nodeOf(op, new Array<string>(40).fill('x'))];
  const graph = { name: 'test', inputs: [info('x')], outputs: [info('y')], initializers: new Map(), nodes };
  try {
    const session = await nodeRuntime.createSession({ ...modelOf(graph), opsets: { '': opset } }, { threads: 1 });
    await session.release();
    return '';
  } catch (error) {
    return String(error);
  }
}

describe('operators', () => {
  it.each(names)('%s is an operator of ONNX, and has inputs for all that is said of them', async (op) => {
    const said = await Promise.all([24, 9].map((opset) => complaint(op, opset)));
    expect(said.every((text) => text.includes('No Op registered'))).toBe(false);
    const most = said.flatMap((text) => /not in range \[min=\d+, max=(\d+)\]/.exec(text)?.[1] ?? []).map(Number);
    const { inputs = [] } = traits(nodeOf(op));
    if (inputs.length > 0 && most.length > 0) expect(inputs.length).toBeLessThanOrEqual(Math.max(...most));
  });

  it('are no names that ONNX does not have', async () => {
    expect(await complaint('Tanhh', 24)).toContain('No Op registered');
  });
});

describe('traits', () => {
  /** What an operator needs besides its first input. */
  const further: Rules<(x: Value) => Value[]> = {
    CastLike: (x) => [x.builder.ints([1])],
  };
  const attributes: Rules<AttributeValues> = { Cast: { to: elementTypeNumbers.int64 } };
  const ofNumbers = (ops: readonly Op[]) => ops.filter((op) => op !== 'Not' && op !== 'BitwiseNot');
  const applied = (op: Op, x: Value) => apply(op, [x, ...(further[op]?.(x) ?? [])], attributes[op]);

  it('keepsZero: 0 comes out where 0 goes in', async () => {
    const x = floats([3], [0, 0, 0]);
    const ops = operatorsWith({ keepsZero: true });
    const graph = graphOver({ x }, (v) => ops.map((op) => applied(op, v.x)));
    const results = await run(graph, { x });
    expect(Object.values(results).map((y) => y.map(Math.abs))).toEqual(ops.map(() => [0, 0, 0]));
  });

  it('elementwise unary: the order of the elements does not matter', async () => {
    const x = randomTensor([5]);
    const turned = { ...x, data: (x.data as Float32Array).slice().reverse() };
    const ops = ofNumbers(operatorsWith({ elementwise: 'unary' }));
    const graph = graphOver({ x }, (v) => ops.map((op) => applied(op, v.x)));
    const [forward, back] = [await run(graph, { x }), await run(graph, { x: turned })];
    expect(Object.values(forward)).toHaveLength(ops.length);
    for (const [name, values] of Object.entries(forward)) {
      const turnedBack = [...back[name]!].reverse();
      const isSame = (a: number, b: number) => Object.is(a, b) || Math.abs(a - b) < 1e-5;
      expect(values.every((value, i) => isSame(value, turnedBack[i]!))).toBe(true);
    }
  });

  it('decides: truth values come out', () => {
    const x = randomTensor([2]);
    const ops = operatorsWith({ decides: true });
    const logic = (op: Op) => op === 'And' || op === 'Or' || op === 'Xor';
    const flags = (v: Value) => apply('Greater', [v, v]);
    graphOver({ x }, (v) =>
      ops.map((op) => {
        const operand = logic(op) ? flags(v.x) : v.x;
        const y = apply(op, traits(nodeOf(op)).elementwise === 'unary' ? [operand] : [operand, operand]);
        expect(y.type.elementType).toBe('bool');
        return y;
      }),
    );
  });

  describe('moves', () => {
    type Moving = OpWith<{ moves: Movement }>;
    const x = floats(
      [1, 4, 2, 2],
      [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3].map((v, i) => v + i / 16),
    );
    const ints = (v: Value, ...values: number[]) => v.builder.ints(values);
    const uses: Readonly<Record<Moving, (v: Value) => Value | readonly Value[]>> = {
      Cast: (v) => apply('Cast', [v], { to: elementTypeNumbers.int64 }),
      CastLike: (v) => apply('CastLike', [v, ints(v, 1)]),
      Compress: (v) =>
        apply('Compress', [v, apply('Greater', [v.builder.float([1, 2]), v.builder.float(1.5)])], { axis: 2 }),
      DepthToSpace: (v) => apply('DepthToSpace', [v], { blocksize: 2 }),
      Expand: (v) => apply('Expand', [v, ints(v, 3, 4, 2, 2)]),
      Flatten: (v) => apply('Flatten', [v]),
      Gather: (v) => apply('Gather', [v, ints(v, 3, 0, 0)], { axis: 1 }),
      GatherElements: (v) =>
        apply('GatherElements', [v, v.builder.constant(int64s([1, 1, 2, 2], [3, 2, 0, 0]))], { axis: 1 }),
      GatherND: (v) => apply('GatherND', [v, v.builder.constant(int64s([2, 2], [0, 3, 0, 1]))]),
      Identity: (v) => apply('Identity', [v]),
      Reshape: (v) => apply('Reshape', [v, ints(v, 2, 8)]),
      ReverseSequence: (v) => apply('ReverseSequence', [v, ints(v, 3)], { batch_axis: 0, time_axis: 1 }),
      Slice: (v) => apply('Slice', [v, ints(v, 1), ints(v, 3), ints(v, 1)]),
      SpaceToDepth: (v) => apply('SpaceToDepth', [v], { blocksize: 2 }),
      Split: (v) => v.builder.node('Split', [v, ints(v, 1, 3)], { axis: 1 }, 2),
      Squeeze: (v) => apply('Squeeze', [v, ints(v, 0)]),
      Tile: (v) => apply('Tile', [v, ints(v, 1, 2, 1, 1)]),
      Transpose: (v) => apply('Transpose', [v], { perm: [3, 1, 0, 2] }),
      Unsqueeze: (v) => apply('Unsqueeze', [v, ints(v, 0)]),
    };
    const before = numbersOf(x);
    const sorted = (values: readonly number[]) => [...values].sort((a, b) => a - b);
    const holds: Readonly<Record<Movement, (after: readonly number[]) => void>> = {
      keeps: (after) => expect(after).toEqual(before),
      reorders: (after) => {
        expect(after).not.toEqual(before);
        expect(sorted(after)).toEqual(sorted(before));
      },
      converts: (after) => expect(after).toEqual(before.map(Math.trunc)),
      drops: (after) => {
        expect(new Set(after).size).toBe(after.length);
        expect(after.every((v) => before.includes(v))).toBe(true);
      },
      picks: (after) => expect(after.every((v) => before.includes(v))).toBe(true),
      copies: (after) => {
        expect(after.length).toBeGreaterThan(before.length);
        expect(new Set(after)).toEqual(new Set(before));
      },
    };

    it.each(Object.entries(uses) as [Moving, (typeof uses)[Moving]][])('%s', async (op, use) => {
      const results = await run(
        graphOver({ x }, (v) => use(v.x)),
        { x },
      );
      holds[operators[op].moves](Object.values(results).flat());
    });
  });
});

describe('questions', () => {
  it('know nothing of operators of another domain, or of names that every object has', () => {
    expect(traits(nodeOf('MatMul', [], 'com.microsoft'))).toEqual({});
    expect(traits(nodeOf('constructor'))).toEqual({});
    expect(isRecurrent(nodeOf('LSTM', [], 'my.domain'))).toBe(false);
  });

  it('tell how elements move', () => {
    expect(['Reshape', 'Transpose', 'Cast', 'Slice', 'Gather', 'Tile'].map((op) => movesAll(nodeOf(op)))).toEqual([
      ...[true, true],
      ...[false, false, false, false],
    ]);
    expect(['Reshape', 'Transpose', 'Cast', 'Slice', 'Gather', 'Tile'].map((op) => movesOnce(nodeOf(op)))).toEqual([
      ...[true, true, true, true],
      ...[false, false],
    ]);
  });

  it('tell what inputs are for, of those that the node has', () => {
    expect(inputsFor(nodeOf('LSTM', ['x', 'w', 'r', '', '', 'h', 'c', 'p']), 'matrix', 'vector')).toEqual([1, 2, 7]);
    expect(inputsFor(nodeOf('GRU', ['x', 'w', 'r', 'b', 'n', 'h']), 'lengths', 'state')).toEqual([4, 5]);
    expect(inputsFor(nodeOf('Conv', ['x', 'w'], 'com.microsoft'), 'matrix')).toEqual([]);
  });

  it('find the states of layers and loops', () => {
    expect(stateSlots(nodeOf('LSTM'))).toEqual({ inputs: [5, 6], outputs: [1, 2] });
    expect(stateSlots(nodeOf('RNN'))).toEqual({ inputs: [5], outputs: [1] });
    const scan = nodeOf('Scan', ['h', 'c', 'x']);
    expect(stateSlots({ ...scan, attributes: { num_scan_inputs: { type: 'int', value: 1 } } })).toEqual({
      inputs: [0, 1],
      outputs: [0, 1],
    });
    expect(stateSlots(nodeOf('Loop', ['count', 'condition', 'h']))).toEqual({ inputs: [2], outputs: [0] });
    expect(stateSlots(nodeOf('Add'))).toBeUndefined();
  });

  it('agree with each other on the inputs of recurrent layers', () => {
    const { weight, recurrent, bias, lengths, hidden, cell, peepholes } = RECURRENT_INPUT;
    const lstm = nodeOf('LSTM', new Array<string>(8).fill('x'));
    expect(inputsFor(lstm, 'matrix')).toEqual([weight, recurrent]);
    expect(inputsFor(lstm, 'vector')).toEqual([bias, peepholes]);
    expect(inputsFor(lstm, 'lengths')).toEqual([lengths]);
    expect(inputsFor(lstm, 'state')).toEqual([hidden, cell]);
  });

  it('find lookups and gradients', () => {
    expect(isLookup(nodeOf('Gather'))).toBe(true);
    expect(isLookup({ ...nodeOf('Gather'), attributes: { axis: { type: 'int', value: 1 } } })).toBe(false);
    expect(['Tanh', 'LSTM', 'Gelu', 'Floor', 'Loop'].map((op) => isDifferentiable(nodeOf(op)))).toEqual([
      ...[true, true, true],
      ...[false, false],
    ]);
  });

  it('do not compile with a name that is misspelled', () => {
    // @ts-expect-error
    const rules: Rules<number> = { Tanhh: 1 };
    expect(Object.keys(rules)).toHaveLength(1);
  });
});

describe('the table', () => {
  const files = (readdirSync('src', { recursive: true }) as string[])
    .filter((path) => /\.tsx?$/.test(path) && !/\.test\.ts|_pb\.ts|operators\.ts/.test(path))
    .map((path) => [path, readFileSync(join('src', path), 'utf8')] as const);
  const areNames = (words: readonly string[]) =>
    new Set(words).size >= 3 && words.every((word) => Object.hasOwn(operators, word));

  /** Words, lists and comparisons of three or more operators, and tables by name whose type does not say so. */
  function setsIn(text: string): string[] {
    const strings = [...text.matchAll(/(['"`])([\w\s]+)\1/g)].map((m) => m[2]!.trim().split(/\s+/));
    const lists = [...text.matchAll(/\[\s*(?:'\w+',?\s*)+\]/g)].map((m) => m[0].match(/\w+/g)!);
    const comparisons = [...text.matchAll(/(?:\w+\.op [!=]== '\w+'(?:[\s()]*(?:\|\||&&)[\s()]*)?){3,}/g)].map((m) =>
      [...m[0].matchAll(/'(\w+)'/g)].map((name) => name[1]!),
    );
    const tables = [...text.matchAll(/Record<string, [^=]*> = \{([^}]*)\}/g)].map((m) =>
      [...m[1]!.matchAll(/(\w+):/g)].map((key) => key[1]!),
    );
    return [...strings, ...lists, ...comparisons, ...tables].filter(areNames).map((words) => words.join(' '));
  }

  it('is the only one of its kind', () => {
    expect(files.length).toBeGreaterThan(200);
    expect(files.flatMap(([path, text]) => setsIn(text).map((names) => `${path}: ${names}`))).toEqual([]);
  });

  it.each([
    "new Set('Reshape Squeeze Transpose'.split(' '))",
    "['MatMul', 'Gemm', 'Conv'].includes(node.op)",
    "node.op === 'Scan' || node.op === 'Loop' || node.op === 'If'",
    'const counts: Readonly<Record<string, number>> = { LSTM: 4, GRU: 3, RNN: 1 };',
  ])('would be told of %s', (text) => {
    expect(setsIn(text)).toHaveLength(1);
  });
});
