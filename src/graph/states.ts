import { SlimError } from '../base/errors.ts';
import type { Graph, Model } from './types.ts';

/**
 * A streaming state: what comes out at `output` goes in at `input` with the next window of the same text.
 * ONNX has no word for it, so the pairs are kept in the file's metadata under `slimrnn.states`.
 */
export interface StatePair {
  readonly input: string;
  readonly output: string;
}

const KEY = 'slimrnn.states';

/** Metadata entry that records a model's streaming states. */
export function stateMetadata(states: readonly StatePair[]): Record<string, string> {
  return { [KEY]: JSON.stringify(states) };
}

/** True for a model whose metadata says which streaming states it has, be it none. */
export function namesStates(model: Model): boolean {
  return model.metadata[KEY] !== undefined;
}

/** The streaming states that the metadata names, be it none. Throws a SlimError where they do not fit the graph. */
export function statesOf(model: Model): StatePair[] {
  const text = model.metadata[KEY];
  if (text === undefined) return [];
  let states: unknown;
  try {
    states = JSON.parse(text);
  } catch {
    throw new SlimError(`metadata '${KEY}' is not JSON: ${text}`);
  }
  if (!Array.isArray(states)) throw new SlimError(`metadata '${KEY}' must be a list of { input, output }, got ${text}`);
  return states.map((s) => checkState(model.graph, s));
}

function checkState(graph: Graph, state: unknown): StatePair {
  const given = state as Partial<StatePair>;
  const check = (end: 'input' | 'output') => {
    const name = given[end];
    if (typeof name === 'string' && graph[`${end}s`].some((v) => v.name === name)) return name;
    throw new SlimError(`metadata '${KEY}' names the ${end} '${name}', which the graph does not have`);
  };
  return { input: check('input'), output: check('output') };
}
