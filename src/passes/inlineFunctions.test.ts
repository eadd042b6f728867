import { describe, expect, it } from 'vitest';
import { UsageError } from '../base/errors.ts';
import { constantNode, floats } from '../graph/attributes.ts';
import { modelOf } from '../graph/model.ts';
import type { Attribute, Graph, Model, ModelFunction, Node } from '../graph/types.ts';
import { readModel } from '../onnx/read.ts';
import { writeModel } from '../onnx/write.ts';
import * as ort from '../runtime/nodeEngine.ts';
import { inlineFunctions } from './inlineFunctions.ts';

const node = (
  op: string,
  inputs: string[],
  outputs: string[],
  attributes: Record<string, Attribute> = {},
  domain = '',
): Node => ({ op, domain, name: `${op.toLowerCase()} of ${outputs[0]}`, inputs, outputs, attributes });

const f = (name: string, more: Partial<ModelFunction>): ModelFunction => ({
  domain: 'my',
  name,
  inputs: ['x'],
  outputs: ['y'],
  attributes: [],
  defaults: {},
  nodes: [],
  opsets: { '': 17, my: 1 },
  ...more,
});

const reference = (value: string): Attribute => ({ type: 'reference', value });
const float = { elementType: 'float32' as const, shape: ['n'] };
const bodyOf = (nodes: readonly Node[], output: string): Graph => ({
  name: 'body',
  inputs: [],
  outputs: [{ name: output, type: { elementType: 'float32', shape: undefined } }],
  initializers: new Map(),
  nodes,
});

function modelWith(functions: readonly ModelFunction[], nodes: readonly Node[], outputs = ['out']): Model {
  const graph = {
    name: 'g',
    inputs: [{ name: 'in', type: float }],
    outputs: outputs.map((name) => ({ name, type: float })),
    initializers: new Map(),
    nodes,
  };
  const model = modelOf(graph);
  return { ...model, opsets: { ...model.opsets, my: 1 }, functions };
}

/** Runs a model on [-1, 2]. */
async function run(model: Model): Promise<Record<string, number[]>> {
  const session = await ort.InferenceSession.create(writeModel(model), { logSeverityLevel: 3 });
  const results = await session.run({ in: new ort.Tensor('float32', [-1, 2], [2]) });
  await session.release();
  return Object.fromEntries(
    Object.entries(results).map(([name, { data }]) => [name, Array.from(data as Float32Array)]),
  );
}

const typeOfFloat: Attribute = { type: 'float', value: 0.5 };
// leaky(x) = LeakyRelu(x), its slope an attribute with a default; twice(x) = leaky(leaky(x)) + x.
const leaky = f('leaky', {
  defaults: { slope: typeOfFloat },
  nodes: [node('LeakyRelu', ['x'], ['y'], { alpha: { ...reference('slope'), extra: Uint8Array.of(0xa0, 1, 1) } })],
});
const twice = f('twice', {
  inputs: ['x', 'unused'],
  nodes: [
    node('leaky', ['x'], ['t'], { slope: { type: 'float', value: 0.25 } }, 'my'),
    node('leaky', ['t'], ['u'], {}, 'my'),
    node('Add', ['u', 'x'], ['y']),
  ],
});

describe('inlineFunctions', () => {
  it('gives a model that computes the same, as its functions did', async () => {
    const model = modelWith(
      [leaky, twice],
      [node('twice', ['in'], ['t'], {}, 'my'), node('twice', ['t', 'in'], ['out'], {}, 'my')],
    );
    const inlined = inlineFunctions(readModel(writeModel(model)));
    expect(inlined.functions).toBeUndefined();
    expect(inlined.opsets).toEqual({ '': 17 });
    expect(inlined.graph.nodes.map((n) => n.op)).toEqual([
      'LeakyRelu',
      'LeakyRelu',
      'Add',
      'LeakyRelu',
      'LeakyRelu',
      'Add',
    ]);
    const made = inlined.graph.nodes.flatMap((n) => n.outputs);
    expect(new Set(made).size).toBe(made.length);
    // -1 → -0.25 → -0.125, and -1 more; then -1.125 → -0.28125 → -0.140625, and -1.125 more.
    expect(await run(inlined)).toEqual({ out: [-1.265625, 8] });
    expect(await run(model)).toEqual(await run(inlined));
  });

  it('renames what subgraphs take from the function, and their own values', async () => {
    const branch = (name: string, op: string): Attribute => ({
      type: 'graph',
      value: bodyOf([constantNode('c', floats([], [2])), node(op, ['x', 'c'], [name])], name),
    });
    const choose = f('choose', {
      inputs: ['x', 'condition'],
      nodes: [
        node('If', ['condition'], ['y'], { then_branch: branch('then', 'Mul'), else_branch: branch('else', 'Add') }),
      ],
    });
    const bool = (name: string, value: number) =>
      constantNode(name, { elementType: 'bool', dims: [], data: Uint8Array.of(value) });
    const model = modelWith(
      [choose],
      [
        bool('yes', 1),
        bool('no', 0),
        node('choose', ['in', 'yes'], ['c'], {}, 'my'),
        node('choose', ['c', 'no'], ['out'], {}, 'my'),
      ],
    );
    expect(await run(inlineFunctions(model))).toEqual({ out: [0, 6] });
  });

  it('finds calls in subgraphs, and by their overload', async () => {
    const other = f('leaky', { overload: 'other', nodes: [node('Neg', ['x'], ['y'])] });
    const call: Node = { ...node('leaky', ['in'], ['inner'], {}, 'my'), overload: 'other' };
    const yes = constantNode('yes', { elementType: 'bool', dims: [], data: Uint8Array.of(1) });
    const branches = {
      then_branch: { type: 'graph', value: bodyOf([call], 'inner') },
      else_branch: { type: 'graph', value: bodyOf([node('Abs', ['in'], ['abs'])], 'abs') },
    } as const;
    const inlined = inlineFunctions(modelWith([leaky, other], [yes, node('If', ['yes'], ['out'], branches)]));
    expect(await run(inlined)).toEqual({ out: [1, -2] });
  });

  it('copies an output that is an input or is given out twice', async () => {
    const pass = f('pass', { outputs: ['x', 'y', 'y'], nodes: [node('Neg', ['x'], ['y'])] });
    const model = modelWith([pass], [node('pass', ['in'], ['a', 'b', 'c'], {}, 'my')], ['a', 'b', 'c']);
    expect(await run(inlineFunctions(model))).toEqual({ a: [-1, 2], b: [1, -2], c: [1, -2] });
  });

  it('leaves an attribute out that the call leaves out', () => {
    const optional = f('optional', {
      attributes: ['alpha'],
      nodes: [node('LeakyRelu', ['x'], ['y'], { alpha: reference('alpha') })],
    });
    const [inner] = inlineFunctions(modelWith([optional], [node('optional', ['in'], ['out'], {}, 'my')])).graph.nodes;
    expect(inner).toMatchObject({ op: 'LeakyRelu', inputs: ['in'], outputs: ['out'], attributes: {} });
  });

  it('adds operator sets that only functions use', () => {
    const uses = f('uses', { nodes: [node('Thing', ['x'], ['y'], {}, 'their')], opsets: { their: 3 } });
    const inlined = inlineFunctions(modelWith([uses], [node('uses', ['in'], ['out'], {}, 'my')]));
    expect(inlined.opsets).toEqual({ '': 17, their: 3 });
  });

  it('returns a model without functions as it is', () => {
    const { functions, ...plain } = modelWith([], []);
    expect(inlineFunctions(plain)).toBe(plain);
  });

  const bomb = Array.from({ length: 40 }, (_, i) =>
    f(`f${i}`, {
      nodes: [node(`f${i + 1}`, ['x'], ['t'], {}, 'my'), node(`f${i + 1}`, ['t'], ['y'], {}, 'my')],
    }),
  );
  const deep = Array.from({ length: 200 }, (_, i) =>
    f(`f${i}`, { nodes: [node(`f${i + 1}`, ['x'], ['y'], {}, 'my')] }),
  );
  it.each<[string, readonly ModelFunction[], Node, string]>([
    [
      'recursion',
      [f('f', { nodes: [node('f', ['x'], ['y'], {}, 'my')] })],
      node('f', ['in'], ['out'], {}, 'my'),
      'calls itself',
    ],
    [
      'another version',
      [f('f', { ...leaky, name: 'f', opsets: { '': 18 } })],
      node('f', ['in'], ['out'], {}, 'my'),
      "uses version 18 of operator set '', the model version 17",
    ],
    ['too many inputs', [leaky], node('leaky', ['in', 'in'], ['out'], {}, 'my'), 'has 1 inputs and 1 outputs'],
    [
      'undefined values',
      [f('f', { nodes: [node('Neg', ['in'], ['y'])] })],
      node('f', ['in'], ['out'], {}, 'my'),
      "uses 'in', which nothing in it defines",
    ],
    ['an output that nothing makes', [f('f', {})], node('f', ['in'], ['out'], {}, 'my'), "uses 'y'"],
    [
      'an output that is a missing input',
      [f('f', { outputs: ['x'] })],
      node('f', [], ['out'], {}, 'my'),
      "gives out its input 'x'",
    ],
    ['calls that double', bomb, node('f0', ['in'], ['out'], {}, 'my'), 'more than 100000 nodes'],
    ['calls too deep', deep, node('f0', ['in'], ['out'], {}, 'my'), 'more than 100 functions deep'],
  ])('refuses %s', (_, functions, call, message) => {
    let refusal: unknown;
    try {
      inlineFunctions(modelWith(functions, [call]));
    } catch (error) {
      refusal = error;
    }
    expect(refusal).toBeInstanceOf(UsageError);
    expect(String(refusal)).toContain(message);
  });
});
