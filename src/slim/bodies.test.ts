import { describe, expect, it } from 'vitest';
import { layerInLoop, layersInBranches, sharedInBranches, UNITS } from '../../test/support/bodyModels.ts';
import { largestDifference, numbersOf, randomTensor, runGraph } from '../../test/support/graphs.ts';
import { int64s } from '../graph/attributes.ts';
import { isRecurrent } from '../graph/operators.ts';
import { allNodes } from '../graph/rewrite.ts';
import { storedTensors } from '../graph/stored.ts';
import type { Graph, Model } from '../graph/types.ts';
import { traceModel } from '../groups/traceModel.ts';
import { describeModel } from '../inspect/describe.ts';
import { planCut } from './cut.ts';
import { shrinkModel, shrinkZeros } from './shrink.ts';

/* Recurrent operators inside branches and loops (`bodyModels.ts`). */

const models: Readonly<Record<string, readonly [model: Model, layers: readonly string[]]>> = {
  'a layer in each branch': [layersInBranches(['first', 'second']), ['first', 'second']],
  'layers of one name': [layersInBranches(['lstm', 'lstm']), ['choice/then_branch/lstm', 'choice/else_branch/lstm']],
  'shared weights': [sharedInBranches('forward'), ['choice/then_branch/lstm', 'choice/else_branch/lstm']],
  'shared weights of both directions': [
    sharedInBranches('bidirectional'),
    ['then_branch', 'else_branch'].flatMap((branch) =>
      ['forward', 'reverse'].map((direction) => `choice/${branch}/lstm (${direction})`),
    ),
  ],
  'carried states of a loop': [layerInLoop(), ['step']],
};

/** Outputs for a rate of each branch. */
async function outputsOf(graph: Graph): Promise<number[]> {
  const outputs: number[] = [];
  for (const rate of [8000, 16000]) {
    const feeds = { x: randomTensor([4, 2, 3], 7), ...(graph.inputs.length > 1 && { rate: int64s([], [rate]) }) };
    outputs.push(...numbersOf((await runGraph(graph, feeds)).y!));
  }
  return outputs;
}

const operatorsIn = (graph: Graph) => allNodes(graph).filter(isRecurrent);

describe('recurrent operators inside branches and loops', () => {
  it.each(Object.entries(models))('are listed, and lose what nothing reads: %s', async (_, [model, names]) => {
    const { layers } = describeModel(model);
    expect(layers.map((l) => l.name)).toEqual(names);
    expect(layers.map(({ units, removable, inputSize }) => [units, removable, inputSize])).toEqual(
      names.map(() => [UNITS, 2, 3]),
    );
    const slim = shrinkZeros(model);
    expect(slim.layers.map((l) => l.after)).toEqual(names.map(() => UNITS - 2));
    expect(largestDifference(await outputsOf(model.graph), await outputsOf(slim.model.graph))).toBeLessThan(1e-6);
    // What was one operator with two directions is one again, and shared weights are stored once.
    expect(operatorsIn(slim.model.graph)).toHaveLength(operatorsIn(model.graph).length);
    const matrices = (graph: Graph) => [...storedTensors(graph).values()].filter((t) => t.dims.length === 3).length;
    expect(matrices(slim.model.graph)).toBe(matrices(model.graph));
  });

  it.each(Object.entries(models))('are cut to a size: %s', async (_, [model, names]) => {
    const traced = traceModel(model);
    const plan = planCut(traced, { kind: 'units', units: new Map(names.map((name) => [name, 3])) });
    const cut = shrinkModel(model, traced, plan.removed);
    expect(operatorsIn(cut.model.graph).map((n) => n.attributes.hidden_size)).toEqual(
      operatorsIn(model.graph).map(() => ({ type: 'int', value: 3 })),
    );
    expect(await outputsOf(cut.model.graph)).not.toContain(Number.NaN);
  });

  it('count as the dearer of two branches', () => {
    const { multiplyAdds, parameters } = describeModel(layersInBranches(['first', 'second']));
    const weights = 4 * UNITS * 3 + 4 * UNITS * UNITS + 2 * UNITS;
    expect(multiplyAdds).toBe(weights);
    expect(parameters).toBe(2 * (weights + 4 * UNITS));
  });
});
