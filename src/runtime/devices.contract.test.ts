import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { useSoftwareGpu } from '../../test/support/softwareGpu.ts';
import { UsageError } from '../base/errors.ts';
import { randomStream } from '../base/random.ts';
import { floatToHalf } from '../graph/half.ts';
import { modelOf } from '../graph/model.ts';
import type { Graph, Model, Node, Tensor, TensorType } from '../graph/types.ts';
import { languageModel } from '../models/languageModel.ts';
import { loadModel } from '../onnx/file.ts';
import { writeModel } from '../onnx/write.ts';
import { boundDims, randomTensor, smallSizes } from '../verify/randomInputs.ts';
import { deviceNames, devices, parseDevice } from './devices.ts';
import { EngineError } from './explain.ts';
import { nodeRuntime } from './node.ts';
import type { Runtime, Session, Tensors } from './runtime.ts';

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

/** Devices that this machine lacks, each with the reason. */
const absent = new Map<string, string>();
useSoftwareGpu();
for (const name of deviceNames) {
  const error = await errorOf(devices[name].load());
  if (error !== undefined) absent.set(name, (error as Error).message);
}
for (const [name, why] of absent) console.warn(`tests of the device ${name} are skipped: ${why}`);

describe.each(deviceNames.filter((name) => !absent.has(name)))('the device %s', (name) => {
  let runtime: Runtime;
  const sessions: Session[] = [];
  const open = async (...args: Parameters<Runtime['createSession']>) => {
    const session = await runtime.createSession(...args);
    sessions.push(session);
    return session;
  };
  beforeAll(async () => {
    runtime = await devices[name].load();
  });
  afterAll(async () => {
    for (const session of sessions) await session.release();
  });

  it('tells its engine and version', () => {
    expect(runtime.name).toMatch(/^onnxruntime-(node|web) \d+\.\d+\.\d+/);
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
    const types = Object.fromEntries(
      [...'aby'].map((name): [string, TensorType] => [name, { elementType: 'float32', shape: [name] }]),
    );
    const session = await open(oneNode({ op: 'Add', inputs: ['a', 'b'] }, types), { name: 'sum.onnx' });
    const zeros = (n: number): Tensor => ({ elementType: 'float32', dims: [n], data: new Float32Array(n) });
    const error = await errorOf(session.run({ a: zeros(2), b: zeros(3) }));
    expect(error).toBeInstanceOf(EngineError);
    expect((error as Error).message).toMatch(`sum.onnx: ${runtime.name} cannot run `);
    expect((error as Error).message).toMatch("Add 'add_0'");
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

/** Operators that a device lacks, by device and model. */
const refusals: Readonly<Record<string, RegExp>> = {
  'webgpu keras/lstm-hard.keras2.onnx': /cannot run LSTM 'LSTM__1652': Unsupported LSTM activation .* HardSigmoid/,
};

describe.each(deviceNames.filter((name) => name !== 'cpu' && !absent.has(name)))('the device %s', (name) => {
  const folder = fileURLToPath(new URL('../../test/fixtures/models', import.meta.url));
  const files = existsSync(folder)
    ? readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.onnx'))
    : [];

  it('agrees with the CPU on a small language model', () => agree('language model', small));

  // Files that other tools exported; none in the published package.
  if (files.length > 0) {
    it.each(files)('agrees with it on %s', async (file) => {
      const work = agree(file, await loadModel(`${folder}/${file}`));
      const refusal = refusals[`${name} ${file}`];
      if (refusal === undefined) await work;
      else await expect(work).rejects.toThrow(refusal);
    });
  }

  async function agree(of: string, model: Model): Promise<void> {
    const feeds = inputsOf(model);
    const [native, other] = await Promise.all(
      [nodeRuntime, await devices[name].load()].map(async (runtime) => {
        const session = await runtime.createSession(model, { threads: 1, name: of });
        const made = await session.run(feeds);
        await session.release();
        return made;
      }),
    );
    for (const [output, expected] of Object.entries(native!)) {
      const got = other![output]!;
      expect(got.dims, `${of}, ${output}`).toEqual(expected.dims);
      const differences = Array.from<unknown, number>(expected.data, (v, i) =>
        Math.abs(Number(v) - Number(got.data[i])),
      );
      expect(Math.max(0, ...differences), `${of}, ${output}`).toBeLessThan(1e-5);
    }
  }
});

describe.each(['cpu', 'wasm'] as const)('the device %s', (name) => {
  it('refuses an index that is out of range', async () => {
    const types: Record<string, TensorType> = {
      i: { elementType: 'int64', shape: ['n'] },
      y: { elementType: 'float32', shape: ['n', 3] },
    };
    const runtime = await devices[name].load();
    const session = await runtime.createSession(oneNode({ op: 'Gather', inputs: ['table', 'i'] }, types));
    const i: Tensor = { elementType: 'int64', dims: [1], data: BigInt64Array.of(9n) };
    const error = (await errorOf(session.run({ i }))) as Error;
    await session.release();
    expect(error.message).toBe(
      `one: ${runtime.name} cannot run Gather 'gather_0': ` +
        'indices element out of data bounds, idx=9 must be within the inclusive range [-4,3]',
    );
  });
});

describe('the device wasm', () => {
  it('keeps to one number of threads', async () => {
    const web = await devices.wasm.load();
    await (await web.createSession(small, { threads: 1 })).release();
    const error = (await errorOf(web.createSession(small, { threads: 3 }))) as Error;
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toContain('1 threads since its first session');
  });
});

describe('devices', () => {
  it('on a CPU are everywhere', () => {
    for (const name of ['cpu', 'wasm']) expect(absent.get(name), name).toBeUndefined();
  });

  it('have names and aliases, which are checked', () => {
    expect(deviceNames.map(parseDevice)).toEqual(deviceNames);
    expect(parseDevice('node')).toBe('cpu');
    expect(parseDevice('web')).toBe('wasm');
    const names = deviceNames.flatMap((name) => [name, ...devices[name].aliases]);
    expect(new Set(names).size).toBe(names.length);
    expect(() => parseDevice('wsam')).toThrow("no device 'wsam' (did you mean 'wasm'?); there are: cpu, wasm, webgpu");
    expect(() => parseDevice('toString')).toThrow(UsageError);
  });
});
