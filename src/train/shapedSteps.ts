import { Recent } from '../base/recent.ts';
import type { Model, Tensor } from '../graph/types.ts';
import { shapeKey } from '../tasks/shapeKey.ts';
import type { Batches, Problem } from '../tasks/task.ts';
import { type TrainingGraph, trainingGraph } from './compile.ts';
import type { WeightMemory } from './memory.ts';
import { type CompiledStep, compileStep, type SessionSettings } from './step.ts';

/** Most shapes that are compiled at a time: each session holds the activations of its sizes. */
export const MOST_SHAPES = 32;

/** What steps are compiled for. */
export interface ShapedStepsOptions extends SessionSettings {
  readonly problem: Problem;
  readonly structure: Model;
  /** Names of the weights that are trained. */
  readonly trained: ReadonlySet<string>;
  readonly memory: WeightMemory;
  /** States that go on from batch to batch, whatever the shapes of the batches. */
  readonly carried: Map<string, Tensor>;
}

/** Compiled training steps, one for each batch shape, over the weights of one memory. */
export class ShapedSteps {
  private readonly options: ShapedStepsOptions;
  private readonly steps = new Recent<CompiledStep>(MOST_SHAPES, ({ session }) => session.release());

  constructor(options: ShapedStepsOptions) {
    this.options = options;
  }

  /** The step for a batch, compiled where it is the first one of its shape; `plan` is its graph, if it is made already. */
  async for(batches: Batches, index: number, plan?: TrainingGraph): Promise<CompiledStep> {
    const shape = batches.shapeOf(index);
    return this.steps.get(shapeKey(shape), () => {
      const { structure, problem, trained, memory, carried } = this.options;
      const graph = plan ?? trainingGraph(structure, problem, trained, shape);
      return compileStep(graph, memory, batches.feeds(shape), carried, this.options);
    });
  }

  release(): Promise<void> {
    return this.steps.clear();
  }
}
