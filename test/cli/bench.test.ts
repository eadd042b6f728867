import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GraphBuilder, type Value } from '../../src/graph/builder.ts';
import { modelOf } from '../../src/graph/model.ts';
import { add, apply, matmul } from '../../src/graph/ops.ts';
import type { Dim } from '../../src/graph/types.ts';
import { describeModel } from '../../src/inspect/describe.ts';
import { languageModel } from '../../src/models/languageModel.ts';
import { saveModel } from '../../src/onnx/file.ts';
import { randomTensor } from '../support/graphs.ts';
import { type Finished, makeFolder, runCli, runJson, startCli } from '../support/runCli.ts';

/*
 * `slimrnn bench` as a user types it, on models of any origin.
 */

let folder: string;
const quick = ['--steps', '3', '--rounds', '1', '--threads', '1'];
const large = languageModel({ vocabulary: 30, embedding: 8, hidden: [24, 24] });
const slim = languageModel({ vocabulary: 30, embedding: 8, hidden: [6, 4] });

beforeAll(async () => {
  folder = makeFolder();
  const save = (name: string, model: typeof large) => saveModel(join(folder, name), model);
  await save('large.onnx', large);
  await save('slim.onnx', slim);
  // As exporters leave them: dimensions without names, the batch of the states named in yet another way.
  const inputs = large.graph.inputs.map((input) => {
    const shape = input.type.shape?.map((d) => (d === 'batch' ? 'unk__3' : d === 'time' ? '?' : d));
    return { ...input, type: { ...input.type, shape } };
  });
  await save('imported.onnx', { ...large, graph: { ...large.graph, inputs } });
  const graph = (shape: Dim[], make: (x: Value, b: GraphBuilder) => Value) => {
    const b = new GraphBuilder('test');
    b.output(make(b.input('x', 'float32', shape), b), 'y');
    return modelOf(b.build());
  };
  const product = (x: Value, b: GraphBuilder, columns: number) =>
    matmul(x, b.parameter('w', randomTensor([16, columns])));
  await save(
    'product.onnx',
    graph(['batch', 16], (x, b) => product(x, b, 16)),
  );
  await save(
    'unclear.onnx',
    graph(['rows', 'columns', 3], (x) => apply('Relu', [x])),
  );
  await save(
    'open.onnx',
    graph(['?', '?', 3], (x) => apply('Relu', [x])),
  );
  await save(
    'single.onnx',
    graph([1, 16], (x, b) => product(x, b, 16)),
  );
  const sum = (x: Value, b: GraphBuilder) => add(x, b.parameter('bias', randomTensor([5])));
  await save('sum.onnx', graph(['batch', 'width'], sum));
  const picked = { elementType: 'bool', dims: [6], data: Uint8Array.of(1, 1, 1, 1, 1, 0) } as const;
  // How many a Compress leaves is not known before it runs.
  const hidden = (x: Value, b: GraphBuilder) =>
    add(x, apply('Compress', [b.parameter('bias', randomTensor([6])), b.constant(picked)], { axis: 0 }));
  await save('hidden.onnx', graph(['batch', 'width'], hidden));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function refused(args: readonly string[], code: number, ...words: string[]): Promise<void> {
  expectRefusal(await runCli(['bench', ...args], folder), code, ...words);
}

function expectRefusal(finished: Finished, code: number, ...words: string[]): void {
  expect(finished).toMatchObject({ code, stdout: '' });
  expect(finished.stderr).toContain('error: ');
  expect(finished.stderr).not.toContain('unexpected');
  for (const word of words) expect(finished.stderr).toContain(word);
}

describe('bench', () => {
  it('times models in both engines', async () => {
    const document = await runJson(
      ['bench', 'large.onnx', 'slim.onnx', '--device', 'cpu,wasm', '--batch', '1,2', ...quick],
      folder,
    );
    const adds = [large, slim].map((model) => describeModel(model).multiplyAdds) as [number, number];
    const facts = [
      { name: 'large.onnx', file: 'large.onnx', multiplyAdds: adds[0], multiplyAddRatio: 1 },
      { name: 'slim.onnx', file: 'slim.onnx', multiplyAdds: adds[1], multiplyAddRatio: adds[0] / adds[1] },
    ];
    expect(document).toMatchObject({
      engines: {
        cpu: expect.stringMatching(/^onnxruntime-node \d/),
        wasm: expect.stringMatching(/^onnxruntime-web \d.*wasm/),
      },
      threads: 1,
      rounds: 1,
      models: facts,
      results: [1, 2].map((batch) => ({
        batch,
        steps: 3,
        models: ['cpu', 'wasm'].flatMap((runtime) => facts.map((fact) => ({ ...fact, runtime, threads: 1 }))),
      })),
    });
    const { results } = document as {
      results: { models: { milliseconds: Record<'min' | 'median' | 'p90' | 'max', number>; speedup: number }[] }[];
    };
    for (const { models } of results) {
      models.forEach(({ milliseconds: { min, median, p90, max }, speedup }, i) => {
        expect([min, median, p90, max]).toEqual([min, median, p90, max].sort((a, b) => a - b));
        expect(min).toBeGreaterThan(0);
        expect(speedup).toBeCloseTo(models[i - (i % 2)]!.milliseconds.median / median, 10);
      });
    }
  });

  it('shows a table with engine, threads, medians and percentiles, and multiply-adds beside the speed', async () => {
    const { code, stdout, stderr } = await runCli(
      ['bench', 'large.onnx', 'slim.onnx', '--batch', '2', ...quick],
      folder,
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/^onnxruntime-node \d\S*, 1 thread, batch 2 × 3 steps\n/);
    expect(stdout).toMatch(/model +multiply-adds +fewer +median +p90 +faster/);
    expect(stdout).toMatch(/slim\.onnx +[\d ]+ +\d+\.\d\d× +\d+\.\d\d ms +\d+\.\d\d ms +\d+\.\d\d×/);
    expect(stderr).toMatch(/onnxruntime-node .*batch 2 × 3 steps/);
  });

  it('names models of one file name by their paths', async () => {
    const { models } = await runJson<{ models: { name: string }[] }>(
      ['bench', 'product.onnx', './product.onnx', '--batch', '1', ...quick],
      folder,
    );
    expect(models.map((m) => m.name)).toEqual(['product.onnx', './product.onnx']);
  });

  it('tells how many threads an engine runs when nobody says', async () => {
    const flags = ['--device', 'web,node', '--batch', '1', '--steps', '3', '--rounds', '1'];
    const document = await runJson<{ threads: null; results: { models: { threads: number }[] }[] }>(
      ['bench', 'slim.onnx', ...flags],
      folder,
    );
    expect(document.threads).toBeNull();
    for (const { threads } of document.results[0]!.models) expect(threads).toBeGreaterThanOrEqual(1);
  });

  it('knows batch and time without their names', async () => {
    const { code, stderr } = await runCli(['bench', 'imported.onnx', 'large.onnx', '--batch', '2', ...quick], folder);
    expect(stderr).not.toContain('error');
    expect(code).toBe(0);
  });

  it('asks for sizes that it cannot know, and takes them', async () => {
    await refused(['unclear.onnx'], 2, "unclear.onnx, input 'x'", "dimension 'rows'", '--size rows=NUMBER');
    await refused(['open.onnx'], 2, "input 'x'", "'?x_0'", "--size '?x_0=NUMBER'");
    await refused(['unclear.onnx', '--size', 'row=3'], 2, "no model has a free dimension 'row'", 'rows, columns');
    const sizes = ['--size', 'rows=2', '--size', 'columns=4'];
    const { code } = await runCli(['bench', 'unclear.onnx', ...sizes, '--batch', '1', ...quick], folder);
    expect(code).toBe(0);
  });

  it('times a model that fixes its batch at that, and nothing else', async () => {
    const { code, stdout, stderr } = await runCli(['bench', 'single.onnx', 'product.onnx', ...quick], folder);
    expect(code, stderr).toBe(0);
    expect(stderr).toContain('single.onnx fixes its batch at 1');
    expect(stdout).toMatch(/batch 1 × 3 steps/);
    expect(stdout).not.toMatch(/batch 10/);
    await refused(
      ['single.onnx', '--batch', '10', ...quick],
      2,
      'single.onnx fixes its batch at 1, --batch asks for 10',
    );
  });

  it('names the operator that cannot run with the sizes', async () => {
    const args = ['hidden.onnx', '--size', 'width=4', '--device'];
    await refused([...args, 'cpu'], 1, 'error: hidden.onnx: onnxruntime-node', "cannot run Add 'Add_0': ");
    await refused([...args, 'wasm'], 1, 'error: hidden.onnx: onnxruntime-web', 'cannot run the model: ');
  });

  it('takes sizes that operators imply, and refuses others', async () => {
    const { code } = await runCli(['bench', 'sum.onnx', '--batch', '1', ...quick], folder);
    expect(code).toBe(0);
    const message =
      "sum.onnx: the free dimension 'width' cannot be 4: the sizes of the model's other inputs and weights";
    await refused(['sum.onnx', '--size', 'width=4'], 2, message, 'leave only 5; say --size width=5');
  });

  it('refuses other engines', async () => {
    await refused(['slim.onnx', '--device', 'cpy'], 2, "no device 'cpy' (did you mean 'cpu'?)", 'cpu, wasm');
    await refused(['slim.onnx', '--device', 'cpu,tpu'], 2, "no device 'tpu'");
  });

  it('says what it needs of a GPU where there is none, and times on it otherwise', async () => {
    const args = ['bench', 'slim.onnx', '--device', 'webgpu', '--batch', '1', ...quick];
    const { code, stderr, stdout } = await runCli(args, folder);
    if (code === 0) expect(stdout).toMatch(/^onnxruntime-node \d\S* \(WebGPU\)/);
    else expect(stderr).toMatch(/error: the device webgpu needs a GPU and its driver .* adapter/);
  });

  it('says how to add the web engine where it is not installed, and does without it otherwise', async () => {
    const absent = `export async function resolve(name, context, next) {
      if (name === 'onnxruntime-web') throw new Error("Cannot find package 'onnxruntime-web'");
      return next(name, context);
    }`;
    const register = `import { register } from 'node:module'; register(${JSON.stringify(dataUrl(absent))});`;
    const env = { NODE_OPTIONS: `--import ${dataUrl(register)}` };
    const bench = (...args: string[]) => startCli(['bench', 'slim.onnx', ...args], folder, env).finished;
    expectRefusal(await bench('--device', 'web'), 2, 'npm install onnxruntime-web', 'Cannot find package');
    expect((await bench('--batch', '1', ...quick)).code).toBe(0);
  });
});

function dataUrl(code: string): string {
  return `data:text/javascript,${encodeURIComponent(code)}`;
}
