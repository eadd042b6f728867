import { describe, expect, it } from 'vitest';
import { wrongGradients } from '../../test/support/gradientCheck.ts';
import { numbersOf, runGraph } from '../../test/support/graphs.ts';
import { zeroSlices } from '../../test/support/models.ts';
import { UsageError } from '../base/errors.ts';
import { floats } from '../graph/attributes.ts';
import type { Model, Tensor } from '../graph/types.ts';
import { traceGroups } from '../groups/trace.ts';
import { cellNames } from '../nn/layers.ts';
import { bindDims } from '../passes/bindDims.ts';
import { lowerRecurrent } from '../passes/lowerRecurrent.ts';
import { parametersAsInputs } from '../passes/parametersAsInputs.ts';
import { withoutDropout } from '../passes/withoutDropout.ts';
import { nodeRuntime } from '../runtime/node.ts';
import type { Tensors } from '../runtime/runtime.ts';
import { shrinkZeros } from '../slim/shrink.ts';
import { assertEqual } from '../verify/verify.ts';
import { LOGITS, TOKENS } from './languageModel.ts';
import { classifierSizes, LENGTHS, pools, type TextClassifierOptions, textClassifier } from './textClassifier.ts';

const sizes = { vocabulary: 7, embedding: 4, hidden: [3, 4], classes: 3, initScale: 0.8 };
const texts = [[3, 1, 6, 2, 5], [4], [2, 2, 0]];

/** Texts side by side, padded to `time` steps with a word of their own. */
function feedsOf(chosen: readonly (readonly number[])[], time: number, padding = 0): Record<string, Tensor> {
  const tokens = new Int32Array(time * chosen.length).fill(padding);
  chosen.forEach((text, b) => {
    text.forEach((word, t) => {
      tokens[t * chosen.length + b] = word;
    });
  });
  return {
    [TOKENS]: { elementType: 'int32', dims: [time, chosen.length], data: tokens },
    [LENGTHS]: { elementType: 'int32', dims: [chosen.length], data: Int32Array.from(chosen, (text) => text.length) },
  };
}

async function logitsOf(model: Model, feeds: Tensors): Promise<number[]> {
  return numbersOf((await runGraph(withoutDropout(model).graph, feeds))[LOGITS]!);
}

const closeTo = (values: readonly number[]) => values.map((v) => expect.closeTo(v, 5));

const cases = cellNames.flatMap((cell) =>
  pools.flatMap((pool) => [false, true].map((bidirectional) => ({ cell, pool, bidirectional }))),
);

describe.each(cases)('a classifier of $cell, $pool, both directions: $bidirectional', (kind) => {
  const options: TextClassifierOptions = { ...sizes, ...kind };
  const model = textClassifier(options);

  it('tells the same of a text alone and beside longer ones, whatever the padding', async () => {
    const together = await logitsOf(model, feedsOf(texts, 6, 1));
    const alone = [];
    for (const text of texts) alone.push(...(await logitsOf(model, feedsOf([text], text.length))));
    expect(together).toEqual(closeTo(alone));
  });

  it('has the gradients of finite differences', async () => {
    const wrongOf = (seed: number) => {
      const { graph } = textClassifier({ ...options, seed });
      const bound = lowerRecurrent(bindDims(graph, { time: 5, batch: 3 }));
      const { graph: fed, parameters } = parametersAsInputs(bound);
      const weights = parameters.map(({ name, dims }) => [name, { ...graph.initializers.get(name)!, dims }]);
      return wrongGradients(fed, { ...feedsOf(texts, 5), ...Object.fromEntries(weights) });
    };
    // Where two steps are nearly equal, finite differences see both sides of the kink of the maximum.
    const found = [];
    for (let seed = 1; seed <= (kind.pool === 'max' ? 10 : 1) && found.at(-1)?.length !== 0; seed++) {
      found.push(await wrongOf(seed));
    }
    expect(found.at(-1)).toEqual([]);
  });

  it('loses units that nothing reads and computes the same', async () => {
    const groups = traceGroups(model.graph);
    const directions = kind.bidirectional ? 2 : 1;
    expect(groups.layers.map((layer) => layer.components.length)).toEqual([
      ...Array(directions).fill(3),
      ...Array(directions).fill(4),
    ]);
    expect(groups.layers.every((layer) => layer.blocked === undefined && !layer.components.includes(-1))).toBe(true);
    // The first unit of each layer and direction, and two of the last one.
    const chosen = new Set(groups.layers.map((layer) => layer.components[0]!));
    chosen.add(groups.layers.at(-1)!.components[2]!);
    const sparse = { ...model, graph: zeroSlices(model.graph, groups, chosen, ['reads']) };
    const { model: slim, layers } = shrinkZeros(sparse);
    expect(layers.map((layer) => layer.before - layer.after)).toEqual([...Array(2 * directions - 1).fill(1), 2]);
    const difference = await assertEqual(nodeRuntime, sparse, slim, { feeds: [feedsOf(texts, 5)] });
    expect(difference.maxRelativeDifference).toBeLessThan(1e-5);
  });
});

describe('textClassifier', () => {
  it('reads a text backwards as it reads the turned text forwards', async () => {
    const model = textClassifier({ ...sizes, bidirectional: true, hidden: [3], pool: 'last' });
    const swapped = (name: string) =>
      name.includes('forward') ? name.replace('forward', 'reverse') : name.replace('reverse', 'forward');
    const initializers = new Map([...model.graph.initializers].map(([name, tensor]) => [swapped(name), tensor]));
    const head = numbersOf(initializers.get('head.weight')!);
    initializers.set('head.weight', floats([6, 3], [...head.slice(9), ...head.slice(0, 9)]));
    const turned = { ...model, graph: { ...model.graph, initializers } };
    const backwards = texts.map((text) => [...text].reverse());
    expect(await logitsOf(turned, feedsOf(backwards, 5))).toEqual(closeTo(await logitsOf(model, feedsOf(texts, 5))));
  });

  it('has dropout on the embedding, between layers and before the classes', () => {
    const dropouts = (options: object) =>
      textClassifier({ ...sizes, ...options }).graph.nodes.filter((node) => node.op === 'Dropout').length;
    expect([{ keep: 1 }, { keep: 0.5 }, { keep: 0.5, hidden: [3] }].map(dropouts)).toEqual([0, 3, 2]);
  });

  it('needs a layer', () => {
    expect(() => textClassifier({ ...sizes, hidden: [] })).toThrow(UsageError);
  });
});

describe('the sizes of a classifier', () => {
  it.each(cellNames.flatMap((cell) => [false, true].map((bidirectional) => [cell, bidirectional] as const)))(
    'are those that its weights show: %s, bidirectional %s',
    (cell, bidirectional) => {
      const { embedding, hidden } = sizes;
      expect(classifierSizes(textClassifier({ ...sizes, cell, bidirectional }))).toEqual({
        ...{ cell, embedding, hidden, bidirectional },
      });
    },
  );

  it('have no name where the directions of a layer have lost differently', () => {
    const model = textClassifier({ ...sizes, hidden: [3], bidirectional: true });
    const initializers = new Map(model.graph.initializers);
    initializers.set('lstm_0_reverse.recurrent', floats([1, 8, 2], Array(16).fill(0)));
    expect(classifierSizes({ ...model, graph: { ...model.graph, initializers } })).toBeUndefined();
  });
});
