import { moves } from '../graph/operators.ts';
import type { Node } from '../graph/types.ts';

/** True where the output is made of elements of inputs as they are: weights go this way before they are read. */
function putsTogether(node: Node): boolean {
  return node.domain === '' && (node.op === 'Concat' || moves(node) !== undefined || node.op === 'DequantizeLinear');
}

/** Names at which a value begins: what it is made of by moving and putting together alone, itself at least. */
export function storedRoots(name: string, madeBy: (name: string) => Node | undefined): string[] {
  const roots = new Set<string>();
  const seen = new Set<string>();
  const todo = [name];
  for (let at = todo.pop(); at !== undefined; at = todo.pop()) {
    if (at === '' || seen.has(at)) continue;
    seen.add(at);
    const node = madeBy(at);
    if (node === undefined || !putsTogether(node)) roots.add(at);
    else todo.push(...(node.op === 'Concat' ? node.inputs : node.inputs.slice(0, 1)));
  }
  return [...roots];
}
