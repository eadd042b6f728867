import { intsAttribute } from '../graph/attributes.ts';
import { isRecurrent, type RecurrentNode } from '../graph/operators.ts';
import { RECURRENT_INPUT } from '../graph/slots.ts';
import type { Node } from '../graph/types.ts';
import { directionsOf } from '../recurrent/directions.ts';
import type { Conversion } from './layerStatements.ts';
import { recurrentLayer } from './layers.ts';
import { tuple } from './python.ts';
import { Operands } from './scope.ts';
import { assignment, type Statement, type TorchModule } from './statement.ts';

/*
 * A recurrent layer of PyTorch gives its outputs as [T, B, DH]; what ONNX calls Y is [T, D, B, H]. Exporters turn Y into
 * PyTorch's form at once: the nodes that do so are found, and Y itself is computed only where something else reads it.
 */

/** A recurrent node as a call of its layer, and Y from its outputs. */
export function recurrentStatements(node: RecurrentNode, { scope, modules }: Conversion): Statement[] {
  const { weight, recurrent, bias } = RECURRENT_INPUT;
  const weights = [weight, recurrent, bias].map((i) => node.inputs[i] ?? '').filter((name) => name !== '');
  const module = modules.of(node, recurrentLayer(node, scope.stored), weights, node.op.toLowerCase());
  const steps = stepsOf(node);
  scope.local(steps, module.name);
  const c = new Operands(node, scope);
  const call = callOf(c, module);
  const states = node.op === 'LSTM' ? [1, 2] : [1];
  const lines = ([output, ...last]: readonly string[]) => {
    const final = last.every((target) => target === '_') ? '_' : last.length === 1 ? last[0] : tuple(last);
    const result = `${output}, ${final} = ${call}`;
    return isReverse(node) && output !== '_' ? [result, `${output} = ${turned(c, output!)}`] : [result];
  };
  const outputs = [steps, ...states.map((i) => node.outputs[i] ?? '')];
  const whole = { outputs, reads: c.reads, helpers: c.helpers, module, lines };
  if (!node.outputs[0]) return [whole];
  const y = new Operands(node, scope);
  const hidden = module.weights.get('weight_hh_l0')!.dims[1];
  const split = `${y.value(steps)}.unflatten(2, (${directionsOf(node).length}, ${hidden})).transpose(1, 2)`;
  return [whole, assignment(y, split)];
}

/** A node that gives Y the form of PyTorch's outputs, [T, B, DH] or [B, T, DH]; undefined for other nodes. */
export function stepsStatement(node: Node, conversion: Conversion): Statement | undefined {
  const found = sourceOfSteps(node, conversion);
  if (found === undefined) return undefined;
  const c = new Operands(node, conversion.scope);
  const steps = c.value(found.steps);
  if (!found.isTimeFirst) return assignment(c, `${steps}.transpose(0, 1)`);
  conversion.scope.alias(node.outputs[0]!, found.steps);
  return { ...assignment(c, ''), lines: () => [] };
}

/** The value that stands for a recurrent node's outputs [T, B, DH]. */
function stepsOf(node: RecurrentNode): string {
  return `steps of ${node.outputs.find((name) => name !== '')}`;
}

/** `self.rnn(x, (h, c))`, or with a helper for sequences of different lengths. */
function callOf(c: Operands, { name }: TorchModule): string {
  const state = initialState(c);
  const after = state === undefined ? '' : `, ${state}`;
  const x = c.input(RECURRENT_INPUT.x);
  const fed = isReverse(c.node as RecurrentNode) ? turned(c, x) : x;
  if (!c.has(RECURRENT_INPUT.lengths)) return `self.${name}(${fed}${after})`;
  return `${c.helper('padded')}(self.${name}, ${fed}, ${c.input(RECURRENT_INPUT.lengths)}${after})`;
}

/** PyTorch has no layer that runs in reverse alone: it is fed the steps from the last one on. */
function isReverse(node: RecurrentNode): boolean {
  return directionsOf(node).join() === 'true';
}

/** Steps [T, B, …] in reverse, within each sequence where they have lengths. */
function turned(c: Operands, x: string): string {
  const { lengths } = RECURRENT_INPUT;
  return c.has(lengths) ? `${c.helper('reverse_steps')}(${x}, ${c.input(lengths)})` : `${x}.flip(0)`;
}

/** `h` or `(h, c)`, with zeros for one of the two that is left out; undefined for zeros. */
function initialState(c: Operands): string | undefined {
  const { hidden, cell } = RECURRENT_INPUT;
  const states = (c.node.op === 'LSTM' ? [hidden, cell] : [hidden]).map((i) => (c.has(i) ? c.input(i) : undefined));
  const given = states.find((state) => state !== undefined);
  if (given === undefined || states.length === 1) return given;
  return tuple(states.map((state) => state ?? `torch.zeros_like(${given})`));
}

interface Steps {
  /** The value of the layer's outputs [T, B, DH]. */
  readonly steps: string;
  /** True for [T, B, DH], false for [B, T, DH]. */
  readonly isTimeFirst: boolean;
}

/** Squeeze(Y) of one direction, or Reshape(Transpose(Y)): whose outputs these are. */
function sourceOfSteps(node: Node, conversion: Conversion): Steps | undefined {
  const [input = ''] = node.inputs;
  const direct = layerWithY(input, conversion);
  if (node.op === 'Squeeze' && direct) {
    const isOne = new Operands(node, conversion.scope).ints(1)?.join() === '1';
    return isOne ? { steps: stepsOf(direct), isTimeFirst: true } : undefined;
  }
  const turn = conversion.made.get(input);
  const layer = turn?.op === 'Transpose' ? layerWithY(turn.inputs[0]!, conversion) : undefined;
  if (node.op !== 'Reshape' || !turn || !layer) return undefined;
  const perm = intsAttribute(turn, 'perm')?.join();
  const isTimeFirst = perm === '0,2,1,3';
  const isJoined = joins(node, layer, isTimeFirst, conversion);
  return isJoined && (isTimeFirst || perm === '2,0,1,3') ? { steps: stepsOf(layer), isTimeFirst } : undefined;
}

/** True where a Reshape of the layer's transposed Y puts its directions side by side. */
function joins(reshape: Node, layer: RecurrentNode, isTimeFirst: boolean, { scope }: Conversion): boolean {
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
