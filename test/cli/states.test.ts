import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { modelOf } from '../../src/graph/model.ts';
import type { ModelSummary } from '../../src/inspect/describe.ts';
import { saveModel } from '../../src/onnx/file.ts';
import { randomTensor } from '../support/graphs.ts';
import { makeFolder, runCli, runJson } from '../support/runCli.ts';
import { head, lstmStep, pick, randomWeights, stack, stepModel, withZeroRows } from '../support/stepCells.ts';

/*
 * Streaming states as a user meets them: which were found, what is not clear, what they hold.
 */

const [H, B] = [6, 'batch'];
let folder: string;

beforeAll(async () => {
  folder = makeFolder();
  const separate = stepModel({ h: [B, H], c: [B, H] }, (b, x, [h, c]) => {
    const [hn, cn] = lstmStep(randomWeights(b, 'cell'), x, h!, c!, H, 5);
    return { y: head(b, hn, H), next: { hn, cn } };
  });
  await saveModel(join(folder, 'separate.onnx'), withZeroRows(separate, { 'cell.R': [0], head_0: [0] }));
  const stacked = stepModel({ state: [2, B, H] }, (b, x, [state]) => {
    const next = lstmStep(randomWeights(b, 'cell'), x, pick(state!, 0, 0), pick(state!, 1, 0), H, 5);
    return { y: head(b, next[0], H), next: { state_out: stack(next, 0) } };
  });
  await saveModel(join(folder, 'stacked.onnx'), stacked);
  const unclear = stepModel(
    { a: [B, H], c: [B, H] },
    (b, x, [a, c]) => {
      const [out, memory] = lstmStep(randomWeights(b, 'cell'), x, a!, c!, H, H);
      return { y: head(b, out, H), next: { out, memory } };
    },
    { inputs: H },
  );
  await saveModel(join(folder, 'unclear.onnx'), unclear);
  const b = new GraphBuilder('in only');
  const x = b.input('x', 'float32', ['time', B, 5]);
  const weight = (dims: number[]) => b.parameter(b.fresh('w'), randomTensor(dims, dims.length));
  const [h0, c0] = ['h0', 'c0'].map((name) => b.input(name, 'float32', [1, B, H]));
  const inputs = [x, weight([1, 4 * H, 5]), weight([1, 4 * H, H]), undefined, undefined, h0, c0];
  b.output(b.node('LSTM', inputs, { hidden_size: H }, 1, '', 'lstm')[0]!, 'y');
  await saveModel(join(folder, 'in-only.onnx'), modelOf(b.build()));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const inspect = async (...args: string[]) => {
  const { code, stdout, stderr } = await runCli(['inspect', ...args], folder);
  expect([code, stderr]).toEqual([0, '']);
  return stdout;
};

describe('inspect of a model that streams', () => {
  it('shows a cell as one layer, and which states were found', async () => {
    const shown = await inspect('separate.onnx');
    expect(shown).toMatch(/^ ?h +LSTM cell +6 +1 /m);
    expect(shown).toMatch(/^state {2}h → hn$/m);
    expect(shown).toMatch(/^state {2}c → cn$/m);
    const { states, unclearStates } = await runJson<ModelSummary>(['inspect', 'stacked.onnx'], folder);
    expect(states).toEqual([{ input: 'state', output: 'state_out' }]);
    expect(unclearStates).toEqual([]);
  });

  it('believes the user that there are none', async () => {
    for (const flags of [['--state', 'none'], ['--no-states']]) {
      const shown = await inspect('separate.onnx', ...flags);
      expect(shown).not.toMatch(/→/);
      expect(shown).toContain('no recurrent layers');
    }
    const { code, stderr } = await runCli(['inspect', 'separate.onnx', '--state', 'none', '--state', 'h=hn'], folder);
    expect([code, stderr]).toEqual([
      2,
      'error: --state names a streaming state and --state none says that there is none; give one of them\n',
    ]);
  });

  it('says what may be a state, and which input holds the number of units until that is said', async () => {
    const shown = await inspect('unclear.onnx');
    expect(shown).toContain(
      "inputs 'x', 'a' and outputs 'out' have equal shapes: if they are streaming states, say which belong together: " +
        '--state x=out or --state a=out',
    );
    expect(shown).toContain("6 of 6 units always stay: output 'out' holds them");
    expect(await inspect('unclear.onnx', '--state', 'a=out', '--state', 'c=memory')).not.toContain('always stay');
  });
});

describe('shrink of a model that streams', () => {
  it('says how the shapes of the states changed', async () => {
    const { code, stdout } = await runCli(['shrink', 'separate.onnx', '--out', 'slim.onnx'], folder);
    expect(code).toBe(0);
    expect(stdout).toMatch(/h units +6 +5/);
    expect(stdout).toContain('inputs and outputs [batch, 6] → [batch, 5]: h, c, hn, cn');
  });
});

describe('export --streaming', () => {
  it('gives out the states that come in only', async () => {
    const args = ['export', 'in-only.onnx', '--streaming', '--out', 'streaming.onnx'];
    const { code, stdout } = await runCli(args, folder);
    expect(code).toBe(0);
    expect(stdout).toContain('state h0 [1, batch, 6], next: h0_next\nstate c0 [1, batch, 6], next: c0_next\n');
    expect(await inspect('streaming.onnx')).toContain('state  h0 → h0_next\nstate  c0 → c0_next');
  });
});
