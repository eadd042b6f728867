import { SlimError } from '../base/errors.ts';
import { Recent } from '../base/recent.ts';
import { modelOf } from '../graph/model.ts';
import { statesOf } from '../graph/states.ts';
import type { Model } from '../graph/types.ts';
import type { TracedModel } from '../groups/traceModel.ts';
import { constantPerUse } from '../passes/constantPerUse.ts';
import { withoutDropout } from '../passes/withoutDropout.ts';
import type { Session, Tensors } from '../runtime/runtime.ts';
import { zerosFor } from '../runtime/zeros.ts';
import { addSquares, GATES, gatedReaders, gateGradients, openGates, rootMeanSquares } from '../slim/unitGates.ts';
import { type BatchShape, LOSS, type Problem, type Split, shapeKey } from '../tasks/task.ts';
import { MOST_SHAPES, type SessionSettings, usedBy } from './step.ts';
import { liftConstants } from './trainedWeights.ts';

/** On what a loss is differentiated. */
export interface LossTaylorOptions extends SessionSettings {
  readonly problem: Problem;
  readonly split?: Split;
  /** Batches at most, the first ones of an epoch in the order that `seed` gives. */
  readonly batches?: number;
  readonly seed?: number;
}

/**
 * How much a task's loss changes, to first order, without a unit (Molchanov et al. 2019, equation 8): for each component
 * the root of E[(Σ w · ∂L/∂w)²] over batches, summed over the weights w that read it, L the mean loss of a batch's items.
 * As `measureTaylor`, with labels. A loss that is at its least where the model is says nothing: that of a student that is
 * its own teacher. Throws a SlimError where the loss has no derivatives, or gives NaN or infinity.
 */
export async function measureLossTaylor(
  { prepared, groups }: TracedModel,
  { problem, runtime, threads, split = 'train', batches: most = 16, seed = 1 }: LossTaylorOptions,
): Promise<Float64Array> {
  const squares = new Float64Array(groups.count);
  const readers = groups.axes.filter((axis) => axis.role === 'reads');
  if (readers.length === 0) return squares;
  const model = liftConstants(withoutDropout({ ...prepared, graph: constantPerUse(prepared.graph) }));
  for (const { tensor } of readers) {
    // A loss graph keeps the names of initializers alone.
    if (!model.graph.initializers.has(tensor)) {
      throw new SlimError(`'${tensor}' reads units and is stored where a task's loss cannot be differentiated by it`);
    }
  }
  const compile = async (shape: BatchShape): Promise<Compiled> => {
    const made = lossGradients(model, groups, problem, shape);
    return { ...made, session: await runtime.createSession(modelOf(made.graph), { threads, plansMemory: false }) };
  };
  const sessions = new Recent<Compiled>(MOST_SHAPES, ({ session }) => session.release());
  const batches = problem.batches(split, { epoch: 0, seed, rank: 0, ranks: 1 });
  const carried: Record<string, Tensors[string]> = {};
  let seen = 0;
  try {
    for (let i = 0; i < batches.count && seen < most; i++) {
      const shape = batches.shapeOf(i);
      const { graph, gradient, states, perItem, session } = await sessions.get(shapeKey(shape), () => compile(shape));
      const batch = batches.feeds(shape);
      const items = batches.fill(i, batch);
      if (items === 0) continue;
      const feeds = usedBy(graph, { ...batch, ...carried, [GATES]: openGates(groups) });
      const results = await session.run({ ...feeds, ...zerosFor(graph.inputs, feeds) });
      for (const { input, output } of states) carried[input] = results[output]!;
      addSquares(squares, results[gradient]!, perItem ? 1 : 1 / items);
      seen++;
    }
  } finally {
    await sessions.clear();
  }
  if (seen === 0) throw new SlimError('nothing counts in the data that a loss is differentiated on');
  return rootMeanSquares(squares, seen);
}

type Compiled = ReturnType<typeof lossGradients> & { readonly session: Session };

/** ∂L/∂g for batches of these sizes, the states that go on to the next batch, and whether L is the mean over the items. */
function lossGradients(model: Model, groups: TracedModel['groups'], problem: Problem, shape: BatchShape) {
  const loss = problem.lossGraph(model, shape);
  const states = problem.carriesState ? statesOf(model) : [];
  const gated = gatedReaders(loss.graph, groups);
  const outputs = states.map((s) => s.output);
  return { ...gateGradients(gated, LOSS, outputs), states, perItem: loss.reduction === 'mean' };
}
