import { UsageError } from '../base/errors.ts';
import { didYouMean } from '../base/suggest.ts';
import { constantNode } from '../graph/attributes.ts';
import { formatShape } from '../graph/dims.ts';
import type { Dim, Graph, Model, Tensor, ValueInfo } from '../graph/types.ts';
import { bindDims } from './bindDims.ts';

/** What is known of a model's inputs before it runs. */
export interface Given {
  /** Values of inputs, by name; these inputs disappear. */
  readonly values?: ReadonlyMap<string, Tensor> | undefined;
  /** Sizes by the name of a free dimension, or by input and axis, as `input.1`. */
  readonly sizes?: Readonly<Record<string, number>> | undefined;
}

/** True when nothing is given. */
export function isNothing({ values, sizes }: Given): boolean {
  return (values?.size ?? 0) === 0 && Object.keys(sizes ?? {}).length === 0;
}

/**
 * The model with values of inputs as constants and sizes of free dimensions fixed, and nothing else changed. Throws a
 * UsageError for inputs, dimensions and axes that it does not have, and for values and sizes that do not fit.
 */
export function withGiven(model: Model, given: Given): Model {
  if (isNothing(given)) return model;
  const sizes: Record<string, number> = {};
  for (const [name, size] of Object.entries(given.sizes ?? {}))
    fix(sizes, dimOf(model.graph, name), size, `size ${name}`);
  for (const [name, tensor] of given.values ?? []) {
    const info = inputNamed(model.graph, name);
    checkValue(info, tensor);
    for (const [axis, dim] of (info.type.shape ?? []).entries())
      fix(sizes, dim, tensor.dims[axis]!, `value of ${name}`);
  }
  const values = given.values ?? new Map<string, Tensor>();
  const bound = Object.keys(sizes).length === 0 ? model.graph : bindDims(model.graph, sizes);
  return {
    ...model,
    graph: {
      ...bound,
      inputs: bound.inputs.filter(({ name }) => !values.has(name)),
      nodes: [...[...values].map(([name, tensor]) => constantNode(name, tensor)), ...bound.nodes],
    },
  };
}

/** True where `size NAME` means something: a free dimension, or an axis of an input as INPUT.AXIS. */
export function hasSize(graph: Graph, name: string): boolean {
  const [, input, axis] = /^(.+)\.(\d+)$/.exec(name) ?? [];
  const info = graph.inputs.find((each) => each.name === input);
  return freeNames(graph).includes(name) || info?.type.shape?.[Number(axis)] !== undefined;
}

function inputNamed({ inputs }: Graph, name: string): ValueInfo {
  const found = inputs.find((info) => info.name === name);
  if (found) return found;
  const names = inputs.map((info) => info.name);
  throw new UsageError(`the model has no input '${name}'${didYouMean(name, names)}; it has ${listed(names)}`);
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? 'none' : names.map((name) => `'${name}'`).join(', ');
}

/** Names of the free dimensions of inputs, but for those that are computed from others ("2*batch"). */
function freeNames({ inputs }: Graph): string[] {
  const dims = inputs.flatMap(({ type }) => type.shape ?? []);
  return [...new Set(dims.filter((dim): dim is string => typeof dim === 'string' && !isComputed(dim)))];
}

function isComputed(dim: string): boolean {
  return /[*+()]/.test(dim);
}

/** The dimension that a name means: a free one, or that of an input's axis. */
function dimOf(graph: Graph, name: string): Dim {
  const free = freeNames(graph);
  if (free.includes(name)) return name;
  const [, input, axis] = /^(.+)\.(\d+)$/.exec(name) ?? [];
  const info = graph.inputs.find((each) => each.name === input);
  if (info && axis !== undefined) {
    const dim = info.type.shape?.[Number(axis)];
    if (dim !== undefined) return dim;
    throw new UsageError(`size ${name}: input '${input}' ${formatShape(info.type.shape)} has no axis ${axis}`);
  }
  const suggestion = didYouMean(name, free);
  const inputs = graph.inputs.map(({ name, type }) => `${name} ${formatShape(type.shape)}`).join(', ');
  throw new UsageError(
    `size ${name}: the model has no free dimension '${name}'${suggestion}; there are ${listed(free)} ` +
      `(or INPUT.AXIS=NUMBER, of ${inputs})`,
  );
}

/** Fixes a dimension at a size, which must not contradict another. */
function fix(sizes: Record<string, number>, dim: Dim, size: number, what: string): void {
  const known = typeof dim === 'number' ? dim : sizes[dim];
  if (known !== undefined && known !== size) {
    const why = typeof dim === 'number' ? `the model fixes it at ${known}` : `'${dim}' is ${known} already`;
    throw new UsageError(`${what}: ${size} does not fit, ${why}`);
  }
  if (typeof dim !== 'string') return;
  if (isComputed(dim))
    throw new UsageError(`${what}: the dimension '${dim}' is computed from others; give the size of those`);
  sizes[dim] = size;
}

function checkValue({ name, type, opaque }: ValueInfo, { elementType, dims }: Tensor): void {
  if (opaque !== undefined) throw new UsageError(`input '${name}' is ${opaque}: no value can be given for it`);
  if (elementType !== type.elementType) {
    throw new UsageError(`input '${name}' is ${type.elementType}, the value given for it ${elementType}`);
  }
  const { shape } = type;
  const fits =
    shape === undefined ||
    (shape.length === dims.length && shape.every((d, i) => typeof d === 'string' || d === dims[i]));
  if (!fits) {
    throw new UsageError(`input '${name}' is ${formatShape(shape)}, the value given for it [${dims.join(', ')}]`);
  }
}
