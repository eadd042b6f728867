import { SlimError, UnchangedError, UsageError } from '../base/errors.ts';
import { sizeOf } from '../graph/dims.ts';
import { quantizedNodes } from '../graph/foreign.ts';
import { OPSET } from '../graph/model.ts';
import { titleOf } from '../graph/names.ts';
import { allNodes } from '../graph/rewrite.ts';
import { storedTensors } from '../graph/stored.ts';
import type { Graph, Model } from '../graph/types.ts';
import { hasFloat16 } from '../passes/float32.ts';
import { withoutOverridable } from '../passes/overridable.ts';
import { simplify } from '../passes/simplify.ts';
import { storeWeights } from '../passes/storeWeights.ts';
import { timeFirst } from '../passes/timeFirst.ts';
import { toOwnOpset } from '../passes/toOwnOpset.ts';
import { uniqueNames } from '../passes/uniqueNames.ts';
import { SMALLEST } from './candidates.ts';
import { dynamicLayers, MICROSOFT } from './dynamicLayers.ts';
import { int8Rows } from './int8Rows.ts';
import { type CalibrationData, type Ranges, valueRanges } from './ranges.ts';
import { type ActivationType, staticLayers } from './staticLayers.ts';
import { staticProducts } from './staticProducts.ts';
import { matrixReaders, storedHalf, storedInt8 } from './storage.ts';
import { LARGEST_7_BIT, LARGEST_8_BIT } from './symmetric.ts';
import { type KeptWeight, whyKept } from './whyKept.ts';

/** How weights may be written, with a few words on each. */
export const quantizedForms = {
  int8: 'products of whole numbers where ONNX Runtime has them, else int8-storage',
  'int8-storage': 'weights as int8, float32 again when the file is loaded',
  fp16: 'weights as float16, float32 again when the file is loaded',
  qdq: 'QuantizeLinear and DequantizeLinear around products, for accelerators; calibrated on --inputs',
} as const;

/** The name of such a form. */
export type QuantizedForm = keyof typeof quantizedForms;

/** Bits of weights that are multiplied as whole numbers, where nobody says; of forms that multiply some. */
export const usualBits: Readonly<Partial<Record<QuantizedForm, 7 | 8>>> = { int8: 7, qdq: 7 };

/** The first operator set in which DequantizeLinear has a scale for each channel. */
const CHANNEL_SCALES = 13;

/** What becomes of a model's weights. */
export interface QuantizeOptions {
  readonly to?: QuantizedForm | undefined;
  /**
   * Bits of weights that are multiplied as whole numbers: 7 by default. With 8 of them, x86 processors
   * without VNNI add products in 16 bits, which overflow; 7 are right everywhere.
   */
  readonly bits?: 7 | 8 | undefined;
  /** For `qdq`, and needed there: what activations range over, from `calibrationRanges`. */
  readonly ranges?: Ranges | undefined;
  /** For `qdq`: what activations become. */
  readonly activations?: ActivationType | undefined;
}

/** A weight that is stored otherwise. */
export interface QuantizedWeight {
  /** Its name in the model as it was. */
  readonly name: string;
  /**
   * `product`: whole numbers are multiplied. `rows`: rows are picked as int8, then cast. `int8` and `float16`: stored so,
   * and cast when the file is loaded.
   */
  readonly form: 'product' | 'rows' | 'int8' | 'float16';
}

/** A quantized model and what became of the weights. */
export interface QuantizedModel {
  readonly model: Model;
  readonly weights: readonly QuantizedWeight[];
  /** Weights that stayed float32 though they are large, and why. */
  readonly kept: readonly KeptWeight[];
}

/**
 * Stores the weights of a float32 model in fewer bits; inputs and outputs stay. Graphs are simplified first. Sparse
 * weights are laid out. Throws a SlimError for a model that is quantized or in half precision already, and an
 * UnchangedError for one without a weight that could change.
 */
export function quantizeModel(model: Model, options: QuantizeOptions = {}): QuantizedModel {
  const { to = 'int8' } = options;
  const plain = plainForm(model, to);
  const before = plain.graph;
  const weights: QuantizedWeight[] = [];
  const after = withoutOverridable(before, (graph) => rewritten(graph, { ...options, to }, plain.opsets[''], weights));
  if (weights.length === 0) throw new UnchangedError(nothingToStore(before, to));
  const opsets = usesMicrosoft(after) ? { [MICROSOFT]: 1, ...plain.opsets } : plain.opsets;
  return { model: { ...plain, graph: after, opsets }, weights, kept: keptIn(after, before, to) };
}

/**
 * What the activations around a model's products range over on calibration data, for `quantizeModel` with `qdq`. Throws
 * as that does, and a SlimError where the model does not run on the data.
 */
export function calibrationRanges(model: Model, data: CalibrationData): Promise<Ranges> {
  const plain = plainForm(model, 'qdq');
  const names = staticProducts(plain.graph).flatMap((product) => [product.data, product.result]);
  return valueRanges(plain, new Set(names), data);
}

/** The model in the form in which its weights are found, always the same one. */
function plainForm(model: Model, to: QuantizedForm): Model {
  refuseOthers(model);
  const simple = timeFirst(simplify(model));
  const graph = storeWeights(simple.graph);
  if (to !== 'qdq') return { ...simple, graph };
  const plain = { ...simple, graph: uniqueNames(graph) };
  if ((plain.opsets[''] ?? OPSET) >= CHANNEL_SCALES) return plain;
  return { ...plain, graph: toOwnOpset(plain), opsets: { ...plain.opsets, '': OPSET } };
}

/** Why no weight changes, in one line. */
function nothingToStore(graph: Graph, to: QuantizedForm): string {
  const reasons = whyKept(graph, to);
  if (reasons.length === 0) return `the model has no large float32 weight to store as ${to}`;
  const clauses = reasons.map(({ name, why }) => `'${name}' ${why}`);
  return `no weight of the model can be stored as ${to}: ${clauses.join('; ')}`;
}

function rewritten(
  graph: Graph,
  { to, bits = usualBits[to], ranges, activations = 'uint8' }: QuantizeOptions & { readonly to: QuantizedForm },
  opset: number | undefined,
  weights: QuantizedWeight[],
): Graph {
  const largest = bits === 7 ? LARGEST_7_BIT : LARGEST_8_BIT;
  const telling = (form: QuantizedWeight['form']) => ({
    opset,
    largest,
    onWeight: (name: string) => {
      if (!weights.some((weight) => weight.name === name && weight.form === form)) weights.push({ name, form });
    },
  });
  if (to === 'fp16') return storedHalf(graph, telling('float16'));
  const rows = int8Rows(graph, { ...telling('rows'), onlyLookedUp: to === 'int8-storage' });
  if (to === 'int8-storage') return storedInt8(rows, telling('int8'));
  if (to === 'int8') return storedInt8(dynamicLayers(rows, telling('product')), telling('int8'));
  if (ranges === undefined) throw new UsageError('qdq needs the ranges of activations: calibrationRanges(model, data)');
  return storedInt8(staticLayers(rows, { ...telling('product'), ranges, activations }), telling('int8'));
}

/** Throws a SlimError for a model whose weights are not float32. */
function refuseOthers({ graph, functions = [] }: Model): void {
  const nodes = [...allNodes(graph), ...functions.flatMap((f) => f.nodes)];
  const quantized = quantizedNodes(graph)[0] ?? nodes.find(({ op }) => /^(Q|Deq)uantizeLinear$/.test(op));
  if (quantized !== undefined) throw new SlimError(`the model is quantized already (${titleOf(quantized)})`);
  const stored = [...storedTensors(graph)];
  const whole = stored.find(([, { elementType, dims }]) => elementType === 'int8' && sizeOf(dims) >= SMALLEST);
  if (whole !== undefined) throw new SlimError(`the model is quantized already ('${whole[0]}' is int8)`);
  const isBrain = stored.some(([, { elementType }]) => elementType === 'bfloat16');
  if (!isBrain && !hasFloat16(graph)) return;
  throw new SlimError(
    `the model is in half precision (${isBrain ? 'bfloat16' : 'float16'}); quantize the float32 model that it was made of`,
  );
}

/** The weights of the model as it was that are float32 still, and why: matrices, for float16 any large tensor. */
function keptIn(after: Graph, before: Graph, to: QuantizedForm): KeptWeight[] {
  const [left, readers] = [storedTensors(after), matrixReaders(before)];
  return whyKept(before, to).filter(({ name }) => {
    const isWeight = readers.has(name) || (to === 'fp16' && before.initializers.has(name));
    return isWeight && left.get(name)?.elementType === 'float32';
  });
}

function usesMicrosoft(graph: Graph): boolean {
  return allNodes(graph).some(({ domain }) => domain === MICROSOFT);
}
