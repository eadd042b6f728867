import type { WordVectors } from '../../data/wordVectors.ts';
import { removeDeadNodes, replaceWith, rewriteNodes } from '../../graph/rewrite.ts';
import type { Graph, Model, Tensor } from '../../graph/types.ts';
import { QUESTION_INPUTS, vectorsOf, WORD_VECTORS } from '../../models/bidaf.ts';

/*
 * The table of word vectors that are not trained is by far the largest part of a model that answers questions, and the
 * same in all models that were trained with it. What a passage and a question need of it can be fed instead.
 */

/** Name of the input that takes the vectors [T, B, size] of the words of an input, where the model has a table of them. */
export function fedVectors(words: string): string {
  return `${vectorsOf(words)}_fed`;
}

/** Size of the vectors in a model's table; undefined for a model that has none, or not in float32. */
export function vectorSizeOf({ initializers, inputs }: Graph): number | undefined {
  const dims = initializers.get(WORD_VECTORS)?.dims ?? inputs.find(({ name }) => name === WORD_VECTORS)?.type.shape;
  return dims?.[1] as number | undefined;
}

/**
 * The graph whose table of word vectors is gone: what it looked up is fed. A graph without a table, or with one that is
 * not looked up as `bidaf` does, is returned as it is.
 */
export function withFedVectors(graph: Graph): Graph {
  const size = vectorSizeOf(graph);
  if (size === undefined) return graph;
  const words = new Map([QUESTION_INPUTS.passage, QUESTION_INPUTS.question].map((name) => [vectorsOf(name), name]));
  if (!graph.nodes.some(({ outputs }) => words.has(outputs[0] ?? ''))) return graph;
  const rewritten = rewriteNodes(graph, (b, node) => {
    const name = words.get(node.outputs[0] ?? '');
    if (name === undefined) return false;
    const dims = b.value(name).type.shape ?? [];
    return replaceWith(b, node, b.input(fedVectors(name), 'float32', [...dims, size]));
  });
  const { inputs, ...alive } = removeDeadNodes(rewritten);
  return { ...alive, inputs: inputs.filter(({ name }) => name !== WORD_VECTORS) };
}

/** The model without its table of word vectors, which becomes an input: a file to train on from. */
export function withoutVectorTable(model: Model): Model {
  const { graph } = model;
  const table = graph.initializers.get(WORD_VECTORS);
  if (table === undefined) return model;
  const { elementType, dims } = table;
  const initializers = new Map([...graph.initializers].filter(([name]) => name !== WORD_VECTORS));
  const inputs = [...graph.inputs, { name: WORD_VECTORS, type: { elementType, shape: [...dims] } }];
  return { ...model, graph: { ...graph, initializers, inputs } };
}

/** Whether the table of word vectors is an input, as `withoutVectorTable` leaves it. */
export function hasOpenTable({ inputs }: Graph): boolean {
  return inputs.some(({ name }) => name === WORD_VECTORS);
}

/** How far values of the same vectors are apart at most, as a share of the largest in a table: 16 and 8 bits are rounded. */
const ROUNDED = 5e-3;

/**
 * The model with a table of the same vectors in the place of its own, or of the input that stands for it; undefined where
 * the vectors are others. A model without such a place is returned as it is.
 */
export function withVectorTable(model: Model, table: Tensor | undefined): Model | undefined {
  const { graph } = model;
  const own = graph.initializers.get(WORD_VECTORS);
  if (table === undefined || (own === undefined && !hasOpenTable(graph))) return model;
  if (own !== undefined && !isSameTable(own, table)) return undefined;
  const inputs = graph.inputs.filter(({ name }) => name !== WORD_VECTORS);
  return {
    ...model,
    graph: { ...graph, inputs, initializers: new Map([...graph.initializers, [WORD_VECTORS, table]]) },
  };
}

function isSameTable(a: Tensor, b: Tensor): boolean {
  return a.dims.join() === b.dims.join() && isNear(b.data as Float32Array, a.data as Float32Array, largestIn(b));
}

/**
 * Whether vectors are those of a graph's table, whose rows are of these words, as far as both have the words. A graph that
 * has no table cannot tell.
 */
export function hasVectors({ initializers }: Graph, words: readonly string[], { size, vectors }: WordVectors): boolean {
  const table = initializers.get(WORD_VECTORS);
  if (table === undefined) return true;
  const largest = largestIn(table);
  const row = (i: number) => (table.data as Float32Array).subarray(i * size, (i + 1) * size);
  return words.every((word, i) => {
    const given = vectors.get(word);
    return given === undefined || isNear(given, row(i), largest);
  });
}

function isNear(values: Float32Array, others: Float32Array, largest: number): boolean {
  return values.every((value, i) => Math.abs(value - others[i]!) <= ROUNDED * largest);
}

function largestIn({ data }: Tensor): number {
  return (data as Float32Array).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}
