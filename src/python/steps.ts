import { integers, intsAttribute } from '../graph/attributes.ts';
import { isRecurrent, type RecurrentNode } from '../graph/operators.ts';
import type { Node } from '../graph/types.ts';
import type { Conversion } from './conversion.ts';
import { Operands } from './scope.ts';
import { assignment, type Statement } from './statement.ts';

/*
 * A recurrent layer of PyTorch gives its outputs as [T, B, DH], one of Keras as [B, T, DH]; what ONNX calls Y is
 * [T, D, B, H]. Exporters turn Y into such a form at once: here the nodes are found that do so.
 */

/** Outputs of a layer with the directions side by side. */
export interface Steps {
  readonly layer: RecurrentNode;
  /** True for [T, B, DH], false for [B, T, DH]. */
  readonly isTimeFirst: boolean;
}

/** The value that stands for a recurrent node's outputs with the directions side by side. */
export function stepsOf(node: RecurrentNode): string {
  return `steps of ${node.outputs.find((name) => name !== '')}`;
}

/** True for a Transpose of the first two axes of three. */
export function swapsTimeAndBatch(node: Node | undefined): node is Node {
  return node?.op === 'Transpose' && intsAttribute(node, 'perm')?.join() === '1,0,2';
}

/** Which layer's outputs a node gives, as Squeeze(Y) of one direction, Reshape(Transpose(Y)), or such a one transposed. */
export function stepsGivenBy(node: Node, conversion: Conversion): Steps | undefined {
  const { made } = conversion;
  const before = made.get(node.inputs[0] ?? '');
  if (swapsTimeAndBatch(node) && before) {
    const given = stepsGivenBy(before, conversion);
    return given && { ...given, isTimeFirst: !given.isTimeFirst };
  }
  return squeezed(node, conversion) ?? (node.op === 'Reshape' ? joined(node, conversion) : undefined);
}

/**
 * A node that gives the outputs of a layer with the directions side by side, where `isBatchFirst` says how the
 * framework's layer gives them; undefined for other nodes.
 */
export function stepsStatement(
  node: Node,
  isBatchFirst: (layer: RecurrentNode) => boolean,
  conversion: Conversion,
): Statement | undefined {
  const found = stepsGivenBy(node, conversion);
  if (found === undefined) return undefined;
  const steps = stepsOf(found.layer);
  const c = new Operands(node, conversion.scope);
  const code = c.forms.swapFirst(c.value(steps));
  if (found.isTimeFirst === isBatchFirst(found.layer)) return assignment(c, code);
  conversion.scope.alias(node.outputs[0]!, steps);
  return { ...assignment(c, code), lines: () => [] };
}

function squeezed(node: Node, conversion: Conversion): Steps | undefined {
  const layer = node.op === 'Squeeze' ? layerWithY(node.inputs[0]!, conversion) : undefined;
  const axes = integers(conversion.scope.stored.get(node.inputs[1] ?? ''));
  return layer && axes?.join() === '1' ? { layer, isTimeFirst: true } : undefined;
}

function joined(reshape: Node, conversion: Conversion): Steps | undefined {
  const turn = conversion.made.get(reshape.inputs[0]!);
  const layer = turn?.op === 'Transpose' ? layerWithY(turn.inputs[0]!, conversion) : undefined;
  const perm = turn && intsAttribute(turn, 'perm')?.join();
  const isTimeFirst = perm === '0,2,1,3';
  if (!layer || (!isTimeFirst && perm !== '2,0,1,3')) return undefined;
  return putsDirectionsTogether(reshape, layer, isTimeFirst, conversion) ? { layer, isTimeFirst } : undefined;
}

function putsDirectionsTogether(
  reshape: Node,
  layer: RecurrentNode,
  isTimeFirst: boolean,
  { scope }: Conversion,
): boolean {
  const [time, directions, batch, hidden] = scope.typeOf(layer.outputs[0]!)?.shape ?? [];
  if (typeof directions !== 'number' || typeof hidden !== 'number') return false;
  const wanted = [...(isTimeFirst ? [time, batch] : [batch, time]), directions * hidden];
  return scope.typeOf(reshape.outputs[0]!)?.shape?.join() === wanted.join();
}

/** The recurrent layer whose Y a value is. */
function layerWithY(value: string, { made }: Conversion): RecurrentNode | undefined {
  const node = made.get(value);
  return node && isRecurrent(node) && node.outputs[0] === value ? node : undefined;
}
