import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GraphBuilder, type Value } from '../../src/graph/builder.ts';
import { modelOf } from '../../src/graph/model.ts';
import { matmul, squeeze } from '../../src/graph/ops.ts';
import type { Node } from '../../src/graph/types.ts';
import { saveModel } from '../../src/onnx/file.ts';
import { randomTensor } from '../support/graphs.ts';
import { makeFolder, runCli, runJson } from '../support/runCli.ts';

/*
 * Three LSTM layers, and between the first two an operator of another domain, which the engine runs and the trace does
 * not know. In every layer units 0 and 1 are read by nothing that the trace can see.
 */

const H = 5;
let folder: string;

beforeAll(async () => {
  folder = makeFolder();
  const b = new GraphBuilder('blocked');
  let x: Value = b.input('x', 'float32', ['time', 'batch', 3]);
  for (const i of [0, 1, 2]) {
    const name = `layer_${i}`;
    const size = i === 0 ? 3 : H;
    const inputs = [
      x,
      b.parameter(`${name}.W`, withoutReaders(randomTensor([1, 4 * H, size], i + 1), size === H)),
      b.parameter(`${name}.R`, withoutReaders(randomTensor([1, 4 * H, H], i + 5), true)),
    ];
    const [y] = b.node('LSTM', inputs, { hidden_size: H }, 1, '', name);
    x = squeeze(y!, [1]);
    if (i === 0) {
      const gelu: Node = {
        op: 'Gelu',
        domain: 'com.microsoft',
        name: 'gelu_between',
        inputs: [x.name],
        outputs: ['between'],
        attributes: {},
      };
      b.addNode(gelu);
      x = { ...b.value('between'), type: x.type };
    }
  }
  const head = randomTensor([H, 4], 9);
  (head.data as Float32Array).fill(0, 0, 8);
  b.output(matmul(x, b.parameter('head', head)), 'logits');
  const model = modelOf(b.build());
  await saveModel(join(folder, 'model.onnx'), { ...model, opsets: { ...model.opsets, 'com.microsoft': 1 } });
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Zeros the columns of units 0 and 1 of a weight [1, 4H, I]. */
function withoutReaders(tensor: ReturnType<typeof randomTensor>, units: boolean): ReturnType<typeof randomTensor> {
  const columns = tensor.dims[2]!;
  const data = (tensor.data as Float32Array).map((v, i) => (units && i % columns < 2 ? 0 : v));
  return { ...tensor, data };
}

interface Inspected {
  readonly layers: readonly { name: string; removable?: number; blocked?: string }[];
}

describe('an operator that the trace does not know', () => {
  it('is shown by inspect, with the layer that it blocks', async () => {
    const { layers } = await runJson<Inspected>(['inspect', 'model.onnx'], folder);
    expect(layers.map((l) => [l.name, l.removable])).toEqual([
      ['layer_0', 0],
      ['layer_1', 2],
      ['layer_2', 2],
    ]);
    expect(layers[0]!.blocked).toContain("com.microsoft.Gelu 'gelu_between'");
    expect(layers[1]!.blocked).toBeUndefined();
  });

  it('stops shrink with one message that says how to go on, and nothing is written', async () => {
    const { code, stdout, stderr } = await runCli(['shrink', 'model.onnx', '--out', 'slim.onnx'], folder);
    expect(code).toBe(1);
    expect(stdout).toBe('');
    for (const part of ["com.microsoft.Gelu 'gelu_between'", "'layer_0'", '--fix']) expect(stderr).toContain(part);
    expect(stderr.match(/error:/g)).toHaveLength(1);
    expect(existsSync(join(folder, 'slim.onnx'))).toBe(false);
  });

  it('lets the other layers shrink when that one keeps its units', async () => {
    const args = ['shrink', 'model.onnx', '--out', 'slim.onnx', '--fix', 'layer_0'];
    const { layers, verify } = await runJson<{
      layers: readonly { before: number; after: number }[];
      verify: { maxRelativeDifference: number };
    }>(args, folder);
    expect(layers.map((l) => [l.before, l.after])).toEqual([
      [5, 5],
      [5, 3],
      [5, 3],
    ]);
    expect(verify.maxRelativeDifference).toBeLessThan(1e-5);
  });

  it('knows no other layer', async () => {
    const { code, stderr } = await runCli(['shrink', 'model.onnx', '--out', 'other.onnx', '--fix', 'layer_9'], folder);
    expect(code).toBe(2);
    expect(stderr).toContain("there is no layer 'layer_9'");
    expect(stderr).toContain('did you mean');
  });
});
