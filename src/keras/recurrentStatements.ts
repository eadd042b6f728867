import { isRecurrent, type RecurrentNode } from '../graph/operators.ts';
import { RECURRENT_INPUT } from '../graph/slots.ts';
import type { Conversion } from '../python/conversion.ts';
import { list } from '../python/python.ts';
import { isReverse, storedInputs } from '../python/recurrent.ts';
import { Operands } from '../python/scope.ts';
import { assignment, type PythonModule, type Statement } from '../python/statement.ts';
import { stepsGivenBy, stepsOf, swapsTimeAndBatch } from '../python/steps.ts';
import { directionsOf } from '../recurrent/directions.ts';
import { recurrentLayer, type Wanted } from './layers.ts';

/*
 * Recurrent nodes as calls of layers of Keras, which have the batch first. B batch, T time, H hidden size, D directions.
 */

/** A recurrent node as a call of its layer, its states [D, B, H] and Y [T, D, B, H] from what that gives. */
export function recurrentStatements(node: RecurrentNode, conversion: Conversion): Statement[] {
  const { scope, modules } = conversion;
  const wanted = wantedOf(node, conversion);
  const module = modules.of(
    node,
    recurrentLayer(node, wanted, scope.stored),
    storedInputs(node),
    node.op.toLowerCase(),
  );
  scope.local(stepsOf(node), module.name);
  const c = new Operands(node, scope);
  const call = callOf(c, module, conversion);
  const states = (node.op === 'LSTM' ? [1, 2] : [1]).map((i) => node.outputs[i] ?? '');
  const lines = ([output, ...finals]: readonly string[]) => {
    const areRead = finals.some((state) => state !== '_');
    const all = areRead ? scope.local(`states of ${stepsOf(node)}`, `${module.name}_states`) : '_';
    return [
      `${output}${wanted.states ? `, *${all}` : ''} = ${call}`,
      // A layer that goes backwards gives its last step first.
      ...(isReverse(node) && output !== '_' ? [`${output} = ops.flip(${output}, axis=1)`] : []),
      ...finals.flatMap((state, i) => (state === '_' ? [] : [`${state} = ${stateFrom(all, i, node)}`])),
    ];
  };
  for (const name of module.helpers ?? []) c.helper(name);
  const whole = { outputs: [stepsOf(node), ...states], reads: c.reads, helpers: c.helpers, module, lines };
  return node.outputs[0] ? [whole, asInOnnx(node, conversion)] : [whole];
}

/** What all nodes with these weights ask of their layer. */
function wantedOf(node: RecurrentNode, { made, uses }: Conversion): Wanted {
  const weights = storedInputs(node).join();
  const all = [...new Set(made.values())].filter(isRecurrent);
  const sharing = all.filter((each) => each === node || storedInputs(each).join() === weights);
  return {
    states: sharing.some(({ outputs }) => outputs.slice(1).some((name) => uses.get(name))),
    lengths: sharing.some(({ inputs }) => Boolean(inputs[RECURRENT_INPUT.lengths])),
  };
}

/** A state [D, B, H] from those that a layer gives: h, for LSTM c, of the one direction and then of the other. */
function stateFrom(all: string, i: number, node: RecurrentNode): string {
  if (directionsOf(node).length === 1) return `ops.expand_dims(${all}[${i}], 0)`;
  return `ops.stack(${all}${node.op === 'LSTM' ? `[${i}::2]` : ''})`;
}

/** Y [T, D, B, H] from the outputs [B, T, DH], for what reads it as such. */
function asInOnnx(node: RecurrentNode, { scope }: Conversion): Statement {
  const c = new Operands(node, scope);
  const steps = c.value(stepsOf(node));
  const hidden = scope.stored.get(node.inputs[RECURRENT_INPUT.recurrent]!)!.dims[2]!;
  const apart = c.forms.reshape(steps, [`*ops.shape(${steps})[:2]`, directionsOf(node).length, hidden]);
  return assignment(c, c.forms.permute(apart, [1, 2, 0, 3]));
}

/** `self.rnn(x, initial_state=[h, c])`, with a mask for sequences of different lengths. */
function callOf(c: Operands, { name }: PythonModule, conversion: Conversion): string {
  const node = c.node as RecurrentNode;
  const x = batchFirst(c, conversion);
  const state = initialState(c);
  const options = state.length === 0 ? '' : `, initial_state=${list(state)}`;
  if (!c.has(RECURRENT_INPUT.lengths)) return `self.${name}(${unmasked(x, node, conversion)}${options})`;
  const mask = `${c.helper('steps_within')}(${c.input(RECURRENT_INPUT.lengths)}, ${x})`;
  return `self.${name}(${x}, mask=${mask}${options})`;
}

/** What a layer is fed, as [B, T, I]: the outputs of the layer below, what a Transpose turned, or x turned here. */
function batchFirst(c: Operands, conversion: Conversion): string {
  const x = c.node.inputs[RECURRENT_INPUT.x]!;
  const before = conversion.made.get(x);
  const steps = before && stepsGivenBy(before, conversion);
  if (steps?.isTimeFirst) return c.value(stepsOf(steps.layer));
  return swapsTimeAndBatch(before) ? c.value(before.inputs[0]!) : c.forms.swapFirst(c.value(x));
}

/** Outputs of a layer with a mask carry that mask to the next one, which has none in the graph: a copy does not. */
function unmasked(x: string, node: RecurrentNode, { made }: Conversion): string {
  const others = [...made.values()].filter((each) => isRecurrent(each) && each !== node);
  return others.some(({ inputs }) => Boolean(inputs[RECURRENT_INPUT.lengths])) ? `ops.copy(${x})` : x;
}

/** `h` or `h, c` [B, H] for each direction, with zeros for one of the two that is left out; none for zeros. */
function initialState(c: Operands): string[] {
  const { hidden, cell } = RECURRENT_INPUT;
  const states = (c.node.op === 'LSTM' ? [hidden, cell] : [hidden]).map((i) => (c.has(i) ? c.input(i) : undefined));
  const given = states.find((state) => state !== undefined);
  if (given === undefined) return [];
  return directionsOf(c.node).flatMap((_, d) =>
    states.map((state) => (state === undefined ? `ops.zeros_like(${given}[${d}])` : `${state}[${d}]`)),
  );
}
