import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadArrays } from '../../src/data/arrays.ts';
import { floats } from '../../src/graph/attributes.ts';
import { type AttributeValues, GraphBuilder } from '../../src/graph/builder.ts';
import { modelOf } from '../../src/graph/model.ts';
import type { RecurrentOp } from '../../src/graph/operators.ts';
import { gather, matmul } from '../../src/graph/ops.ts';
import type { ElementType, Model, Tensor } from '../../src/graph/types.ts';
import { loadModel } from '../../src/onnx/file.ts';
import type { PythonSource } from '../../src/python/pythonModule.ts';

/*
 * Modules of Python and small models that become some. The folders in test/fixtures/export were run in each framework by
 * scripts/fixtures/check_exported_models.py; here what is written must be what was run.
 */

interface Differences {
  readonly fixtures: Record<string, number>;
  readonly models: Record<string, number>;
  readonly refused: Record<string, string>;
}

const folder = fileURLToPath(new URL('../fixtures/export/', import.meta.url));
const checked = JSON.parse(readFileSync(join(folder, 'checked.json'), 'utf8')) as {
  tolerance: number;
  frameworks: Record<string, Differences>;
};
const names = readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
  entry.isDirectory() ? [entry.name] : [],
);

/**
 * Tests that a framework ran what is written for the fixtures and, in each run, for at least so many other models, and
 * that it gave there what ONNX Runtime gives.
 */
export function describeExported(
  convert: (model: Model) => PythonSource,
  { runs, within, weightsFile }: { runs: Readonly<Record<string, number>>; within: string; weightsFile: string },
): void {
  describe.each(Object.entries(runs))('models run by %s', (run, least) => {
    const { fixtures, models, refused } = checked.frameworks[run]!;

    it('gave there what they give in ONNX Runtime', () => {
      expect(Object.keys(fixtures).sort()).toEqual(names.toSorted());
      const differences = [...Object.values(fixtures), ...Object.values(models)];
      expect(Math.max(...differences)).toBeLessThan(checked.tolerance);
      expect(Object.keys(models).length).toBeGreaterThanOrEqual(least);
    });

    it('were refused for what the framework lacks', () => {
      const reasons = Object.values(refused);
      expect(reasons.length > 0).toBe(least > 0);
      expect(reasons.filter((why) => /has not$|has no form in (PyTorch|Keras) here$/.test(why))).toEqual(reasons);
    });
  });

  it.each(names)('writes what was run: %s', async (name) => {
    const { source, weights } = convert(await loadModel(join(folder, name, 'model.onnx')));
    expect(source).toBe(readFileSync(join(folder, name, within, 'model.py'), 'utf8'));
    expect(weights).toEqual(await loadArrays(join(folder, name, within, weightsFile)));
  });
}

/** Rows of a matrix [rows, 1] or a vector: their own numbers. */
const counted = (...dims: number[]): Tensor =>
  floats(
    dims,
    Array.from({ length: Math.max(...dims) }, (_, i) => i),
  );

/** One layer over x [T, B, 1] with 2 units, whose weights are the numbers of their rows in ONNX's order. */
export function oneLayer(
  op: RecurrentOp,
  attributes: AttributeValues = {},
  { bias = true }: { bias?: boolean } = {},
): Model {
  const gates = { LSTM: 4, GRU: 3, RNN: 1 }[op];
  const b = new GraphBuilder('one_layer');
  const x = b.input('x', 'float32', ['time', 'batch', 1]);
  const recurrent = floats(
    [1, 2 * gates, 2],
    Array.from({ length: 4 * gates }, (_, i) => Math.floor(i / 2)),
  );
  const inputs = [
    x,
    b.parameter('layer.W', counted(1, 2 * gates, 1)),
    b.parameter('layer.R', recurrent),
    bias ? b.parameter('layer.B', counted(1, 4 * gates)) : undefined,
  ];
  const [y] = b.node(op, inputs, { hidden_size: 2, ...attributes }, ['y']);
  b.output(y!);
  return modelOf(b.build());
}

/** An embedding [3, 2] whose table is the matrix of the head, too. */
export function tiedModel(): Model {
  const b = new GraphBuilder('tied');
  const words = gather(b.parameter('words', floats([3, 2], [1, 2, 3, 4, 5, 6])), b.input('tokens', 'int64', ['batch']));
  b.output(matmul(words, b.parameter('head.weight', floats([2, 3], [1, 3, 5, 2, 4, 6]))), 'y');
  return modelOf(b.build());
}

/** A model that computes y by an operator from x [batch, 2] and a stored tensor k. */
export function oneOperator(op: string, given: ElementType, stored: Tensor, attributes: AttributeValues = {}): Model {
  const b = new GraphBuilder('one_operator');
  const x = b.input('x', given, ['batch', 2]);
  const [y] = b.node(op, [x, b.parameter('k', stored)], attributes, ['y']);
  b.output(y!);
  return modelOf(b.build());
}

/** What the line of a source that makes y assigns to it. */
export function codeOf({ source }: PythonSource): string | undefined {
  const mark = '        y = ';
  return source
    .split('\n')
    .find((line) => line.startsWith(mark))
    ?.slice(mark.length);
}

/** A weight's numbers. */
export const numbersOf = ({ weights }: PythonSource, name: string) => Array.from<unknown>(weights.get(name)!.data);
