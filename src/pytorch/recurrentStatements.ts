import type { RecurrentNode } from '../graph/operators.ts';
import { RECURRENT_INPUT } from '../graph/slots.ts';
import type { Conversion } from '../python/conversion.ts';
import { tuple } from '../python/python.ts';
import { isReverse, storedInputs } from '../python/recurrent.ts';
import { Operands } from '../python/scope.ts';
import { assignment, type PythonModule, type Statement } from '../python/statement.ts';
import { stepsOf } from '../python/steps.ts';
import { directionsOf } from '../recurrent/directions.ts';
import { recurrentLayer } from './layers.ts';
import type { Stack } from './stacks.ts';

/** A stack of recurrent nodes as a call of its layer, and Y of the highest one from its outputs. */
export function recurrentStatements(stack: Stack, { scope, modules }: Conversion): Statement[] {
  const [bottom] = stack.nodes;
  const top = stack.nodes.at(-1)!;
  const layer = recurrentLayer(stack, scope.stored);
  const module = modules.of(bottom, layer, storedInputs(bottom), bottom.op.toLowerCase());
  scope.local(stepsOf(top), module.name);
  const c = new Operands(bottom, scope);
  const call = callOf(c, stack.x, module);
  const directions = directionsOf(top).length;
  const lines = ([output, ...states]: readonly string[]) => {
    const read = states.filter((state) => state !== '_');
    const final = read.length === 0 ? '_' : states.length === 1 ? states[0] : tuple(states);
    return [
      `${output}, ${final} = ${call}`,
      ...(isReverse(top) && output !== '_' ? [`${output} = ${turned(c, output!)}`] : []),
      // The layer gives the states of its whole stack [LD, B, H].
      ...(stack.nodes.length > 1 ? read.map((state) => `${state} = ${state}[-${directions}:]`) : []),
    ];
  };
  const states = (top.op === 'LSTM' ? [1, 2] : [1]).map((i) => top.outputs[i] ?? '');
  const whole = { outputs: [stepsOf(top), ...states], reads: c.reads, helpers: c.helpers, module, lines };
  return top.outputs[0] && !stack.isBatchFirst ? [whole, asInOnnx(top, module, scope)] : [whole];
}

/** Y [T, D, B, H] from the outputs [T, B, DH], for what reads it as such. */
function asInOnnx(node: RecurrentNode, { weights }: PythonModule, scope: Conversion['scope']): Statement {
  const c = new Operands(node, scope);
  const sizes = tuple([directionsOf(node).length, weights.get('weight_hh_l0')!.dims[1]!]);
  return assignment(c, `${c.value(stepsOf(node))}.unflatten(2, ${sizes}).transpose(1, 2)`);
}

/** `self.rnn(x, (h, c))`, or with a helper for sequences of different lengths. */
function callOf(c: Operands, value: string, { name }: PythonModule): string {
  const state = initialState(c);
  const after = state === undefined ? '' : `, ${state}`;
  const x = c.value(value);
  const fed = isReverse(c.node as RecurrentNode) ? turned(c, x) : x;
  if (!c.has(RECURRENT_INPUT.lengths)) return `self.${name}(${fed}${after})`;
  return `${c.helper('padded')}(self.${name}, ${fed}, ${c.input(RECURRENT_INPUT.lengths)}${after})`;
}

/**
 * Steps [T, B, …] in reverse, within each sequence where they have lengths: PyTorch has no layer that runs in reverse
 * alone.
 */
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
