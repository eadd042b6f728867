import { UsageError } from '../base/errors.ts';
import { didYouMean } from '../base/suggest.ts';
import { withType } from '../graph/convert.ts';
import { formatShape, sizeOf } from '../graph/dims.ts';
import { emptyData } from '../graph/tensors.ts';
import type { Graph, Tensor, ValueInfo } from '../graph/types.ts';
import type { Tensors } from '../runtime/runtime.ts';
import { boundDims, refuseEmpty } from './randomInputs.ts';

/**
 * Finds the array for each input of a graph and gives it the input's element type; `unused` are the names of arrays that
 * belong to no input (targets, lengths). States may be missing. Throws a
 * UsageError when another input has no array, when an array does not fit the declared shape or the other arrays, and
 * when its values do not fit the element type. `source` names the file in messages.
 */
export function givenInputs(
  graph: Graph,
  states: ReadonlySet<string>,
  arrays: ReadonlyMap<string, Tensor>,
  source: string,
): { feeds: Tensors; unused: readonly string[] } {
  const inputs = new Set(graph.inputs.map((v) => v.name));
  const unused = [...arrays.keys()].filter((name) => !inputs.has(name));
  const feeds: Record<string, Tensor> = {};
  /** Sizes of the free dimensions so far, and the inputs that they come from. */
  const sizes = new Map<string, { readonly size: number; readonly input: string }>();
  for (const input of graph.inputs) {
    const array = arrays.get(input.name);
    if (array === undefined) {
      refuseMissing(input.name, states.has(input.name), unused, graph, source);
      continue;
    }
    refuseEmpty(input);
    checkDims(input, array, sizes, source);
    feeds[input.name] = withType(array, input.type.elementType, `array '${input.name}' of ${source}`);
  }
  return { feeds, unused };
}

/** A missing state starts at zero, unless one of the arrays looks like a misspelt one. */
function refuseMissing(name: string, isState: boolean, unused: readonly string[], graph: Graph, source: string): void {
  const hint = didYouMean(name, unused);
  if (isState && hint === '') return;
  const inputs = graph.inputs.map((v) => `'${v.name}' ${v.type.elementType} ${formatShape(v.type.shape)}`).join(', ');
  throw new UsageError(
    `${source} has no array for input '${name}'${hint}; arrays go by the names of the model's inputs: ${inputs}`,
  );
}

function checkDims(
  { name, type }: ValueInfo,
  { dims }: Tensor,
  sizes: Map<string, { size: number; input: string }>,
  source: string,
): void {
  const declared = type.shape;
  const misfit = (why: string) =>
    new UsageError(
      `array '${name}' of ${source} has dimensions [${dims.join(', ')}]; ` +
        `the model declares ${formatShape(declared)}${why}`,
    );
  if (sizeOf(dims) === 0) throw misfit(', and there is nothing to compare in an empty array');
  if (declared === undefined) return;
  if (declared.length !== dims.length) throw misfit('');
  declared.forEach((wanted, axis) => {
    const size = dims[axis]!;
    if (typeof wanted === 'number') {
      if (wanted !== size) throw misfit(`: axis ${axis} must be ${wanted}, not ${size}`);
      return;
    }
    const known = sizes.get(wanted);
    if (known === undefined) sizes.set(wanted, { size, input: name });
    else if (known.size !== size) {
      throw misfit(`: '${wanted}' is ${size} here, but ${known.size} in array '${known.input}'`);
    }
  });
}

/** Zero states that fit a window: free dimensions take the sizes that the window's inputs have. */
export function zeroStates(graph: Graph, states: ReadonlySet<string>, window: Tensors): Tensors {
  const sizes: Record<string, number> = {};
  for (const { name, type } of graph.inputs) {
    type.shape?.forEach((d, i) => {
      const size = window[name]?.dims[i];
      if (typeof d === 'string' && size !== undefined) sizes[d] = size;
    });
  }
  const missing = graph.inputs.filter((v) => states.has(v.name) && !(v.name in window));
  return Object.fromEntries(
    missing.map((v) => {
      const { elementType } = v.type;
      const dims = boundDims(v, sizes);
      return [v.name, { elementType, dims, data: emptyData(elementType, sizeOf(dims)) }];
    }),
  );
}
