import { describe, expect, it } from 'vitest';
import { graphOver, randomTensor } from '../../test/support/graphs.ts';
import { floats, int64s } from '../graph/attributes.ts';
import { modelOf } from '../graph/model.ts';
import { add, cast, mul } from '../graph/ops.ts';
import type { Graph } from '../graph/types.ts';
import { withGiven } from './given.ts';
import { type GivenText, readGiven } from './givenText.ts';
import { specialize } from './specialize.ts';

const graph = graphOver(
  { x: randomTensor([2, 3]), rate: int64s([], [3]), state: randomTensor([1, 2, 3]) },
  (v) => add(mul(v.x, cast(v.rate, 'float32')), v.state),
  { x: ['batch', 'time'], state: [1, 'batch', 3] },
);
const model = modelOf(graph);
const shapes = ({ inputs }: Graph) => inputs.map(({ name, type }) => `${name} ${type.shape}`);
const given = (text: GivenText) => withGiven(model, readGiven(graph, text)).graph;

describe('values and sizes', () => {
  it('take the place of inputs and free dimensions', () => {
    expect(shapes(given({ set: ['rate=7'], size: ['batch=4'] }))).toEqual(['x 4,time', 'state 1,4,3']);
    expect(shapes(given({ size: ['x.1=3', 'state.1=2'] }))).toEqual(['x 2,3', 'rate ', 'state 1,2,3']);
    expect(shapes(given({ set: ['state=[[[1,2,3],[4,5,6]]]'] }))).toEqual(['x 2,time', 'rate ']);
    expect(shapes(given({ set: ['state=0.5'], size: ['batch=2'] }))).toEqual(['x 2,time', 'rate ']);
    expect(withGiven(model, {})).toBe(model);
  });

  it('give a model in which nothing is left to decide', () => {
    const {
      model: after,
      inputs,
      nodes,
    } = specialize(model, readGiven(graph, { set: ['rate=1', 'state=0'], size: ['batch=2'] }));
    expect(inputs.map(({ name }) => name)).toEqual(['x']);
    expect(nodes.before).toBe(3);
    expect(after.graph.nodes.map((n) => n.op)).toEqual(['Constant', 'Add']);
  });

  it.each<[GivenText, RegExp]>([
    [{ set: ['rat=7'] }, /no input 'rat' \(did you mean 'rate'\?\); it has 'x', 'rate', 'state'/],
    [{ set: ['rate'] }, /takes input=value/],
    [{ set: ['rate=fast'] }, /--set rate takes a number, true, false or a list like \[1,2\], got 'fast'/],
    [{ set: ['rate=[1,[2]]'] }, /takes a number/],
    [{ set: ['rate=1.5'] }, /--set rate has the value 1.5/],
    [{ set: ['rate=[1,2]'] }, /the input is \[\], the list has 2 values/],
    [{ set: ['rate=1', 'rate=2'] }, /--set rate is given twice/],
    [{ set: ['state=0'] }, /say the sizes with --size, or give a list/],
    [{ set: ['state=[[[1,2]]]'] }, /input 'state' is \[1, batch, 3\], the value given for it \[1, 1, 2\]/],
    [{ size: ['batch'] }, /--size takes name=number/],
    [{ size: ['batch=0'] }, /--size batch takes a positive whole number, got '0'/],
    [{ size: ['batch=2', 'batch=3'] }, /--size batch is given twice/],
    [{ size: ['bach=2'] }, /no free dimension 'bach' \(did you mean 'batch'\?\); there are 'batch', 'time'/],
    [{ size: ['x.2=2'] }, /input 'x' \[batch, time\] has no axis 2/],
    [{ size: ['state.0=2'] }, /2 does not fit, the model fixes it at 1/],
    [{ size: ['batch=2', 'x.0=3'] }, /3 does not fit, 'batch' is 2 already/],
    [{ set: ['state=[[[1,2,3]]]'], size: ['batch=2'] }, /the input is \[1, 2, 3\], the list has 3 values/],
  ])('refuses %j', (text, message) => {
    expect(() => given(text)).toThrow(message);
  });

  it('refuses a value of another type or shape, and a dimension that is computed', () => {
    const give = (name: string, tensor: Parameters<typeof floats>) => () =>
      withGiven(model, { values: new Map([[name, floats(...tensor)]]) });
    expect(give('rate', [[], [1]])).toThrow(/input 'rate' is int64, the value given for it float32/);
    expect(give('x', [[2], [1, 2]])).toThrow(/input 'x' is \[batch, time\], the value given for it \[2\]/);
    const doubled = graphOver({ x: randomTensor([4]) }, (v) => add(v.x, 1), { x: ['2*batch'] });
    expect(() => withGiven(modelOf(doubled), { sizes: { 'x.0': 4 } })).toThrow(/'2\*batch' is computed from others/);
  });
});
