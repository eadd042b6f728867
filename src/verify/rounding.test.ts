import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { randomStream } from '../base/random.ts';
import { floats } from '../graph/attributes.ts';
import { GraphBuilder } from '../graph/builder.ts';
import { sizeOf } from '../graph/dims.ts';
import { modelOf } from '../graph/model.ts';
import { apply, squeeze, transpose } from '../graph/ops.ts';
import type { Model } from '../graph/types.ts';
import { traceModel } from '../groups/traceModel.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { shrinkModel, shrinkZeros } from '../slim/shrink.ts';
import { noiseOf } from './noise.ts';
import { beyondRounding } from './rounding.ts';
import { assertEqual, verifyEqual } from './verify.ts';

const UNITS = 24;
const DEAD = UNITS / 3;

/**
 * A detector of events as they are shipped: one probability a step, of logits about `bias`, so that it is small. The
 * first third of the units has no reader; `reader` is the weight that reads the first of the others, where given.
 */
function detector(seed: number, { bias = -12, reader = undefined as number | undefined } = {}): Model {
  const random = randomStream(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const b = new GraphBuilder('detector');
  const weight = (name: string, dims: readonly number[], scale: number, change = (v: number, _: number) => v) =>
    b.parameter(
      name,
      floats(
        dims,
        Array.from({ length: sizeOf(dims) }, (_, i) => change(normal() * scale, i)),
      ),
    );
  const isRead = (v: number, unit: number) => (unit < DEAD ? 0 : unit === DEAD && reader !== undefined ? reader : v);
  const x = b.input('x', 'float32', ['t', 1, 12]);
  const layer = [
    weight('W', [1, 4 * UNITS, 12], 1),
    weight('R', [1, 4 * UNITS, UNITS], 0.6, (v, i) =>
      i % UNITS === DEAD ? isRead(v, DEAD) * 0 : isRead(v, i % UNITS),
    ),
    weight('B', [1, 8 * UNITS], 0.5),
  ];
  const [y] = b.node('LSTM', [x, ...layer], { hidden_size: UNITS }, ['y'], '', 'lstm');
  const channels = apply('Relu', [transpose(squeeze(y!, [1]), [1, 2, 0])]);
  const head = weight('O', [1, UNITS, 1], 3, isRead);
  const logits = apply('Conv', [channels, head, b.parameter('b', floats([1], [bias]))]);
  b.output(b.node('Sigmoid', [logits], {}, ['p'])[0]!);
  return modelOf(b.build());
}

describe('rounding', () => {
  it.each([-12, -15, -9])('lets models pass whose outputs are small probabilities: logits about %i', async (bias) => {
    for (let seed = 0; seed < 18; seed++) {
      const model = detector(seed, { bias });
      const slim = shrinkZeros(model);
      expect(slim.layers[0]!.after, String(seed)).toBe(UNITS - DEAD);
      await assertEqual(nodeRuntime, model, slim.model, { removal: slim, seed });
    }
  });

  /** Removes the first unit that something reads. */
  const withoutOne = (model: Model) => {
    const traced = traceModel(model);
    return { ...traced, ...shrinkModel(model, traced, (k) => k <= DEAD) };
  };

  it('hides no unit that is read by a small weight', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 1000 }),
        fc.double({ min: -3, max: 0, noNaN: true }),
        fc.constantFrom(-15, -12, 0),
        async (seed, exponent, bias) => {
          const model = detector(seed, { bias, reader: 10 ** exponent });
          const wrong = withoutOne(model);
          const options = { removal: { ...wrong, prepared: wrong.prepared }, seed };
          // A unit that ReLU never lets through computes nothing.
          const { maxAbsDifference } = await verifyEqual(nodeRuntime, logitsOf(model), logitsOf(wrong.model), options);
          fc.pre(maxAbsDifference > 1e-4 * Math.max(1, -bias));
          await expect(assertEqual(nodeRuntime, model, wrong.model, options)).rejects.toThrow(
            /differ by .* \(relative\), more than rounding/,
          );
        },
      ),
      { numRuns: 60, seed: 1 },
    );
  });

  it('is measured where outputs differ by more than usual, and never explains much', async () => {
    const noise = async () => new Map([['p', 1e-4]]);
    const of = (apart: number) => beyondRounding(new Map([['p', apart]]), 1e-5, noise);
    expect(await of(1e-6)).toEqual({ far: undefined });
    expect(await of(5e-4)).toEqual({ far: undefined, noise: 1e-4 });
    expect(await of(2e-3)).toEqual({ far: ['p', 2e-3], noise: 1e-4 });
    expect(await of(0.2)).toEqual({ far: ['p', 0.2] });
    expect(await of(Number.POSITIVE_INFINITY)).toEqual({ far: ['p', Number.POSITIVE_INFINITY] });
    expect(await beyondRounding(new Map([['p', 5e-4]]), 1e-5, false)).toEqual({ far: ['p', 5e-4] });
  });

  it('is that of weights which move to the next number', async () => {
    const model = logitsOf(detector(0));
    const x = floats(
      [5, 1, 12],
      Array.from({ length: 60 }, (_, i) => Math.sin(i)),
    );
    const noise = await noiseOf(nodeRuntime, model, [{ windows: [{ x }], states: {} }], []);
    expect([...noise.keys()]).toEqual([model.graph.outputs[0]!.name]);
    expect([...noise.values()][0]).toBeGreaterThan(1e-9);
    expect([...noise.values()][0]).toBeLessThan(1e-3);
  });

  it('gives way to a tolerance that is asked for', async () => {
    const wrong = withoutOne(detector(1, { bias: 0, reader: 0.01 }));
    const model = detector(1, { bias: 0, reader: 0.01 });
    const options = { removal: { ...wrong, prepared: wrong.prepared } };
    await expect(assertEqual(nodeRuntime, model, wrong.model, options)).rejects.toThrow('--tolerance permits more');
    await assertEqual(nodeRuntime, model, wrong.model, { ...options, tolerance: 0.1 });
  });
});

/** The same without the sigmoid at the end. */
function logitsOf(model: Model): Model {
  const { nodes, outputs } = model.graph;
  const last = nodes.at(-1)!;
  const logits = { ...outputs[0]!, name: last.inputs[0]! };
  return { ...model, graph: { ...model.graph, nodes: nodes.slice(0, -1), outputs: [logits] } };
}
