import { floatsAttribute } from '../graph/attributes.ts';
import type { RecurrentNode } from '../graph/operators.ts';
import { quoted } from '../python/python.ts';
import { activationNames } from '../python/recurrent.ts';
import { directionsOf } from '../recurrent/directions.ts';

/*
 * The activations of recurrent layers: ONNX names those of the gates (f), of what goes into the state (g) and of LSTM's
 * output (h); Keras has `recurrent_activation` for the first and `activation` for both others.
 */

const USUAL = { LSTM: ['sigmoid', 'tanh', 'tanh'], GRU: ['sigmoid', 'tanh'], RNN: ['tanh'] } as const;

/** Activations of ONNX without α and β as Keras writes them; Keras 3 has another hard sigmoid. */
const NAMES: Readonly<Record<string, string>> = {
  ...Object.fromEntries(['elu', 'relu', 'sigmoid', 'softplus', 'softsign', 'tanh'].map((name) => [name, quoted(name)])),
  hardsigmoid: 'hard_sigmoid',
};

/** Arguments of a layer for the activations of a node, or what is strange about them, in words. */
export function activationsFor(node: RecurrentNode): { options: readonly string[] } | { strange: string } {
  const names = activationNames(node);
  if (names === undefined) return { options: [] };
  const usual: readonly string[] = USUAL[node.op];
  const [gate = '', candidate = gate, output = candidate] = names.slice(0, usual.length);
  const areAlike = names.every((name, i) => name === names[i % usual.length]) && output === candidate;
  const known = [gate, candidate].every((name) => Object.hasOwn(NAMES, name));
  if (!areAlike || !known || names.length !== usual.length * directionsOf(node).length) {
    return { strange: `has the activations ${names.join(', ')}` };
  }
  if (hasOwnNumbers(node, names)) return { strange: 'has activations with α or β of their own' };
  const given = node.op === 'RNN' ? { activation: gate } : { activation: candidate, recurrent_activation: gate };
  const standard = node.op === 'RNN' ? ['tanh'] : ['tanh', 'sigmoid'];
  const options = Object.entries(given).flatMap(([option, name], i) =>
    name === standard[i] ? [] : [`${option}=${NAMES[name]}`],
  );
  return { options };
}

/** The functions that such arguments name. */
export function helpersFor(options: readonly string[]): string[] {
  return options.some((option) => option.endsWith('=hard_sigmoid')) ? ['hard_sigmoid'] : [];
}

/** True where α or β is given and is not what Keras has: that of the hard sigmoid is 0.2 and 0.5. */
function hasOwnNumbers(node: RecurrentNode, names: readonly string[]): boolean {
  const [alphas, betas] = ['activation_alpha', 'activation_beta'].map((name) => floatsAttribute(node, name) ?? []);
  if (alphas!.length + betas!.length === 0) return false;
  const isHard = !names.includes('elu') && names.includes('hardsigmoid');
  const areUsual = alphas!.every((alpha) => alpha === Math.fround(0.2)) && betas!.every((beta) => beta === 0.5);
  return !isHard || !areUsual;
}
