import { SlimError } from '../base/errors.ts';
import { floatAttribute } from '../graph/attributes.ts';
import type { GraphBuilder } from '../graph/builder.ts';
import { formatShape, isStatic } from '../graph/dims.ts';
import { mul } from '../graph/ops.ts';
import { removeDeadNodes, replaceWith, rewriteNodes } from '../graph/rewrite.ts';
import type { Graph, Node } from '../graph/types.ts';
import { followOnes, isDropout, type Ones } from './withoutDropout.ts';

/** A dropout that training feeds a mask for: values 0 or 1/keep, as many as the layer has activations. */
export interface Mask {
  readonly input: string;
  readonly dims: readonly number[];
  readonly keep: number;
}

/**
 * Replaces Dropout by a product with a mask that is fed, so that randomness is seeded outside the graph; of ones it is
 * the mask itself. Throws a SlimError where the ratio or the number of activations is not known before the run.
 */
export function maskDropout(graph: Graph): { graph: Graph; masks: Mask[] } {
  const masks: Mask[] = [];
  const ones = new Map<string, Ones>();
  const rewritten = rewriteNodes(graph, (b, node) => {
    followOnes(node, ones);
    if (!isDropout(node)) return false;
    const x = b.value(node.inputs[0]!);
    const ratio = dropoutRatio(b, node);
    if (ratio === 0) return replaceWith(b, node, x);
    const dims = x.type.shape;
    if (!isStatic(dims)) {
      throw new SlimError(`Dropout '${node.name}' needs an input of fixed dimensions, got ${formatShape(dims)}`);
    }
    const mask: Mask = { input: b.fresh('dropout_mask'), dims, keep: 1 - ratio };
    masks.push(mask);
    const fed = b.input(mask.input, 'float32', mask.dims);
    return replaceWith(b, node, ones.has(x.name) ? fed : mul(x, fed));
  });
  return { graph: removeDeadNodes(rewritten), masks };
}

/** Part of the values that a Dropout drops: a constant input, or the attribute of older operator sets. */
function dropoutRatio(b: GraphBuilder, node: Node): number {
  if (!node.inputs[1]) return floatAttribute(node, 'ratio', 0.5);
  const ratio = b.tensorOf(b.value(node.inputs[1]));
  if (ratio === undefined) throw new SlimError(`Dropout '${node.name}' must have a constant ratio (input 1)`);
  return Number(ratio.data[0]);
}
