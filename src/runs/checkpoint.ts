import { createHash } from 'node:crypto';
import { z } from 'zod';
import { UsageError } from '../base/errors.ts';
import { writeAtomically } from '../base/files.ts';
import type { Model, Tensor } from '../graph/types.ts';
import { logHistogramSchema } from '../groups/logHistogram.ts';
import { loadModel } from '../onnx/file.ts';
import { encodeModel } from '../onnx/write.ts';

/*
 * A checkpoint is an ONNX file: the model as it is trained, the carried states as further initializers, and the place
 * in the run as metadata. One file, so it is written as a whole or not at all.
 */

const KEY = 'slimrnn.checkpoint';
const CHECKSUM = 'slimrnn.checksum';
const STATE = 'checkpoint/state/';
const REMEDY = 'delete it, and --resume begins the run anew';

/** One line of metrics.jsonl. */
export const epochMetricsSchema = z.object({
  epoch: z.number(),
  learningRate: z.number(),
  trainPerplexity: z.number(),
  validPerplexity: z.number(),
  /** Units of each layer in the graph, and those that something still reads. */
  units: z.array(z.number()),
  alive: z.array(z.number()),
  parameters: z.number(),
  /** Mean penalty λ·Σ‖w‖ over the epoch. */
  penalty: z.number(),
  seconds: z.number(),
  tokensPerSecond: z.number(),
  /** Norms ‖w_k‖ of the units in the graph, layer by layer; absent in runs of earlier versions. */
  groupNorms: z.array(logHistogramSchema).optional(),
});

/** What an epoch achieved. */
export type EpochMetrics = z.infer<typeof epochMetricsSchema>;

const progressSchema = z.object({
  /** Digest of configuration and data; a checkpoint goes on only with the same. */
  digest: z.string(),
  /** Epochs finished, and windows of the current one. */
  epoch: z.number(),
  window: z.number(),
  /** Updates in all. */
  updates: z.number(),
  /** Sums over the current epoch so far. */
  loss: z.number(),
  penalty: z.number(),
  seconds: z.number(),
  history: z.array(epochMetricsSchema),
  /** Which of its first units each layer still has; absent in runs of earlier versions. */
  kept: z.array(z.array(z.number())).optional(),
  /** State of the sparsity method, if it has any. */
  method: z.record(z.string(), z.union([z.number(), z.array(z.number()).readonly()])).optional(),
});

/** The place in a run. */
export type Progress = z.infer<typeof progressSchema>;

/** A model, its carried states (or other tensors that go with it) and the place in the run. */
export interface Checkpoint<P = Progress> {
  readonly model: Model;
  readonly states: ReadonlyMap<string, Tensor>;
  readonly progress: P;
}

/**
 * Writes a checkpoint in place of the last one; throws SlimError (disk full, …) and then leaves the last one as it was.
 */
export async function saveCheckpoint<P>(path: string, { model, states, progress }: Checkpoint<P>): Promise<void> {
  const initializers = new Map(model.graph.initializers);
  for (const [name, tensor] of states) initializers.set(`${STATE}${name}`, tensor);
  const text = JSON.stringify(progress);
  const metadata = { ...model.metadata, [KEY]: text, [CHECKSUM]: checksum(text, initializers) };
  await writeAtomically(path, encodeModel({ ...model, metadata, graph: { ...model.graph, initializers } }));
}

/** Reads a checkpoint of a language model's training; see `loadCheckpointOf`. */
export function loadCheckpoint(path: string, digest: string): Promise<Checkpoint> {
  return loadCheckpointOf(path, digest, progressSchema);
}

/**
 * Reads a checkpoint whose place in the run has the form of `schema`; throws UsageError when the file is damaged, no
 * checkpoint, or of another run (`digest` differs).
 */
export async function loadCheckpointOf<P extends { readonly digest: string }>(
  path: string,
  digest: string,
  schema: z.ZodType<P>,
): Promise<Checkpoint<P>> {
  const file = await loadModel(path).catch((cause: unknown) => {
    throw cause instanceof UsageError ? new UsageError(`${cause.message}; ${REMEDY}`, { cause }) : cause;
  });
  const { [KEY]: text, [CHECKSUM]: sum, ...metadata } = file.metadata;
  if (text === undefined) throw new UsageError(`${path} is an ONNX model but not a checkpoint of a run; ${REMEDY}`);
  if (sum !== undefined && sum !== checksum(text, file.graph.initializers)) {
    throw new UsageError(`${path} is damaged: its checksum does not fit its content; ${REMEDY}`);
  }
  const parsed = schema.safeParse(jsonOf(text));
  if (!parsed.success) throw new UsageError(`${path} was written by another version of slimrnn; ${REMEDY}`);
  if (parsed.data.digest !== digest) {
    throw new UsageError(`${path} is a checkpoint of another run: its configuration or its data differ from this one`);
  }
  const weights = new Map<string, Tensor>();
  const states = new Map<string, Tensor>();
  for (const [name, tensor] of file.graph.initializers) {
    if (name.startsWith(STATE)) states.set(name.slice(STATE.length), tensor);
    else weights.set(name, tensor);
  }
  const model = { ...file, metadata, graph: { ...file.graph, initializers: weights } };
  return { model, states, progress: parsed.data };
}

/** Undefined for what is no JSON. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** SHA-256 over the place in the run and over all numbers: a flipped bit would otherwise train on unnoticed. */
function checksum(progress: string, tensors: ReadonlyMap<string, Tensor>): string {
  const hash = createHash('sha256').update(progress);
  for (const [name, { dims, data }] of tensors) {
    hash.update(`\n${name} ${dims.join(' ')}\n`);
    if (Array.isArray(data)) hash.update(JSON.stringify(data));
    else hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest('hex');
}
