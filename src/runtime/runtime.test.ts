import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UsageError } from '../base/errors.ts';
import { randomStream } from '../base/random.ts';
import { floatToHalf } from '../graph/half.ts';
import { modelOf } from '../graph/model.ts';
import type { Graph, Model, Node, Tensor, TensorType } from '../graph/types.ts';
import { languageModel } from '../models/languageModel.ts';
import { loadModel } from '../onnx/file.ts';
import { writeModel } from '../onnx/write.ts';
import { boundDims, randomTensor, smallSizes } from '../verify/randomInputs.ts';
import { EngineError } from './explain.ts';
import { nodeRuntime } from './node.ts';
import type { Runtime, Session, Tensors } from './runtime.ts';
import { loadRuntime, parseRuntimeName, runtimeNames } from './runtimes.ts';

const small = languageModel({ vocabulary: 11, embedding: 4, hidden: [5, 3], initScale: 0.5 });

/** A graph of one node over inputs and initializers. */
function oneNode(node: Partial<Node> & Pick<Node, 'op' | 'inputs'>, types: Record<string, TensorType>): Model {
  const { y, ...inputs } = types;
  const graph: Graph = {
    name: 'one',
    inputs: Object.entries(inputs).map(([name, type]) => ({ name, type })),
    outputs: [{ name: 'y', type: y! }],
    initializers: new Map([['table', { elementType: 'float32', dims: [4, 3], data: new Float32Array(12) }]]),
    nodes: [{ domain: '', name: `${node.op.toLowerCase()}_0`, outputs: ['y'], attributes: {}, ...node }],
  };
  return modelOf(graph);
}

const identity = (elementType: Tensor['elementType']) =>
  oneNode({ op: 'Identity', inputs: ['x'] }, { x: { elementType, shape: ['n'] }, y: { elementType, shape: ['n'] } });

function inputsOf({ graph }: Model): Tensors {
  const random = randomStream(3);
  const sizes = smallSizes(graph);
  return Object.fromEntries(
    graph.inputs.map((v) => [v.name, randomTensor(v, graph, boundDims(v, sizes), random, sizes)]),
  );
}

async function errorOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe.each(runtimeNames)('the %s runtime', (name) => {
  let runtime: Runtime;
  const sessions: Session[] = [];
  const open = async (...args: Parameters<Runtime['createSession']>) => {
    const session = await runtime.createSession(...args);
    sessions.push(session);
    return session;
  };
  beforeAll(async () => {
    runtime = await loadRuntime(name);
  });
  afterAll(async () => {
    for (const session of sessions) await session.release();
  });

  it('tells its version', () => {
    expect(runtime.name).toMatch(new RegExp(`^onnxruntime-${name} \\d+\\.\\d+\\.\\d+`));
  });

  it('runs a model or its bytes', async () => {
    const feeds = inputsOf(small);
    const session = await open(small, { threads: 1 });
    expect(session.threads).toBe(1);
    expect(session.inputNames).toEqual(small.graph.inputs.map((v) => v.name));
    expect(session.outputNames).toEqual(small.graph.outputs.map((v) => v.name));
    const made = await session.run(feeds);
    expect(Object.keys(made).sort()).toEqual([...session.outputNames].sort());
    expect(made.logits).toMatchObject({ elementType: 'float32', dims: [7, 3, 11] });
    expect(await (await open(writeModel(small))).run(feeds)).toEqual(made);
  });

  it('writes outputs into tensors that are given', async () => {
    const session = await open(small);
    const feeds = inputsOf(small);
    const expected = await session.run(feeds);
    const logits: Tensor = { elementType: 'float32', dims: [7, 3, 11], data: new Float32Array(7 * 3 * 11) };
    const made = await session.run(feeds, { fetches: { logits }, outputs: ['lstm_0.h_next'] });
    expect(Object.keys(made).sort()).toEqual(['logits', 'lstm_0.h_next']);
    expect(made.logits).toBe(logits);
    expect(logits.data).toEqual(expected.logits!.data);
    expect(Math.max(...(logits.data as Float32Array))).toBeGreaterThan(0);
  });

  it.each([
    { elementType: 'float16', dims: [2], data: Uint16Array.of(floatToHalf(1.5), floatToHalf(-2)) },
    { elementType: 'float64', dims: [2], data: Float64Array.of(1.5, -2) },
    { elementType: 'int64', dims: [2], data: BigInt64Array.of(2n ** 40n, -1n) },
    { elementType: 'int32', dims: [2], data: Int32Array.of(1, -2) },
    { elementType: 'uint8', dims: [2], data: Uint8Array.of(200, 1) },
    { elementType: 'bool', dims: [2], data: Uint8Array.of(1, 0) },
    { elementType: 'string', dims: [2], data: ['a', 'ö'] },
  ] satisfies Tensor[])('passes $elementType', async (x) => {
    const session = await open(identity(x.elementType));
    expect(await session.run({ x })).toEqual({ y: x });
  });

  it('names model and operator when a run fails', async () => {
    const types: Record<string, TensorType> = {
      i: { elementType: 'int64', shape: ['n'] },
      y: { elementType: 'float32', shape: ['n', 3] },
    };
    const session = await open(oneNode({ op: 'Gather', inputs: ['table', 'i'] }, types), { name: 'lookup.onnx' });
    const i: Tensor = { elementType: 'int64', dims: [1], data: BigInt64Array.of(9n) };
    const error = await errorOf(session.run({ i }));
    expect(error).toBeInstanceOf(EngineError);
    expect((error as Error).message).toBe(
      `lookup.onnx: ${runtime.name} cannot run Gather 'gather_0': ` +
        'indices element out of data bounds, idx=9 must be within the inclusive range [-4,3]',
    );
  });

  it('says which input is missing or does not fit', async () => {
    const session = await open(small);
    const { tokens, ...states } = inputsOf(small);
    expect((await errorOf(session.run(states))) as Error).toMatchObject({
      name: 'EngineError',
      message: expect.stringMatching(/^language_model: .*'tokens'/),
    });
    const wide: Tensor = { ...tokens!, elementType: 'int64', data: new BigInt64Array(21) };
    expect(await errorOf(session.run({ ...states, tokens: wide }))).toBeInstanceOf(EngineError);
    const brain: Tensor = { elementType: 'bfloat16', dims: [1], data: Uint16Array.of(0) };
    expect(await errorOf(session.run({ ...states, tokens: brain }))).toBeInstanceOf(EngineError);
  });

  it('names what it refuses to load', async () => {
    const float: TensorType = { elementType: 'float32', shape: ['n', 3] };
    const unknown = oneNode({ op: 'Frobnicate', inputs: ['x'] }, { x: float, y: float });
    const error = (await errorOf(open(unknown, { name: 'new.onnx' }))) as Error;
    expect(error).toBeInstanceOf(EngineError);
    expect(error.message).toMatch(
      new RegExp(`^new\\.onnx: ${runtime.name.replace(/[()]/g, '.')} cannot load .*Frobnicate`),
    );
    expect(await errorOf(open(Uint8Array.of(1, 2, 3)))).toMatchObject({
      name: 'EngineError',
      message: expect.stringMatching(/^the model: .* cannot load the model: .*protobuf/),
    });
  });
});

describe('the web runtime', () => {
  it('keeps to one number of threads', async () => {
    const web = await loadRuntime('web');
    await (await web.createSession(small, { threads: 1 })).release();
    const error = (await errorOf(web.createSession(small, { threads: 3 }))) as Error;
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toContain('1 threads since its first session');
  });

  const folder = fileURLToPath(new URL('../../test/fixtures/models', import.meta.url));
  const files = existsSync(folder)
    ? readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.onnx'))
    : [];

  it('agrees with the native engine on a small language model', () => agree('language model', small));

  // Files that other tools exported; none in the published package.
  if (files.length > 0) {
    it.each(files)('agrees with it on %s', async (file) => agree(file, await loadModel(`${folder}/${file}`)));
  }

  async function agree(name: string, model: Model): Promise<void> {
    const feeds = inputsOf(model);
    const [native, web] = await Promise.all(
      [nodeRuntime, await loadRuntime('web')].map(async (runtime) => {
        const session = await runtime.createSession(model, { threads: 1, name });
        const made = await session.run(feeds);
        await session.release();
        return made;
      }),
    );
    for (const [output, expected] of Object.entries(native!)) {
      const got = web![output]!;
      expect(got.dims, `${name}, ${output}`).toEqual(expected.dims);
      const differences = Array.from<unknown, number>(expected.data, (v, i) =>
        Math.abs(Number(v) - Number(got.data[i])),
      );
      expect(Math.max(0, ...differences), `${name}, ${output}`).toBeLessThan(1e-5);
    }
  }
});

describe('names of runtimes', () => {
  it('are checked', () => {
    expect(parseRuntimeName('web')).toBe('web');
    expect(() => parseRuntimeName('wbe')).toThrow("no runtime 'wbe' (did you mean 'web'?); there are: node, web");
    expect(() => parseRuntimeName('toString')).toThrow(UsageError);
  });
});
