import { attributesText } from '../graph/attributes.ts';
import { inputsFor, isRecurrent, type RecurrentNode } from '../graph/operators.ts';
import { RECURRENT_INPUT } from '../graph/slots.ts';
import type { Graph, Node } from '../graph/types.ts';
import type { Conversion } from '../python/conversion.ts';
import { layerName } from '../python/modules.ts';
import { isReverse, storedInputs } from '../python/recurrent.ts';
import { type Steps, stepsGivenBy, swapsTimeAndBatch } from '../python/steps.ts';

/** Recurrent nodes that are one layer of `torch.nn`, with `num_layers` and perhaps `batch_first`. */
export interface Stack {
  /** From the bottom up. */
  readonly nodes: readonly [RecurrentNode, ...RecurrentNode[]];
  /** The value that it is fed: [T, B, I], or [B, T, I] with the batch first. */
  readonly x: string;
  readonly isBatchFirst: boolean;
}

/**
 * The stacks of a graph by their highest nodes. Nodes of equal sizes and options belong to one where each alone reads
 * the outputs of the one below, and where nobody sets their states, or reads those of any but the highest.
 */
export function stacksOf(graph: Graph, conversion: Conversion): Map<RecurrentNode, Stack> {
  const layers = graph.nodes.filter(isRecurrent);
  const below = new Map(layers.map((node) => [node, layerBelow(node, conversion)]));
  const inner = new Set(below.values());
  const tops = layers.filter((node) => !inner.has(node));
  const swapped = layersReadBatchFirst(graph, conversion);
  return new Map(tops.map((top) => [top, stackUnder(top, below, swapped, conversion)]));
}

function stackUnder(
  top: RecurrentNode,
  below: ReadonlyMap<RecurrentNode, RecurrentNode | undefined>,
  readBatchFirst: ReadonlySet<RecurrentNode>,
  { made, uses }: Conversion,
): Stack {
  let nodes: [RecurrentNode, ...RecurrentNode[]] = [top];
  for (let next = below.get(top); next; next = below.get(next)) nodes = [next, ...nodes];
  const x = nodes[0].inputs[RECURRENT_INPUT.x]!;
  const swap = made.get(x);
  const fits = readBatchFirst.has(top) || !uses.get(top.outputs[0] ?? '');
  const isBatchFirst = swapsTimeAndBatch(swap) && fits && !isReverse(top);
  return { nodes, x: isBatchFirst ? swap.inputs[0]! : x, isBatchFirst };
}

/** The layer under another one in its stack. */
function layerBelow(node: RecurrentNode, conversion: Conversion): RecurrentNode | undefined {
  const x = conversion.made.get(node.inputs[RECURRENT_INPUT.x]!);
  const steps = x && stepsGivenBy(x, conversion);
  if (!x || !steps?.isTimeFirst || !readsAlone(node.inputs[RECURRENT_INPUT.x]!, steps, conversion)) return undefined;
  const { layer } = steps;
  const areAlike =
    optionsText(layer) === optionsText(node) && hiddenSize(layer, conversion) === hiddenSize(node, conversion);
  const canJoin = [layer, node].every((each) => !isReverse(each) && isPlain(each, conversion));
  return areAlike && canJoin && layer.outputs.slice(1).every((name) => !conversion.uses.get(name)) ? layer : undefined;
}

/** Layers whose outputs are read with the batch first, and in no other way. */
function layersReadBatchFirst(graph: Graph, conversion: Conversion): Set<RecurrentNode> {
  const found = graph.nodes.flatMap((node: Node): RecurrentNode[] => {
    const steps = stepsGivenBy(node, conversion);
    return steps && !steps.isTimeFirst && readsAlone(node.inputs[0]!, steps, conversion) ? [steps.layer] : [];
  });
  return new Set(found);
}

/** True where each value from a layer's Y on up to this one is read once. */
function readsAlone(value: string, { layer }: Steps, { made, uses }: Conversion): boolean {
  for (let name = value; ; name = made.get(name)!.inputs[0]!) {
    if (uses.get(name) !== 1) return false;
    if (name === layer.outputs[0]) return true;
  }
}

/** True for a layer with weights of its own that begins with states of zeros. */
function isPlain(node: RecurrentNode, { uses }: Conversion): boolean {
  const ownsWeights = inputsFor(node, 'matrix').every((i) => uses.get(node.inputs[i]!) === 1);
  return ownsWeights && inputsFor(node, 'state').length === 0;
}

/** All that layers of one stack have in common but their sizes: what somebody called them, too. */
function optionsText(node: RecurrentNode): string {
  const { bias, lengths } = RECURRENT_INPUT;
  const name = layerName(node, storedInputs(node));
  return JSON.stringify([node.op, name, attributesText(node), Boolean(node.inputs[bias]), node.inputs[lengths] || '']);
}

function hiddenSize(node: RecurrentNode, { scope }: Conversion): number | undefined {
  return scope.stored.get(node.inputs[RECURRENT_INPUT.recurrent]!)?.dims[2];
}
