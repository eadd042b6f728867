import { describe, expect, it } from 'vitest';
import { FEATURES, layer, scoresOfPair, taughtCase } from '../../../test/support/distilling.ts';
import { randomTensor } from '../../../test/support/graphs.ts';
import { trainBatches } from '../../../test/support/training.ts';
import { SlimError, UsageError } from '../../base/errors.ts';
import type { Settings } from '../../base/fields.ts';
import { GraphBuilder, type Value } from '../../graph/builder.ts';
import { modelOf } from '../../graph/model.ts';
import { add, cast, logSoftmax, matmul, sigmoid, softmax, transpose } from '../../graph/ops.ts';
import type { ElementType, Model, Tensor } from '../../graph/types.ts';

/*
 * Which outputs of a student and of its teacher belong together, and what of two models, a file and flags does not fit.
 */

const COUNT = 6;
const x = randomTensor([COUNT, FEATURES], 3);
const arrays = new Map<string, Tensor>([
  ['x', x],
  ['gain', randomTensor([COUNT, 1], 4)],
  ['holes', { ...x, data: Float32Array.from(x.data as Float32Array, (v, i) => (i === 7 ? Number.NaN : v)) }],
]);

type End = (z: Value, b: GraphBuilder) => Value;
const numbers: End = (z) => z;
const classes: End = (z) => softmax(z);
const as =
  (type: ElementType): End =>
  (z) =>
    cast(z, type);

/** x [batch, 3] → x W, and outputs of one's own: what each makes of it. */
function model(outputs: Readonly<Record<string, End>>, seed = 1, inputs: readonly string[] = []): Model {
  const b = new GraphBuilder('linear');
  let z = matmul(b.input('x', 'float32', ['batch', FEATURES]), b.parameter('W', randomTensor([FEATURES, 4], seed)));
  for (const name of inputs) z = add(z, b.input(name, 'float32', ['batch', 1]));
  for (const [name, end] of Object.entries(outputs)) b.output(end(z, b), name);
  return modelOf(b.build());
}

/** What a run says of the outputs that it follows. */
async function notes(student: Model, teacher: Model, settings: Settings = {}): Promise<readonly string[]> {
  const { task } = await taughtCase(student, teacher, arrays, settings);
  const { problem } = task;
  return problem.lossGraph(task.model(), trainBatches(problem).shapeOf(0)).notes!;
}

describe('outputs', () => {
  it('are followed in those of equal names', async () => {
    const teacher = model({ b: numbers, a: sigmoid, c: as('int64') }, 2);
    expect(await notes(model({ a: sigmoid, b: numbers }), teacher)).toEqual([
      "the teacher is followed in 'a' (a sigmoid), 'b' (plain numbers)",
    ]);
    const [both, turned] = [model({ a: sigmoid, b: numbers }), model({ b: numbers, a: sigmoid })];
    const [one, other] = [await scoresOfPair(both, teacher, arrays), await scoresOfPair(turned, teacher, arrays)];
    for (const [name, value] of Object.entries(one)) expect(other[name]! / value, name).toBeCloseTo(1, 6);
  });

  it('are followed whatever they are called where there is only one', async () => {
    expect(await notes(model({ y: classes, k: as('int64') }), model({ z: (z) => logSoftmax(z) }, 2))).toEqual([
      "the teacher is followed in 'y' (a softmax over 4 classes, the teacher's 'z')",
    ]);
  });

  it('that the teacher has not, or not as real numbers, are told of', async () => {
    const [student, teacher] = [
      model({ a: numbers, b: numbers, c: numbers }),
      model({ a: numbers, b: as('int64') }, 2),
    ];
    const without = (name: string) => `the teacher has no output '${name}' of real numbers, so that it follows nothing`;
    expect((await notes(student, teacher)).slice(1)).toEqual([without('b'), without('c')]);
    expect(await notes(student, teacher, { outputs: ['a'] })).toHaveLength(1);
  });

  it('are no states, of whatever sizes', async () => {
    const step = layer({ hidden: 3, seed: 1, form: 'step' });
    const teacher = layer({ hidden: 5, seed: 2, form: 'step' });
    const { task } = await taughtCase(step, teacher, new Map([['x', randomTensor([COUNT, 4, FEATURES], 3)]]));
    const { problem } = task;
    expect(problem.lossGraph(step, trainBatches(problem).shapeOf(0)).notes).toEqual([
      "the teacher is followed in 'y' (plain numbers)",
    ]);
  });

  it('a softmax over the examples chooses no class', async () => {
    const over: End = (z) => softmax(z, 0);
    expect((await notes(model({ y: over }), model({ y: over }, 2)))[0]).toContain('plain numbers');
  });

  it('of the teacher may be float64', async () => {
    const [wide, narrow] = [model({ y: as('float64') }, 2), model({ y: numbers }, 2)];
    const student = model({ y: numbers });
    expect(await scoresOfPair(student, wide, arrays)).toEqual(await scoresOfPair(student, narrow, arrays));
  });
});

describe('refused are', () => {
  const two = model({ a: numbers, b: numbers });
  const cases: [string, Model, Model, RegExp, Settings?][] = [
    [
      'no output of real numbers',
      model({ y: as('int64') }),
      two,
      /^the model has no output of real numbers but its states$/,
    ],
    ['no output of the teacher', two, model({ y: as('int64') }), /^the teacher has no output of real numbers/],
    [
      'no output of one name',
      two,
      model({ c: numbers, d: numbers }),
      /^the teacher has no output 'a' of real numbers; it has c, d$/,
    ],
    [
      'an output that is not there',
      two,
      two,
      /^--outputs aa: .* no such output .*did you mean 'a'.* it has a, b$/,
      { outputs: ['aa'] },
    ],
    [
      'an output that the teacher lacks',
      two,
      model({ a: numbers, c: numbers }),
      /^the teacher has no output 'b'/,
      { outputs: ['b', 'a'] },
    ],
    [
      'other sizes',
      two,
      model({ a: (z) => transpose(z, [1, 0]), b: (z, b) => b.node('Concat', [z, z], { axis: 1 })[0]! }),
      /^output 'b' is \[4\] for each example, the teacher's 'b' is \[8\]$/,
    ],
    [
      'a softmax and numbers',
      model({ a: classes }),
      model({ a: numbers }),
      /^output 'a' is a softmax over 4 classes, the teacher's 'a' plain numbers; --outputs/,
    ],
    [
      'a sigmoid and a softmax',
      model({ a: sigmoid }),
      model({ a: classes }),
      /^output 'a' is a sigmoid, the teacher's 'a' a softmax over 4/,
    ],
    [
      'a float64 output',
      model({ a: as('float64') }),
      two,
      /^output 'a' is float64, and only float32 and float16 are trained; leave it out with --outputs$/,
      { outputs: ['a'] },
    ],
    ['an input that no array has', model({ a: numbers }, 1, ['shift']), two, /^data has no array 'shift'/],
    [
      'an input of the teacher that no array has',
      two,
      model({ a: numbers }, 2, ['shift']),
      /^as for the teacher: data has no array 'shift'/,
    ],
    ['an input that neither has', two, two, /^the model has no input 'z' .*it has x$/, { input: { z: 'x' } }],
    ['zeros for an input that neither has', two, two, /^the model has no input 'z'/, { zeros: ['z'] }],
    ['a value for an input that neither has', two, two, /^--set z=1: the model has no input 'z'/, { set: { z: '1' } }],
    ['a size that neither has', two, two, /^size time: the model has no free dimension 'time'/, { size: { time: 3 } }],
    ['a state that neither has', two, two, /^--state h=a: the model has no input 'h'/, { state: { h: 'a' } }],
    ['NaN in an input', two, two, /^array 'holes' of data has the value NaN at position 7/, { input: { x: 'holes' } }],
    ['an axis that is not there', two, two, /^--batch-axis x=4: 'x' has the axes 0 to 1/, { batchAxis: { x: 4 } }],
  ];
  it.each(cases)('%s', async (_, student, teacher, message, settings = {}) => {
    const refused = async () => {
      const { task } = await taughtCase(student, teacher, arrays, settings);
      task.problem.lossGraph(task.model(), trainBatches(task.problem).shapeOf(0));
    };
    await expect(refused()).rejects.toThrow(message);
    await expect(refused()).rejects.toThrow(UsageError);
  });

  it('an output whose shape nobody knows', async () => {
    const hidden: End = (z, b) => {
      b.addNode({ op: 'Secret', domain: 'mine', name: 'secret', inputs: [z.name], outputs: ['s'], attributes: {} });
      return b.value('s');
    };
    const refused = (settings?: Settings) => taughtCase(two, model({ a: hidden }), arrays, settings);
    await expect(refused()).rejects.toThrow(
      /^as for the teacher: which axis of 'a' \[unknown rank\] holds the examples/,
    );
    const said = refused({ batchAxis: { a: 0 } });
    await expect(said).rejects.toThrow(/^as for the teacher: mine.Secret 'secret' cannot be trained through/);
    await expect(said).rejects.toThrow(SlimError);
  });
});

describe('inputs that only one of the models has', () => {
  const [student, teacher] = [model({ y: numbers }), model({ y: numbers }, 2, ['gain'])];

  it('take the arrays of their names', async () => {
    const twins = [model({ y: numbers }, 1, ['gain']), model({ y: numbers }, 2, ['gain'])] as const;
    const [one, both] = [await scoresOfPair(student, teacher, arrays), await scoresOfPair(...twins, arrays)];
    expect(one.error).not.toBeCloseTo(both.error!, 3);
  });

  it('have as many examples', async () => {
    const b = new GraphBuilder('other');
    const longer = b.input('longer', 'float32', ['batch', FEATURES]);
    b.output(matmul(longer, b.parameter('W', randomTensor([FEATURES, 4]))), 'y');
    const given = new Map([...arrays, ['longer', randomTensor([9, FEATURES])]]);
    const refused = taughtCase(student, modelOf(b.build()), given);
    await expect(refused).rejects.toThrow("there are 6 examples for the model, 'x', and 9 for the teacher, 'longer'");
    await expect(refused).rejects.toThrow(UsageError);
  });

  it('are set, renamed or fed zeros by flags that say nothing to the other', async () => {
    const other = model({ y: numbers }, 2);
    const expected = await scoresOfPair(student, other, arrays);
    const zeros = new Map([['x', x]]);
    for (const settings of [{ set: { gain: '0' }, size: { batch: COUNT } }, { zeros: ['gain'] }] satisfies Settings[]) {
      const found = await scoresOfPair(student, teacher, zeros, settings);
      expect(found.error! / expected.error!, JSON.stringify(settings)).toBeCloseTo(1, 5);
      const turned = await scoresOfPair(teacher, student, zeros, settings);
      expect(turned.error! / (await scoresOfPair(other, student, arrays)).error!).toBeCloseTo(1, 5);
    }
    const named = new Map([
      ['x', x],
      ['volume', arrays.get('gain')!],
    ]);
    const renamed = await scoresOfPair(student, teacher, named, { input: { gain: 'volume' } });
    expect(renamed).toEqual(await scoresOfPair(student, teacher, arrays));
  });

  it('are states of other names', async () => {
    const own = layer({ hidden: 3, seed: 1, form: 'step' });
    const theirs = layer({ hidden: 5, seed: 20, form: 'step' });
    const names: Readonly<Record<string, string>> = { h: 'p', c: 'q', h_next: 'p_next', c_next: 'q_next' };
    const calledOtherwise = (name: string) => names[name] ?? name;
    const { graph } = theirs;
    const renamed: Model = {
      ...theirs,
      graph: {
        ...graph,
        inputs: graph.inputs.map((v) => ({ ...v, name: calledOtherwise(v.name) })),
        outputs: graph.outputs.map((v) => ({ ...v, name: calledOtherwise(v.name) })),
        nodes: graph.nodes.map((node) => ({
          ...node,
          inputs: node.inputs.map(calledOtherwise),
          outputs: node.outputs.map(calledOtherwise),
        })),
      },
    };
    const sequences = new Map([['x', randomTensor([COUNT, 4, FEATURES], 3)]]);
    const expected = await scoresOfPair(own, theirs, sequences);
    for (const state of [
      { h: 'h_next', c: 'c_next' },
      { p: 'p_next', q: 'q_next' },
      { h: 'h_next', c: 'c_next', p: 'p_next', q: 'q_next' },
    ]) {
      expect(await scoresOfPair(own, renamed, sequences, { state })).toEqual(expected);
    }
  });
});
