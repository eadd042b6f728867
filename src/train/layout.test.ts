import { describe, expect, it } from 'vitest';
import { torchModel } from '../../test/fixtures/torch/lstmLanguageModel.ts';
import { floats } from '../graph/attributes.ts';
import { GraphBuilder } from '../graph/builder.ts';
import { modelOf } from '../graph/model.ts';
import { add, gather } from '../graph/ops.ts';
import type { Dim } from '../graph/types.ts';
import { LOGITS, TOKENS } from '../models/languageModel.ts';
import { layOut } from './layout.ts';
import { trainingGraph } from './trainingGraph.ts';

const sizes = { batch: 2, time: 3 };

/** A model whose logits are the sum of two rows of one table. */
function twoLookups(shape: readonly Dim[], count = 2) {
  const b = new GraphBuilder('lookups');
  const table = b.parameter('table', floats([3, 2], [1, 2, 3, 4, 5, 6]));
  const tokens = b.input(TOKENS, 'int32', shape);
  const rows = Array.from({ length: count }, () => gather(table, tokens));
  b.output(add(rows.reduce(add), 0), LOGITS);
  return modelOf(b.build());
}

describe('layOut', () => {
  it('gives no two buffers the same memory, and copies the weights', () => {
    const model = torchModel({ keep: 0.5 });
    const { trained, feeds, fetches } = layOut(model, trainingGraph(model, LOGITS, sizes), undefined);
    const tensors = [...Object.values(feeds), ...Object.values(fetches)].flatMap(({ data }) =>
      data instanceof Float32Array ? [[data.byteOffset, data.byteOffset + data.byteLength] as const] : [],
    );
    tensors.sort(([a], [b]) => a - b);
    tensors.forEach(([start], i) => {
      if (i > 0) expect(start).toBeGreaterThanOrEqual(tensors[i - 1]![1]);
    });
    for (const { name, weights } of trained.parameters) {
      expect([...weights.data]).toEqual([...(model.graph.initializers.get(name)!.data as Float32Array)]);
    }
  });

  it('makes a table that is looked up twice a parameter, to which both lookups give their gradient', () => {
    const model = twoLookups(['time', 'batch']);
    const { trained, feeds } = layOut(model, trainingGraph(model, LOGITS, sizes), undefined);
    expect(trained.tables).toEqual([]);
    const [parameter] = trained.parameters;
    expect(trained.parameters.map((p) => p.name)).toEqual(['table']);
    expect(trained.shared.map((s) => [s.parameter === parameter, s.isWritten])).toEqual([
      [true, false],
      [true, false],
    ]);
    // The graph reads rows, not the table.
    expect(Object.keys(feeds)).not.toContain('table');
  });

  it('refuses free dimensions other than batch and time', () => {
    const model = twoLookups(['steps', 'batch'], 1);
    const plan = trainingGraph(model, LOGITS, sizes);
    expect(() => layOut(model, plan, undefined)).toThrow('must have fixed dimensions in training, got [steps, 2, 2]');
  });
});
