import { UsageError } from '../base/errors.ts';
import { didYouMean } from '../base/suggest.ts';
import type { GroupLayer } from './groups.ts';

/**
 * The layers that a user means by a name: the layer's own, a bidirectional node's for both its directions, or any part
 * of it that only one node has (`lstm` for `/encoder/lstm/LSTM`; whole segments come before other parts, and case does
 * not matter). Throws a UsageError when there is none, or several nodes have that part.
 */
export function layersNamed<L extends Pick<GroupLayer, 'name'>>(layers: readonly L[], typed: string): L[] {
  const wanted = typed.toLowerCase();
  const tests: ((name: string) => boolean)[] = [
    (name) => name === typed || nodeName(name) === typed,
    (name) => name.toLowerCase() === wanted || nodeName(name).toLowerCase() === wanted,
    (name) => nodeName(name).toLowerCase().split(/[/.]/).includes(wanted) && wanted !== '',
    (name) => wanted !== '' && name.toLowerCase().includes(wanted),
  ];
  for (const test of tests) {
    const found = layers.filter((l) => test(l.name));
    const nodes = new Set(found.map((l) => nodeName(l.name)));
    if (nodes.size === 1) return found;
    if (nodes.size > 1) {
      throw new UsageError(`'${typed}' may mean any of ${quoted(nodes)}; write more of the name`);
    }
  }
  const names = layers.map((l) => l.name);
  throw new UsageError(
    names.length === 0
      ? `there is no layer '${typed}': the model has no layers with units`
      : `there is no layer '${typed}'${didYouMean(typed, [...names, ...names.map(nodeName)])}; ` +
          `layers are ${quoted(names)}`,
  );
}

/** A layer's name without its direction. */
function nodeName(layer: string): string {
  return layer.replace(/ \((forward|reverse)\)$/, '');
}

function quoted(names: Iterable<string>): string {
  return [...names].map((n) => `'${n}'`).join(', ');
}
