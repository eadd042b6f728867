import { describe, expect, it } from 'vitest';
import { attribute } from '../graph/attributes.ts';
import type { Graph, Node } from '../graph/types.ts';
import { uniqueNames } from './uniqueNames.ts';

const node = (op: string, inputs: string[], outputs: string[], bodies: Record<string, Graph> = {}): Node => ({
  op,
  domain: '',
  name: outputs[0]!,
  inputs,
  outputs,
  attributes: Object.fromEntries(Object.entries(bodies).map(([k, value]) => [k, { type: 'graph', value } as const])),
});

const graph = (nodes: Node[], output: string, inputs: string[] = []): Graph => {
  const info = (name: string) => ({ name, type: { elementType: 'float32', shape: [2] } as const });
  return { name: 'g', inputs: inputs.map(info), outputs: [info(output)], initializers: new Map(), nodes };
};

const branch = (op: string) => graph([node(op, ['x'], ['t']), node('Neg', ['t'], ['y'])], 'y');

describe('uniqueNames', () => {
  it('renames what two branches both define, and leaves what they take from outside', () => {
    const before = graph([node('If', ['c'], ['z'], { then_branch: branch('Abs'), else_branch: branch('Exp') })], 'z', [
      'c',
      'x',
    ]);
    const bodies = Object.values(uniqueNames(before).nodes[0]!.attributes).map((a) => a.value as Graph);
    expect(bodies.map((b) => b.nodes.map((n) => [n.inputs, n.outputs]))).toEqual([
      [
        [['x'], ['t']],
        [['t'], ['y']],
      ],
      [
        [['x'], ['t.1']],
        [['t.1'], ['y.1']],
      ],
    ]);
    expect(bodies.map((b) => b.outputs[0]!.name)).toEqual(['y', 'y.1']);
  });

  it('renames a body that hides a name of the graph around it, in the bodies inside too', () => {
    const inner = graph([node('Abs', ['x'], ['i'])], 'i');
    const outer = graph([node('Neg', ['a'], ['x']), node('If', ['c'], ['o'], { then_branch: inner })], 'o');
    const before = graph([node('If', ['c'], ['z'], { then_branch: outer })], 'z', ['c', 'a', 'x']);
    const body = uniqueNames(before).nodes[0]!.attributes.then_branch!.value as Graph;
    expect(body.nodes[0]!.outputs).toEqual(['x.1']);
    expect((body.nodes[1]!.attributes.then_branch!.value as Graph).nodes[0]!.inputs).toEqual(['x.1']);
  });

  it('returns a graph without doubles as it is', () => {
    const plain = graph([{ ...node('Abs', ['x'], ['y']), attributes: { axis: attribute(1) } }], 'y', ['x']);
    expect(uniqueNames(plain)).toBe(plain);
    const one = graph([node('If', ['c'], ['z'], { then_branch: branch('Abs') })], 'z', ['c', 'x']);
    expect(uniqueNames(one)).toBe(one);
  });
});
