import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { inHalf, lstmModel } from '../../test/support/engineFaults.ts';
import { SlimError } from '../base/errors.ts';
import { modelOf } from '../graph/model.ts';
import type { Model } from '../graph/types.ts';
import { loadModel } from '../onnx/file.ts';
import { writeModel } from '../onnx/write.ts';
import { lowerRecurrent } from '../passes/lowerRecurrent.ts';
import { verifyEqual } from '../verify/verify.ts';
import { nodeRuntime } from './node.ts';

/*
 * At the engine's highest level of optimisation each of these ends the process with SIGSEGV: a failure here is a test
 * worker that dies.
 */

const half = inHalf(lstmModel(['batch', 'time', 3], { batchFirst: true }));

describe('half precision', () => {
  it.each<[string, Model]>([
    ['an LSTM with a linear head, batch first', half],
    ['the same inside a function', inFunction(half)],
    ['float32 that is cast on the way', castOnTheWay()],
  ])('runs: %s', async (_, model) => {
    expect((await verifyEqual(nodeRuntime, model, model, { batches: 1 })).maxAbsDifference).toBe(0);
  });

  it('runs from bytes, too', async () => {
    await (await nodeRuntime.createSession(writeModel(half))).release();
  });

  const folder = fileURLToPath(new URL('../../test/fixtures/models', import.meta.url));
  const files = existsSync(folder)
    ? readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.onnx'))
    : [];
  // Files that other tools exported; none in the published package.
  it.skipIf(files.length === 0)('runs models of other tools, or refuses them', async () => {
    let ran = 0;
    for (const file of files) {
      const model = inHalf(await loadModel(`${folder}/${file}`));
      try {
        await verifyEqual(nodeRuntime, model, model, { batches: 1 });
        ran++;
      } catch (error) {
        expect(error, file).toBeInstanceOf(SlimError);
      }
    }
    expect(ran).toBeGreaterThan(files.length / 2);
  });
});

/** The whole model as one call of a function of its own. */
function inFunction({ graph, ...model }: Model): Model {
  const stored = [...graph.initializers.keys()];
  const inputs = [...graph.inputs.map((v) => v.name), ...stored];
  const outputs = graph.outputs.map((v) => v.name);
  const call = { op: 'Whole', domain: 'own', name: 'call', inputs, outputs, attributes: {} };
  const body = { domain: 'own', name: 'Whole', inputs, outputs, attributes: [], defaults: {}, nodes: graph.nodes };
  return {
    ...model,
    graph: { ...graph, nodes: [call] },
    opsets: { ...model.opsets, own: 1 },
    functions: [{ ...body, opsets: { '': 17 } }],
  };
}

/** The recurrence as a loop in float16, between Casts; nothing else of the model is half. */
function castOnTheWay(): Model {
  const { graph } = half;
  const float = modelOf(graph);
  const x = { name: 'x32', type: { elementType: 'float32', shape: ['batch', 'time', 3] } } as const;
  const cast = { domain: '', attributes: { to: { type: 'int', value: 10 } } } as const;
  const back = { domain: '', attributes: { to: { type: 'int', value: 1 } } } as const;
  return {
    ...float,
    graph: lowerRecurrent({
      ...graph,
      inputs: [x],
      outputs: [{ name: 'y32', type: { elementType: 'float32', shape: ['batch', 'time', 2] } }],
      nodes: [
        { ...cast, op: 'Cast', name: 'in', inputs: ['x32'], outputs: ['x'] },
        ...graph.nodes,
        { ...back, op: 'Cast', name: 'out', inputs: ['y'], outputs: ['y32'] },
      ],
    }),
  };
}
